import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Calibration")
struct CalibrationTests {
  private func bytes(_ example: IntegerModelCase, _ options: CalibrationOptions) throws -> [UInt8] {
    try example.quantized(options).bytes
  }

  @Test(
    "The same seed gives the same file for any number of threads", arguments: ActivationMode.allCases,
    [nil] + ObserverKind.allCases)
  func sameSeed(
    _ activations: ActivationMode, _ observer: ObserverKind?
  ) throws {
    let example = IntegerModelCase.random(IntegerModelCase.configuration { $0.depth = 2 }, images: 7)
    let one = CalibrationOptions(observer: observer, activations: activations, seed: 5, threads: 1)
    let expected = try bytes(example, one)
    #expect(try bytes(example, one) == expected)
    for threads in [2, 3] {
      var options = one
      options.threads = threads
      #expect(try bytes(example, options) == expected, "\(threads) threads")
    }
  }

  @Test("Golden models give the same file for any number of threads", arguments: GoldenFiles.models)
  func goldenModels(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    let expected = try bytes(example, CalibrationOptions(threads: 1))
    #expect(try bytes(example, CalibrationOptions(threads: 2)) == expected)
  }

  @Test("One sample is enough", arguments: ActivationMode.allCases)
  func oneSample(_ activations: ActivationMode) throws {
    let example = IntegerModelCase.random(IntegerModelCase.configuration(), images: 1)
    let model = try IntegerModel(bytes(example, CalibrationOptions(activations: activations)))
    let output = try InferenceSession(model: model).run(example.pixels(model)[0])
    #expect(output.logits?.count == 5)
  }

  /// Signal to noise of the logits, or of the final tokens without a head, over the case's own images.
  private func drift(_ example: IntegerModelCase, _ options: CalibrationOptions) throws -> Double {
    let model = try IntegerModel(bytes(example, options))
    let session = try InferenceSession(model: model)
    let reference = FloatReference(example.model)
    let workspace = FloatWorkspace(example.model.configuration)
    var comparison = Comparison()
    for index in 0..<example.samples.count {
      let exact = try reference.run(example.samples.values(of: index, preprocessing: nil), workspace: workspace)
      let got = try session.run(example.pixels(model)[index])
      let expected = exact.logits ?? exact.lastHiddenState
      let found = got.dequantizedLogits ?? got.dequantizedFinalTokens
      comparison.add(reference: expected.span, got: found.span)
    }
    return comparison.sqnr
  }

  /// Random weights have no structure to lose: a wrong scale or order anywhere would leave next to nothing.
  @Test("A model of every family stays close to its float model", arguments: GoldenFiles.models)
  func familyDrift(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    #expect(try drift(example, CalibrationOptions(activations: .dynamic)) >= 30)
    #expect(try drift(example, CalibrationOptions(activations: .static)) >= 25)
  }

  /// The scores of the SigLIP case have a deviation of 9, so that its softmax hardly ever shares its weight: rounding its
  /// input to 8 bits alone leaves 25 dB, of 42 dB where the blocks begin.
  @Test("A model with other positions, norms, gates and readouts stays close", arguments: GoldenFiles.families)
  func variantDrift(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    let least = name == "hf-siglip-vision" ? 20.0 : 25
    #expect(try drift(example, CalibrationOptions(activations: .dynamic)) >= least)
    #expect(try drift(example, CalibrationOptions(activations: .static)) >= least - 3)
  }

  /// A rotation that is not undone somewhere would leave nothing. Weights without outliers lose some decibels by it.
  @Test("A rotated model stays close to its float model", arguments: GoldenFiles.families)
  func rotatedDrift(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    let least = name == "hf-siglip-vision" ? 16.0 : 24
    #expect(try drift(example, CalibrationOptions(rotation: .on)) >= least)
  }

  @Test("A model of every size stays close to its float model", arguments: IntegerModelCase.awkward)
  func sizeDrift(_ example: IntegerModelCase) throws {
    guard example.model.configuration.width > 1 else { return }
    #expect(try drift(example, CalibrationOptions(activations: .dynamic)) >= 25)
  }

  private static func options(wide layers: [LayerName]) -> CalibrationOptions {
    var options = CalibrationOptions()
    options.wideLayers = layers
    return options
  }

