import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("The plan of a forward pass")
struct ForwardPlanTests {
  private static func outline(_ change: (inout ModelConfiguration) -> Void = { _ in }) -> ModelOutline {
    ModelOutline(configuration: IntegerModelCase.configuration(change))
  }

  /// Follows a pass through the order of its phases and, where workers meet, overwrites all memory that holds nothing by
  /// the plan.
  private final class Saboteur: PhaseObserver {
    let arena: InferenceArena
    private(set) var phases: [Phase] = []
    /// Indices of the order's phases as the pass comes to them.
    private let path: [Int]
    private let stages: [Int]
    private var position = 0

    init(_ arena: InferenceArena) {
      self.arena = arena
      path = ForwardPlanTests.path(of: arena.plan)
      stages = arena.plan.stages
    }

    func finish(_ phase: Phase) { phases.append(phase) }

    func met(after phase: Phase) {
      let order = arena.plan.order.phases
      while position < path.count, order[path[position]] != phase { position += 1 }
      position += 1
      guard position < path.count else { return }
      arena.overwriteUnused(inStages: [stages[path[position]]], with: 0xA5)
    }
  }

  /// The order's phases as a pass comes to them.
  private static func path(of plan: ForwardPlan) -> [Int] {
    let configuration = plan.outline.configuration
    func groups(_ count: Int) -> Int { (count + plan.rows - 1) / plan.rows }
    func repetitions(_ repetition: PhaseOrder.Repetition, _ block: Int) -> Int {
      switch repetition {
      case .patchRows: groups(configuration.patches)
      case .tokenRows: groups(configuration.tokens)
      case .readRows: groups(plan.outline.rows(afterBlock: block))
      case .pooledRows: groups(configuration.pooledTokens.count)
      case .blocks: configuration.depth
      }
    }
    func path(_ range: Range<Int>, _ loops: ArraySlice<PhaseOrder.Loop>, block: Int) -> [Int] {
      var (indices, index): ([Int], Int) = ([], range.lowerBound)
      while index < range.upperBound {
        // Inner loops stand before those that contain them.
        guard
          let outer = loops.lastIndex(where: {
            $0.range.lowerBound == index && $0.range.upperBound <= range.upperBound
          })
        else {
          indices.append(index)
          index += 1
          continue
        }
        let loop = loops[outer]
        for round in 0..<repetitions(loop.repetition, block) {
          indices += path(loop.range, loops[..<outer], block: loop.repetition == .blocks ? round : block)
        }
        index = loop.range.upperBound
      }
      return indices
    }
    return path(plan.order.phases.indices, plan.order.loops[...], block: 0)
  }

  @Test("A pass does the phases of the list, in the plan's order", arguments: PlanKind.allCases, [0, 1, 3])
  func order(kind: PlanKind, depth: Int) throws {
    // 21 tokens: two groups of rows.
    let configuration = IntegerModelCase.configuration {
      ($0.depth, $0.imageHeight, $0.imageWidth) = (depth, 4 * $0.patchSize, 5 * $0.patchSize)
    }
    let example = IntegerModelCase.random(configuration)
    let model = try IntegerModel(example.quantized().bytes)
    let phases = try Self.sabotagedRun(model, example.pixels(model)[0], kind).phases
    try #require(model.configuration.tokens > 16)
    let plan = ForwardPlan(model, kind: kind)
    // Scores, softmax, values and their combination go round by blocks of queries.
    let heads = Set<Phase>([.attnScores, .attnSoftmax, .attnValues, .attnCombine])
    let expected = Self.path(of: plan).map { plan.order.phases[$0] }
    #expect(phases.filter { !heads.contains($0) } == expected.filter { !heads.contains($0) })
    #expect(Set(phases.filter { heads.contains($0) }) == (depth > 0 ? heads : []))
    let all = Phase.allCases.filter { depth > 0 || !Phase.block.contains($0.rawValue) }
    #expect(Set(expected) == Set(all))
  }

  @Test(
    "Memory that holds nothing by the plan can hold anything", arguments: IntegerModelCase.awkward, PlanKind.allCases)
  func lifetimes(_ example: IntegerModelCase, kind: PlanKind) throws {
    for isWide in [false, true] {
      var options = CalibrationOptions()
      if isWide { options.wideLayers = try example.layerNames }
      let model = try IntegerModel(example.quantized(options).bytes)
      let expected = try InferenceSession(model: model).run(example.pixels(model)[0])
      #expect(try Self.sabotagedRun(model, example.pixels(model)[0], kind).output.crc32 == expected.crc32)
    }
  }

