import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Everything that an inference hands out, as integers where it is integers.
private struct InferenceResult: Equatable {
  var logits: [Int32]?
  var finalTokens: [Int32]
  var pooled: [Int32]?
  var poolerOutput: [Float]?
  var hiddenStates: [[Float]]

  init(_ output: IntegerOutput) {
    logits = output.logits
    finalTokens = output.finalTokens
    pooled = output.embedding
    poolerOutput = output.poolerOutput
    hiddenStates = output.hiddenStates
  }
}

/// The same model and input give the same integers on every instruction set, for any number of threads and by either plan.
@Suite("Bit-exactness")
struct BitExactnessTests {
  private func run(
    _ model: IntegerModel, _ images: [InputPixels], _ set: InstructionSet, threads: Int, _ plan: PlanKind = .fast
  ) throws(InferenceError) -> [InferenceResult] {
    let session = try InferenceSession(model: model, instructionSet: set, threads: threads, plan: plan)
    var results: [InferenceResult] = []
    for image in images { results.append(InferenceResult(try session.run(image, keepingHiddenStates: true))) }
    return results
  }

  private func expectSameBits(_ example: IntegerModelCase, _ options: CalibrationOptions) throws {
    let model = try IntegerModel(example.quantized(options).bytes)
    let images = example.inputs(model)
    let expected = try run(model, images, .portable, threads: 1)
    try #require(!images.isEmpty)
    for set in InstructionSet.available {
      for threads in 1...3 {
        for plan in PlanKind.allCases {
          let found = try run(model, images, set, threads: threads, plan)
          #expect(found == expected, "\(set), \(threads) threads, \(plan), \(options.activations)")
        }
      }
    }
  }

  @Test(
    "Rotated models give the same bits on every instruction set, for any number of threads",
    arguments: GoldenFiles.families)
  func rotated(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    var options = CalibrationOptions(rotation: .on)
    let isRotatable = example.model.configuration.width.isMultiple(of: HadamardRotation.group)
    #expect((try IntegerModel(example.quantized(options).bytes).hadamard != nil) == isRotatable)
    guard isRotatable else { return }
    try expectSameBits(example, options)
    options.activations = .static
    try expectSameBits(example, options)
  }

  private func expectSameBitsWide(_ example: IntegerModelCase) throws {
    var options = CalibrationOptions()
    options.wideLayers = try example.layerNames
    try #require(!options.wideLayers.isEmpty)
    try expectSameBits(example, options)
  }

  @Test(
    "Golden models give the same bits on every instruction set, for any number of threads",
    arguments: GoldenFiles.models + GoldenFiles.families, ActivationMode.allCases)
  func goldenModels(_ name: String, _ activations: ActivationMode) throws {
    let example = try IntegerModelCase.golden(name)
    try expectSameBits(example, CalibrationOptions(activations: activations))
  }

  @Test("Models of awkward sizes give the same bits", arguments: IntegerModelCase.awkward)
  func awkwardSizes(_ example: IntegerModelCase) throws {
    for activations in ActivationMode.allCases {
      for planes in [1, 2] {
        try expectSameBits(example, CalibrationOptions(activations: activations, softmaxPlanes: planes))
      }
    }
  }

  @Test("Models with wide and narrow layers side by side give the same bits", arguments: IntegerModelCase.awkward)
  func mixedWidths(_ example: IntegerModelCase) throws {
    let names = try example.layerNames
    try #require(!names.isEmpty)
    for parity in 0...1 {
      var options = CalibrationOptions()
      options.wideLayers = names.enumerated().filter { $0.offset % 2 == parity }.map(\.element)
      try expectSameBits(example, options)
    }
  }

  @Test(
    "Golden models whose layers are all wide give the same bits",
    arguments: ["timm-vit", "hf-dinov2-registers"] + GoldenFiles.families)
  func wideGoldenModels(_ name: String) throws {
    try expectSameBitsWide(.golden(name))
  }

  @Test(
    "Models whose attention alone is wide give the same bits, whatever the softmax has",
    arguments: IntegerModelCase.awkward)
  func wideAttention(_ example: IntegerModelCase) throws {
    let names = try example.layerNames.filter { if case .attention = $0 { true } else { false } }
    for activations in ActivationMode.allCases {
      var options = CalibrationOptions(activations: activations, softmaxPlanes: activations == .static ? 1 : 2)
      options.wideLayers = names
      try expectSameBits(example, options)
    }
  }

  @Test("Models of awkward sizes whose layers are all wide give the same bits", arguments: IntegerModelCase.awkward)
  func wideAwkwardSizes(_ example: IntegerModelCase) throws {
    try expectSameBitsWide(example)
  }

  @Test("Models with any number of tokens give the same bits", arguments: 1...40)
  func tokenCounts(_ patches: Int) throws {
    let configuration = IntegerModelCase.configuration {
      ($0.imageHeight, $0.imageWidth, $0.prefixTokens) = (3, 3 * patches, 0)
    }
    try expectSameBits(.random(configuration, images: 1, seed: UInt64(patches)), CalibrationOptions())
  }

  @Test("Sessions in several threads share a model")
  func sharedModel() throws {
    let example = try IntegerModelCase.golden("hf-dinov2-registers")
    let model = try IntegerModel(example.quantized().bytes)
    let images = example.inputs(model)
    let expected = try run(model, images, .portable, threads: 1)
    for workers in [1, 2] {
      let found = try concurrentMap(count: 24, threads: 2) { () throws(InferenceError) in
        try InferenceSession(model: model, threads: workers)
      } body: { (session, index) throws(InferenceError) in
        try session.run(images[index % images.count], keepingHiddenStates: true)
      }
      for (index, output) in found.enumerated() { #expect(InferenceResult(output) == expected[index % images.count]) }
    }
  }

  /// What one image leaves in the arena must not reach the next.
  @Test("An inference does not depend on the one before")
  func independence() throws {
    let example = try IntegerModelCase.golden("timm-vit-reg-layerscale")
    let model = try IntegerModel(example.quantized().bytes)
    let images = example.inputs(model)
    let forward = try run(model, images, .fastest, threads: 1)
    let backward = try run(model, images.reversed(), .fastest, threads: 1)
    #expect(forward == backward.reversed())
    // Without hidden states the final norm takes a shorter way.
    let session = try InferenceSession(model: model)
    for (image, expected) in zip(images, forward) {
      let logits = try #require(expected.logits)
      #expect(try session.run(image).logits == logits)
    }
  }

  @Test("A wrong number of pixels is refused")
  func pixelCount() throws {
    let example = IntegerModelCase.random(IntegerModelCase.configuration())
    let session = try InferenceSession(model: IntegerModel(example.quantized().bytes))
    for count in [0, 53, 55] {
      #expect(throws: InferenceError.pixelCount(found: count, expected: 54)) {
        try session.run([UInt8](repeating: 0, count: count))
      }
    }
  }

  @Test("An instruction set of another machine is refused")
  func foreignInstructionSet() throws {
    let model = try IntegerModel(IntegerModelCase.random(IntegerModelCase.configuration()).quantized().bytes)
    let foreign = InstructionSet.all.filter { !$0.isAvailable }
    #expect(!foreign.isEmpty)
    for set in foreign {
      #expect(throws: InferenceError.unavailable(set, available: InstructionSet.available)) {
        try InferenceSession(model: model, instructionSet: set)
      }
    }
  }
}
