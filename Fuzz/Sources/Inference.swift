import Int8Kernels

@testable import ViTLite

/// Loads a model file, verifies it, runs it with two instruction sets and by two plans, and compares.
enum Inference {
  private static let largest = 1 << 20

  static func compare(_ input: [UInt8]) {
    guard let model = try? IntegerModel(input) else { return }
    _ = try? model.verify()
    guard model.configuration.imageElements <= largest,
      ForwardPlan(model, kind: .fast, workers: 1).arenaByteCount <= largest,
      operations(model) < 20_000_000
    else { return }
    let pixels = (0..<model.configuration.imageElements).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    var expected: (logits: [Int32]?, crc32: UInt32)?
    for (set, plan) in [(InstructionSet.portable, PlanKind.fast), (.fastest, .fast), (.fastest, .lean)] {
      guard let session = try? InferenceSession(model: model, instructionSet: set, plan: plan),
        let output = try? session.run(pixels)
      else { preconditionFailure("a model that was loaded runs") }
      if let expected {
        precondition(output.logits == expected.logits && output.crc32 == expected.crc32, "equal bits")
      }
      expected = (output.logits, output.crc32)
    }
  }

  /// Multiplications, about.
  private static func operations(_ model: IntegerModel) -> Int {
    let configuration = model.configuration
    let layers = model.layerNames.compactMap { model.layer($0) }.reduce(0) { $0 + $1.inputs * $1.outputs }
    return configuration.tokens * (layers + configuration.depth * configuration.tokens * configuration.width)
  }
}
