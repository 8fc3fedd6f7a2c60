import TestSupport

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// The float model and the data that the repository ships.
enum BundledModel {
  static func checkpoint() throws(CheckpointError) -> Checkpoint { try Checkpoint.load(path: Repository.fashionMNIST) }

  /// `count` images to calibrate with.
  static func calibrationSamples(_ count: Int) throws(SampleError) -> SampleSet {
    try SampleSet(path: "\(Repository.fashionMNIST)/calibration.safetensors", limit: count)
  }

  /// `count` images that calibration never sees, with labels.
  static func testSamples(_ count: Int) throws(SampleError) -> SampleSet {
    try SampleSet(path: "\(Repository.fashionMNIST)/test.safetensors", limit: count)
  }

  /// Drift of an int8 model from the float model that it was made from.
  static func drift(_ quantized: QuantizedModel, _ checkpoint: Checkpoint, _ samples: SampleSet) throws -> DriftSummary
  {
    let model = try IntegerModel(quantized.bytes)
    let reference = FloatReference(checkpoint.model)
    let configuration = checkpoint.model.configuration
    var summary = DriftSummary(points: [])
    try forEachInOrder(count: samples.count, threads: ProcessorCount.available) { () throws(InferenceError) in
      (try InferenceSession(model: model), FloatWorkspace(configuration))
    } body: { (worker, index) throws(InferenceError) in
      let values = samples.values(of: index, preprocessing: checkpoint.preprocessing)
      let exact = try reference.run(values, workspace: worker.1)
      let got = try worker.0.run(model.pixels(of: samples[index]))
      // The layers between are not needed here.
      return ImageDrift(
        layers: [], reference: ModelOutputs(logits: exact.logits, hiddenStates: [], finalTokens: nil),
        quantized: ModelOutputs(logits: got.dequantizedLogits, hiddenStates: [], finalTokens: nil),
        label: samples.labels?[index])
    } consume: { (index, drift) throws(InferenceError) in
      summary.add(drift, name: samples.names[index])
      return true
    }
    return summary
  }
}