  private static func sabotagedRun(
    _ model: IntegerModel, _ pixels: [UInt8], _ kind: PlanKind
  ) throws -> (phases: [Phase], output: IntegerOutput) {
    let plan = ForwardPlan(model.outline, kind: kind, workers: 1)
    let arena = try InferenceArena(plan, InferenceArena.allocate(plan), isOwned: true)
    arena.overwriteUnused(inStages: [0], with: 0xA5)
    let observer = Saboteur(arena)
    let kernels = try #require(InstructionSet.portable.kernels)
    let worker = Worker(index: 0, board: WorkBoard(workers: 1))
    pixels.withUnsafeBufferPointer { pixels in
      guard let base = pixels.baseAddress else { return }
      ForwardPass(model: model, arena: arena, kernels: kernels, worker: worker, observer: observer)
        .run(pixels: unsafe Vector(base: base, count: pixels.count), fractions: nil, states: nil)
    }
    return (observer.phases, IntegerOutput(ResultView(model, arena), hiddenStates: []))
  }

  @Test("Workers meet after every phase but between those that go by blocks of queries", arguments: PlanKind.allCases)
  func meetings(kind: PlanKind) {
    let plan = ForwardPlan(Self.outline(), kind: kind, workers: 2)
    let apart = Phase.allCases.filter { !plan.workersMeet(after: $0) }
    #expect(apart == [.attnScores, .attnSoftmax, .attnValues])
  }

  @Test("A lean plan is as small as a microcontroller needs it, with two threads too", arguments: [1, 2])
  func leanSizes(workers: Int) {
    // ViT-Tiny, Small and Base at 224 pixels: the residual stream, 4 bytes a number, takes 151, 303 and 605 KB of it.
    for (preset, limit) in [(Preset.viTTiny, 320 << 10), (.viTSmall, 640 << 10), (.viTBase, 1400 << 10)] {
      let outline = ModelOutline(configuration: preset.configuration)
      let lean = ForwardPlan(outline, kind: .lean, workers: workers).arenaByteCount
      let fast = ForwardPlan(outline, kind: .fast, workers: workers).arenaByteCount
      #expect(lean <= limit && lean * 3 < fast * 2, "\(preset): \(lean) bytes, \(fast) with the fast plan")
    }
  }

  @Test(
    "Of the last block a head that reads the class token gets that token alone, whatever else is computed",
    arguments: [(12, 3), (32, 2)])
  func readRows(width: Int, heads: Int) throws {
    // Where the width is whole panels of weights, queries are projected for that token alone, too.
    let example = IntegerModelCase.random(
      IntegerModelCase.configuration { ($0.depth, $0.classes, $0.width, $0.heads) = (2, 10, width, heads) })
    let model = try IntegerModel(example.quantized().bytes)
    let configuration = model.configuration
    #expect(model.outline.rows(afterBlock: 0) == configuration.tokens)
    #expect(model.outline.rows(afterBlock: 1) == 1)
    for pixels in example.pixels(model) {
      for kind in PlanKind.allCases {
        let session = try InferenceSession(model: model, threads: 2, plan: kind)
        let all = try session.run(pixels, keepingHiddenStates: true)
        #expect(try session.run(pixels).logits == all.logits)
      }
    }
    let pooled = Self.outline { $0.readout = .tokenMeanThenNorm }
    #expect(pooled.rows(afterBlock: configuration.depth - 1) == pooled.configuration.tokens)
    let headless = Self.outline { $0.classes = 0 }
    #expect(headless.rows(afterBlock: configuration.depth - 1) == headless.configuration.tokens)
  }

  @Test("The plan depends on the outline alone and reserves no tokens that nobody reads")
  func purity() {
    let outline = Self.outline { $0.classes = 10 }
    let plan = ForwardPlan(outline, kind: .fast, workers: 3)
    #expect(plan.memory.buffers == ForwardPlan(outline, kind: .fast, workers: 3).memory.buffers)
    #expect(plan.shape(of: .finalTokens).rows == 0)
    let headless = ForwardPlan(Self.outline { $0.classes = 0 }, kind: .fast, workers: 3)
    #expect(headless.shape(of: .finalTokens).rows == outline.configuration.tokens)
  }

  @Test("A wide layer counts as two products")
  func operations() {
    var outline = Self.outline { $0.depth = 4 }
    let narrow = ForwardPlan(outline, kind: .fast, workers: 1)
    let configuration = outline.configuration
    let row = 2 * Int64(configuration.width * configuration.mlpWidth)
    let product = Int64(configuration.tokens) * row
    // The head reads one token of the last block.
    #expect(narrow.operations(of: .ffnUp) == 3 * product + row)
    outline.wideLayers.ffnUp = 3
    outline.hasWidePatchEmbedding = true
    let wide = ForwardPlan(outline, kind: .fast, workers: 1)
    #expect(wide.operations(of: .ffnUp) == 2 * 3 * product + row)
    #expect(wide.operations(of: .patchEmbedding) == 2 * narrow.operations(of: .patchEmbedding))
    #expect(
      wide.linearOperations == narrow.linearOperations + 3 * product + narrow.operations(of: .patchEmbedding))
  }
}
