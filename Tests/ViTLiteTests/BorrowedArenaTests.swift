import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Sessions in the caller's memory")
struct BorrowedArenaTests {
  /// Memory of which the session gets a part, at a multiple of 64 plus `shift`.
  private final class Lent {
    let all: UnsafeMutableRawBufferPointer
    let arena: UnsafeMutableRawBufferPointer

    init(byteCount: Int, shift: Int = 0) {
      all = .allocate(byteCount: byteCount + 256, alignment: 64)
      all.initializeMemory(as: UInt8.self, repeating: 0xA5)
      arena = UnsafeMutableRawBufferPointer(rebasing: all[64 + shift..<64 + shift + byteCount])
    }

    deinit { all.deallocate() }

    /// Whether what lies around the session's part is as it was.
    var isUntouchedAround: Bool {
      all[..<64].allSatisfy { $0 == 0xA5 } && all[(64 + arena.count)...].allSatisfy { $0 == 0xA5 }
    }
  }

  private static func model(_ change: (inout ModelConfiguration) -> Void = { _ in }) throws -> (
    model: IntegerModel, pixels: [UInt8]
  ) {
    let example = IntegerModelCase.random(IntegerModelCase.configuration(change))
    let model = try IntegerModel(example.quantized().bytes)
    return (model, example.pixels(model)[0])
  }

  @Test("A session in lent memory gives the same bits, and leaves alone what lies around", arguments: PlanKind.allCases)
  func sameBits(plan: PlanKind) throws {
    let (model, pixels) = try Self.model { $0.depth = 2 }
    let expected = try InferenceSession(model: model).run(pixels).crc32
    for threads in 1...2 {
      let lent = Lent(byteCount: ForwardPlan(model, kind: plan, workers: threads).arenaByteCount)
      let session = try InferenceSession(model: model, threads: threads, plan: plan, arena: lent.arena)
      for _ in 0..<2 { #expect(try session.run(pixels).crc32 == expected) }
      #expect(lent.isUntouchedAround)
    }
  }

  @Test("Memory that is too small or not aligned is refused")
  func refusals() throws {
    let (model, _) = try Self.model()
    let size = ForwardPlan(model).arenaByteCount
    let small = Lent(byteCount: size - 1)
    #expect(throws: InferenceError.arenaBytes(found: size - 1, expected: size)) {
      try InferenceSession(model: model, arena: small.arena)
    }
    let shifted = Lent(byteCount: size, shift: 8)
    #expect(throws: InferenceError.arenaAlignment(found: 8, expected: 64)) {
      try InferenceSession(model: model, arena: shifted.arena)
    }
    #expect(small.isUntouchedAround && shifted.isUntouchedAround)
    #expect(small.arena.allSatisfy { $0 == 0xA5 })
  }

  @Test(
    "The result in the arena is the output's",
    arguments: IntegerModelCase.awkward + GoldenFiles.models.compactMap { try? .golden($0) })
  func result(example: IntegerModelCase) throws {
    let model = try IntegerModel(example.quantized().bytes)
    let pixels = example.pixels(model)[0]
    let session = try InferenceSession(model: model)
    let output = try session.run(pixels)
    pixels.withUnsafeBufferPointer { pixels in
      #expect(throws: Never.self) { try session.run(inPlace: pixels) }
    }
    let result = session.result
    #expect(result.crc32 == output.crc32)
    #expect(result.logits?.array() == output.logits)
    #expect(result.finalTokens.array() == output.finalTokens)
    if let logits = output.logits {
      var probabilities = [Float](repeating: -1, count: logits.count)
      var span = probabilities.mutableSpan
      result.writeProbabilities(to: &span)
      for item in output.top(logits.count) { #expect(probabilities[item.index] == Float(item.probability)) }
    } else {
      var embedding = [Float](repeating: -1, count: model.configuration.embeddingWidth)
      var span = embedding.mutableSpan
      result.writeEmbedding(to: &span)
      #expect(embedding == output.imageEmbedding ?? output.poolerOutput)
    }
  }
}