  @Test("A model whose layers are all wide has next to no drift", arguments: GoldenFiles.models)
  func wideDrift(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    let names = try example.layerNames
    let wide = try drift(example, Self.options(wide: names))
    #expect(wide >= 40)
    // One at a time, which each takes a calibration of its own.
    guard name == "hf-vit" else { return }
    for name in names { #expect(try drift(example, Self.options(wide: [name])) >= 30, "\(name)") }
  }

  @Test("A calibration without samples is refused")
  func noSamples() throws {
    var example = IntegerModelCase.random(IntegerModelCase.configuration())
    example.samples = SampleSet(channels: 1, height: 6, width: 9, kind: .values, labelled: false)
    #expect(throws: CalibrationError.noSamples) { try example.quantized() }
  }

  @Test("Samples of another shape are refused")
  func sampleShape() throws {
    var example = IntegerModelCase.random(IntegerModelCase.configuration())
    example.samples = SampleSet(channels: 1, height: 9, width: 6, kind: .pixels, labelled: false)
    _ = example.samples.append(.pixels([UInt8](repeating: 1, count: 54)), label: nil, name: "upright")
    #expect(throws: CalibrationError.sampleShape(found: [1, 9, 6], expected: [1, 6, 9])) { try example.quantized() }
  }

  @Test("A sample that is not finite is refused by name", arguments: [Float.nan, .infinity, -.infinity], [1, 2])
  func notFinite(_ value: Float, _ threads: Int) throws {
    var example = IntegerModelCase.random(IntegerModelCase.configuration())
    example.samples = SampleSet(channels: 1, height: 6, width: 9, kind: .values, labelled: false)
    for index in 0..<5 {
      var values = (0..<54).map { Float($0) / 27 - 1 }
      if index == 3 { values[50] = value }
      _ = example.samples.append(.values(values), label: nil, name: "photo-\(index).png")
    }
    #expect(throws: CalibrationError.notFinite(what: "the input", sample: "photo-3.png")) {
      try example.quantized(CalibrationOptions(threads: threads))
    }
  }

  /// Weights of any size are quantized, or refused with a reason; 1e38 overflows in the float model itself.
  @Test(
    "Weights of any magnitude are quantized to a model that loads, or refused with a reason",
    arguments: [1e-38, 1e-20, 1e-6, 0, 1e6, 1e12, 1e20, 1e30, 1e38] as [Float], ActivationMode.allCases)
  func weightMagnitudes(_ factor: Float, _ activations: ActivationMode) throws {
    let example = IntegerModelCase.random(IntegerModelCase.configuration())
    for path in FloatModel.scalable {
      var scaled = example
      path(&scaled.model, factor)
      for observer in activations == .static ? ObserverKind.allCases : [.minmax] {
        do throws(CalibrationError) {
          let quantized = try scaled.quantized(CalibrationOptions(observer: observer, activations: activations))
          _ = try? IntegerModel(quantized.bytes)
        } catch {
          guard factor > 1 else {
            Issue.record("\(error)")
            continue
          }
          switch error {
          case .overflow, .notFinite: break
          default: Issue.record("\(error)")
          }
        }
      }
    }
  }
}

extension FloatModel {
  /// Multiplications of one kind of weights, or of all.
  fileprivate static let scalable: [@Sendable (inout FloatModel, Float) -> Void] = [
    { $0.patchEmbedding.scale($1) }, { $0.blocks[0].layers.attnQKV.scale($1) },
    { $0.blocks[0].layers.attnOut.scale($1) },
    { $0.blocks[0].layers.ffnUp.scale($1) }, { $0.blocks[0].layers.ffnDown.scale($1) }, { $0.head?.scale($1) },
    { model, factor in model.positions = model.positions.map { $0 * factor } },
    { model, factor in model.blocks[0].ln1.gain = model.blocks[0].ln1.gain.map { $0 * factor } },
    { model, factor in model.finalNorm.gain = model.finalNorm.gain.map { $0 * factor } },
  ]
}

extension FloatLinear {
  fileprivate mutating func scale(_ factor: Float) {
    weight = weight.map { $0 * factor }
    bias = bias.map { $0 * factor }
  }
}
