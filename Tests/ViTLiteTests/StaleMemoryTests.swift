import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// What was in memory before an inference, or is there beside its buffers, cannot reach a result.
@Suite("Stale memory")
struct StaleMemoryTests {
  /// No width is a multiple of 4: 27 inputs of a patch, 13 of a head's channels, 18 tokens and so on.
  private static let configuration = IntegerModelCase.configuration {
    ($0.channels, $0.width, $0.heads, $0.mlpWidth, $0.depth) = (3, 26, 2, 31, 2)
    ($0.imageHeight, $0.imageWidth) = (9, 18)
  }

  /// Every byte of the weights' padding, which a loaded model has as zeros, becomes 85.
  private func spoilPadding(_ memory: UnsafeMutableRawBufferPointer, _ model: IntegerModel) throws {
    for name in model.layerNames {
      let layer = try #require(model.layer(name))
      let weights = try model.contents.tensor("\(name).weight").range
      let size = layer.isWide ? 2 : 1
      for output in 0..<WeightLayout.paddedOutputs(layer.outputs) {
        for input in 0..<WeightLayout.paddedInputs(layer.inputs) where output >= layer.outputs || input >= layer.inputs
        {
          let index = WeightLayout.index(output: output, input: input, inputs: layer.inputs, isWide: layer.isWide)
          for byte in 0..<size { memory[weights.lowerBound + size * index + byte] = 85 }
        }
      }
    }
  }

  @Test("Memory full of garbage and weights whose padding is not 0 give the same result", arguments: [false, true])
  func poisonedArena(_ isWide: Bool) throws {
    let example = IntegerModelCase.random(Self.configuration)
    var options = CalibrationOptions()
    if isWide { options.wideLayers = try example.layerNames }
    let bytes = try example.quantized(options).bytes
    let file = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: MemoryPlan.alignment)
    defer { file.deallocate() }
    file.copyBytes(from: bytes)
    let model = try IntegerModel(borrowing: UnsafeRawBufferPointer(file))
    let pixels = example.pixels(model)
    let expected = try InferenceSession(model: model, instructionSet: .portable).run(pixels[0]).logits
    try spoilPadding(file, model)
    for set in InstructionSet.available {
      for plan in PlanKind.allCases {
        let size = ForwardPlan(model, kind: plan, workers: 2).arenaByteCount
        let arena = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: MemoryPlan.alignment)
        defer { arena.deallocate() }
        let session = try InferenceSession(
          model: model, instructionSet: set, threads: 2, plan: plan, arena: arena)
        let zeros = session.plan.memory.buffers.filter { $0.name == Buffer.zeros.name }
        for garbage in [0x55, 0xFF] as [UInt8] {
          // The zeros are written once, when a session is made, and only read afterwards.
          for index in arena.indices where !zeros.contains(where: { $0.offset..<$0.offset + $0.byteCount ~= index }) {
            arena[index] = garbage
          }
          #expect(try session.run(pixels[0]).logits == expected, "\(set), \(plan), \(garbage)")
          _ = try session.run(pixels[1])
          #expect(try session.run(pixels[0]).logits == expected, "\(set), \(plan), after another image")
        }
      }
    }
  }
}
