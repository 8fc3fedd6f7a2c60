import Int8Kernels
import Quant
import ViTLite

/// Runs a float and an int8 model on the same images and measures how far apart they are.
struct DriftMeasurement {
  private let reference: InferenceModel
  private let quantized: InferenceModel
  /// The largest magnitude that the int8 model's residual stream holds, in real units.
  private let saturationLimit: Float
  private let floatPath: String
  private let integerPath: String
  private let integerBytes: Int
  /// Bytes of the float model's weights as fp32.
  private let floatBytes: Int

  /// Loads a float model to be run at the size of an int8 one.
  init(floatPath: String, _ model: IntegerModel, path: String) throws(CommandError) {
    let size = (height: model.configuration.imageHeight, width: model.configuration.imageWidth)
    let checkpoint = try ModelFile.loadFloat(floatPath, size: size)
    try self.init(checkpoint, model, floatPath: floatPath, path: path)
  }

  init(_ checkpoint: Checkpoint, _ model: IntegerModel, floatPath: String, path: String) throws(CommandError) {
    let (float, integer) = (checkpoint.model.configuration, model.configuration)
    let isSame =
      (float.channels, float.imageHeight, float.imageWidth) == (
        integer.channels, integer.imageHeight, integer.imageWidth
      )
      && (float.tokens, float.width, float.depth, float.classes)
        == (integer.tokens, integer.width, integer.depth, integer.classes)
    guard isSame else {
      throw .input(
        "models of different dimensions (tokens x width, blocks, classes: \(float.tokens) x \(float.width), "
          + "\(float.depth), \(float.classes) and \(integer.tokens) x \(integer.width), \(integer.depth), "
          + "\(integer.classes)), \(floatPath) and \(path), expected an int8 model made from the float one")
    }
    self.floatPath = floatPath
    integerPath = path
    integerBytes = model.byteCount
    floatBytes = 4 * checkpoint.model.parameterCount
    reference = InferenceModel(checkpoint)
    quantized = try InferenceModel(model, Execution(instructionSet: InstructionSetChoice.preferred()))
    saturationLimit = Float(FixedPoint.residualLimit) / Float(1 << model.residualFractionBits)
  }

  private var configuration: ModelConfiguration { quantized.configuration }

  /// Measures all of `data`, with a progress bar.
  func report(
    _ data: DataSet, dataPath: String, maximumPixels: Int?, threads: Int, console: Console
  ) throws(CommandError) -> DriftReport {
    // Both models have the same preprocessing; an int8 file has a copy of its float model's.
    let reader = SampleReader(
      configuration, preprocessing: reference.preprocessing ?? quantized.preprocessing, maximumPixels: maximumPixels)
    var progress = Progress("comparing", console: console)
    let summary = try run(data, reader: reader, threads: threads) { progress.update($0, of: $1) }
    progress.finish()
    return DriftReport(
      summary: summary, classes: ClassNames(configuration), floatPath: floatPath, integerPath: integerPath,
      dataPath: dataPath, floatBytes: floatBytes, integerBytes: integerBytes)
  }

  /// What each thread needs.
  private struct Worker {
    let reference: InferenceWorker
    let quantized: InferenceWorker
  }

  private func run(
    _ data: DataSet, reader: SampleReader, threads: Int, progress: (Int, Int) -> Void
  ) throws(CommandError) -> DriftSummary {
    var summary = DriftSummary(depth: configuration.depth)
    let (reference, quantized, limit) = (reference, quantized, saturationLimit)
    try forEachInOrder(count: data.count, threads: threads) { () throws(CommandError) in
      Worker(reference: try reference.makeWorker(threads: 1), quantized: try quantized.makeWorker(threads: 1))
    } body: { (worker, index) throws(CommandError) in
      let sample = try reader.read(data.items[index])
      let exact = try worker.reference.run(sample, keepingHiddenStates: true).outputs
      let got = try worker.quantized.run(sample, keepingHiddenStates: true).outputs
      return ImageDrift(reference: exact, quantized: got, label: data.labels?[index], saturationLimit: limit)
    } consume: { (index, drift) throws(CommandError) in
      summary.add(drift, name: data.items[index].name)
      progress(index + 1, data.count)
      return true
    }
    return summary
  }
}
