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

  /// Records what a pass does and, where workers meet, overwrites all memory that holds nothing by the plan.
  private final class Saboteur: PhaseObserver {
    let arena: InferenceArena
    private(set) var phases: [Phase] = []

    init(_ arena: InferenceArena) { self.arena = arena }

    func finish(_ phase: Phase) { phases.append(phase) }

    func met(after phase: Phase) {
      let plan = arena.plan
      // What follows a block, or the embedding where there are no blocks, is another block or the final norm.
      let isBeforeBlock = phase == .patchEmbedding || phase == .ffnDown
      let stages = isBeforeBlock ? [plan.stage(of: .ln1), plan.stage(of: .finalNorm)] : [plan.stage(of: phase) + 1]
      arena.overwriteUnused(inStages: stages, with: 0xA5)
    }
  }

  @Test("A pass does the phases of the list, in its order", arguments: [0, 1, 3])
  func order(depth: Int) throws {
    let example = IntegerModelCase.random(IntegerModelCase.configuration { $0.depth = depth })
    let model = try IntegerModel(example.quantized().bytes)
    let phases = try Self.sabotagedRun(model, example.pixels(model)[0]).phases
    let block = Phase.allCases[Phase.block]
    // Scores, softmax, values and their combination go round by blocks of queries.
    let heads = Set<Phase>([.attnScores, .attnSoftmax, .attnValues, .attnCombine])
    let expected =
      Phase.allCases[Phase.embedding] + (0..<depth).flatMap { _ in block } + [.finalNorm, .output]
    #expect(phases.filter { !heads.contains($0) } == expected.filter { !heads.contains($0) })
    #expect(Set(phases.filter { heads.contains($0) }) == (depth > 0 ? heads : []))
  }

  @Test("Memory that holds nothing by the plan can hold anything", arguments: IntegerModelCase.awkward)
  func lifetimes(_ example: IntegerModelCase) throws {
    for isWide in [false, true] {
      var options = CalibrationOptions()
      if isWide { options.wideLayers = try example.layerNames }
      let model = try IntegerModel(example.quantized(options).bytes)
      let expected = try InferenceSession(model: model).run(example.pixels(model)[0])
      #expect(try Self.sabotagedRun(model, example.pixels(model)[0]).output.crc32 == expected.crc32)
    }
  }

  private static func sabotagedRun(
    _ model: IntegerModel, _ pixels: [UInt8]
  ) throws -> (phases: [Phase], output: IntegerOutput) {
    let arena = InferenceArena(ForwardPlan(model.outline, kind: .fast, workers: 1))
    arena.overwriteUnused(inStages: [0], with: 0xA5)
    let observer = Saboteur(arena)
    let kernels = try #require(InstructionSet.portable.kernels)
    let worker = Worker(index: 0, count: 1, meeting: Barrier())
    pixels.withUnsafeBufferPointer { pixels in
      guard let base = pixels.baseAddress else { return }
      ForwardPass(model: model, arena: arena, kernels: kernels, worker: worker, observer: observer)
        .run(pixels: unsafe Vector(base: base, count: pixels.count), states: nil)
    }
    return (observer.phases, IntegerOutput(model, arena, hiddenStates: []))
  }

  @Test("Workers meet where one reads what another wrote, and only there")
  func meetings() {
    let plan = ForwardPlan(Self.outline(), kind: .fast, workers: 2)
    let meetings = Phase.allCases.filter { plan.meets(after: $0) }
    #expect(
      meetings == [
        .patches, .patchEmbedding, .ln1, .attnQKV, .attnPack, .attnCombine, .attnQuantize, .attnOut, .ln2, .ffnUp,
        .ffnActivation, .ffnDown, .finalNorm,
      ])
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

  @Test("A wide layer counts as three products, on pixels as two")
  func operations() {
    var outline = Self.outline { $0.depth = 4 }
    let narrow = ForwardPlan(outline, kind: .fast, workers: 1)
    let configuration = outline.configuration
    let product = 2 * Int64(configuration.tokens * configuration.width * configuration.mlpWidth)
    #expect(narrow.operations(of: .ffnUp) == 4 * product)
    outline.wideLayers.ffnUp = 3
    outline.hasWidePatchEmbedding = true
    let wide = ForwardPlan(outline, kind: .fast, workers: 1)
    #expect(wide.operations(of: .ffnUp) == (1 + 3 * 3) * product)
    #expect(wide.operations(of: .patchEmbedding) == 2 * narrow.operations(of: .patchEmbedding))
    #expect(
      wide.linearOperations == narrow.linearOperations + 6 * product + narrow.operations(of: .patchEmbedding))
  }
}
