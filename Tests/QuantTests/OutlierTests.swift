import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Outliers")
struct OutlierTests {
  /// The same function with outliers made on purpose: 5% of the channels of every norm before a layer are 20 times as
  /// large, and the weights that read them 20 times as small.
  private func withOutliers(_ model: FloatModel, seed: UInt64) -> FloatModel {
    var model = model
    var generator = SplitMix64(seed: seed)
    let width = model.configuration.width
    for index in model.blocks.indices {
      for channel in SampleSet.choose(max(1, width / 20), of: width, seed: generator.next()) {
        model.blocks[index].ln1.amplify(channel, by: 20)
        model.blocks[index].layers.attnQKV.amplifyInput(channel, by: 1 / 20)
      }
      for channel in SampleSet.choose(max(1, width / 20), of: width, seed: generator.next()) {
        model.blocks[index].ln2.amplify(channel, by: 20)
        model.blocks[index].layers.ffnUp.amplifyInput(channel, by: 1 / 20)
      }
    }
    return model
  }

  private func sqnr(
    _ checkpoint: Checkpoint, _ activations: ActivationMode, _ calibration: SampleSet, _ test: SampleSet
  ) throws -> Double {
    let options = CalibrationOptions(activations: activations, threads: ProcessorCount.available)
    let quantized = try calibrate(
      checkpoint.model, preprocessing: checkpoint.preprocessing, samples: calibration, options: options
    ).model
    return try #require(try BundledModel.drift(quantized, checkpoint, test).logitSQNR)
  }

  @Test("Outliers that the next weights undo do not change the drift", arguments: ActivationMode.allCases)
  func drift(_ activations: ActivationMode) throws {
    let checkpoint = try BundledModel.checkpoint()
    let calibration = try BundledModel.calibrationSamples(64)
    let test = try BundledModel.testSamples(200)
    let plain = try sqnr(checkpoint, activations, calibration, test)
    let changed = Checkpoint(
      model: withOutliers(checkpoint.model, seed: 1), preprocessing: checkpoint.preprocessing)
    let outliers = try sqnr(changed, activations, calibration, test)
    #expect(abs(outliers - plain) < 0.5, "\(activations): \(plain) dB without, \(outliers) dB with outliers")
  }

  /// 5% of the channels of every gate's product are 60 times as large, and the weights that read them as small.
  @Test(
    "Outliers behind a gate that the next weights undo do not change the drift",
    arguments: ["hf-dinov3-gated", "hf-dinov2-swiglu"])
  func gates(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    var changed = example
    for index in changed.model.blocks.indices {
      let mlpWidth = changed.model.blocks[index].layers.ffnDown.inputs
      for channel in SampleSet.choose(mlpWidth / 20, of: mlpWidth, seed: UInt64(index)) {
        let row = mlpWidth + channel
        changed.model.blocks[index].layers.ffnUp.scaleOutputs(row..<row + 1) { _ in 60 }
        changed.model.blocks[index].layers.ffnDown.amplifyInput(channel, by: 1 / 60)
      }
    }
    let (plain, outliers) = (try tokenSQNR(example), try tokenSQNR(changed))
    #expect(abs(outliers - plain) < 1, "\(plain) dB without, \(outliers) dB with outliers")
  }

  private func tokenSQNR(_ example: IntegerModelCase) throws -> Double {
    let model = try IntegerModel(try example.quantized().bytes)
    let (session, reference) = (try InferenceSession(model: model), FloatReference(example.model))
    let workspace = FloatWorkspace(example.model.configuration)
    var comparison = Comparison()
    for index in 0..<example.samples.count {
      let exact = try reference.run(example.samples.values(of: index, preprocessing: nil), workspace: workspace)
      let found = try session.run(example.pixels(model)[index]).dequantizedFinalTokens
      comparison.add(reference: exact.lastHiddenState.span, got: found.span)
    }
    return comparison.sqnr
  }
}

extension FloatNorm {
  fileprivate mutating func amplify(_ channel: Int, by factor: Float) {
    gain[channel] *= factor
    bias[channel] *= factor
  }
}

extension FloatLinear {
  fileprivate mutating func amplifyInput(_ channel: Int, by factor: Float) {
    for output in 0..<outputs { weight[output * inputs + channel] *= factor }
  }
}
