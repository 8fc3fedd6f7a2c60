import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Places of buffers in a model file")
struct StoredPlanTests {
  /// 21 tokens: the lean plan takes 16 of them at a time.
  private static let example = IntegerModelCase.random(
    IntegerModelCase.configuration { ($0.imageHeight, $0.imageWidth) = (4 * $0.patchSize, 5 * $0.patchSize) })

  private static func key(_ kind: PlanKind) -> String { ModelKey.metadata(ModelKey.planOffsets(kind)) }

  private static func places(_ file: GGUFWriter, _ kind: PlanKind) throws -> [Int] {
    try GGUFReader(parsing: file.serialized().span.bytes).ints(key(kind))
  }

  @Test("The places of one thread's buffers are those that the file holds", arguments: PlanKind.allCases)
  func areUsed(kind: PlanKind) throws {
    var file = try Self.example.quantized().encoded()
    var places = try Self.places(file, kind)
    let model = try IntegerModel(file.serialized())
    let plan = ForwardPlan(model, kind: kind)
    #expect(plan.memory.buffers.map { $0.offset / MemoryPlan.alignment } == places)
    // The highest buffer, somewhat higher.
    let highest = try #require(
      plan.memory.buffers.indices.max { plan.memory.buffers[$0].offset < plan.memory.buffers[$1].offset })
    places[highest] += 2
    file.set(Self.key(kind), .uint32s(places.map { UInt32($0) }))
    let moved = try IntegerModel(file.serialized())
    let movedPlan = ForwardPlan(moved, kind: kind)
    #expect(movedPlan.memory.buffers[highest].offset == plan.memory.buffers[highest].offset + 2 * MemoryPlan.alignment)
    #expect(movedPlan.arenaByteCount > plan.arenaByteCount)
    let pixels = Self.example.pixels(model)[0]
    let expected = try InferenceSession(model: model).run(pixels).crc32
    for threads in [1, 2] {
      #expect(try InferenceSession(model: moved, threads: threads, plan: kind).run(pixels).crc32 == expected)
    }
  }

  @Test("A place on another buffer, outside the arena or missing is an invalid file", arguments: PlanKind.allCases)
  func wrongPlaces(kind: PlanKind) throws {
    let file = try Self.example.quantized().encoded()
    let places = try Self.places(file, kind)
    let residual = places[Buffer.residual.rawValue]
    var wrong: [[Int]] = [Array(places.dropLast()), places + [0], []]
    wrong.append(places.enumerated().map { $0 == Buffer.keys.rawValue ? residual : $1 })
    wrong.append(places.enumerated().map { $0 == Buffer.zeros.rawValue ? Int(UInt32.max) : $1 })
    wrong.append([Int](repeating: 0, count: places.count))
    for places in wrong {
      var file = file
      file.set(Self.key(kind), .uint32s(places.map { UInt32($0) }))
      #expect(throws: IntegerModelError.self, "\(places)") { try IntegerModel(file.serialized()) }
    }
  }

  @Test("A lean plan of a wrong number of tokens at a time is an invalid file", arguments: [0, 15, 17, 22])
  func wrongRows(rows: UInt32) throws {
    var file = try Self.example.quantized().encoded()
    file.set(ModelKey.metadata(ModelKey.leanPlanRows), .uint32(rows))
    #expect(throws: IntegerModelError.self) { try IntegerModel(file.serialized()) }
  }

  @Test("Places of another version are computed")
  func otherVersion() throws {
    var file = try Self.example.quantized().encoded()
    let model = try IntegerModel(file.serialized())
    file.set(ModelKey.metadata(ModelKey.planVersion), .uint32(2))
    for kind in PlanKind.allCases { file.set(Self.key(kind), .uint32s([7])) }
    let other = try IntegerModel(file.serialized())
    for kind in PlanKind.allCases {
      #expect(ForwardPlan(other, kind: kind).memory.buffers == ForwardPlan(model, kind: kind).memory.buffers)
    }
  }

  @Test("A plan that takes more memory than there is is refused")
  func tooLarge() throws {
    let model = try IntegerModel(Self.example.quantized().bytes)
    let plan = ForwardPlan(model)
    let size = plan.arenaByteCount
    try plan.checkMemory(available: size)
    #expect(throws: InferenceError.memory(needed: size, available: size - 1)) {
      try plan.checkMemory(available: size - 1)
    }
    #expect(MemoryCapacity.bytes > 1 << 20)
  }
}
