import Int8Kernels
import Quant
import ViTLite

/// Runs a float and an int8 model on the same images and measures how far apart they are.
struct DriftMeasurement {
  /// Images on which each layer is measured by itself, which takes about half a float pass for each layer and image.
  static let defaultLayerSamples = 4

  private let checkpoint: Checkpoint
  private let model: IntegerModel
  private let quantized: InferenceModel
  private let reference: InferenceModel
  private let floatPath: String
  private let integerPath: String

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
    self.checkpoint = checkpoint
    self.model = model
    self.floatPath = floatPath
    integerPath = path
    quantized = try InferenceModel(model, Execution(instructionSet: InstructionSetChoice.preferred()))
    reference = InferenceModel(checkpoint)
  }

  /// Tells what was assumed of the float model.
  /// - Parameter hasImages: whether images are prepared for it.
  func noteAssumptions(hasImages: Bool, _ console: Console) {
    (hasImages ? reference.assumptions : reference.assumptions.withoutPreprocessing).note(path: floatPath, console)
  }

  /// What is compared, and how.
  struct Plan {
    let data: DataSet
    let dataPath: String
    let maximumPixels: Int?
    let threads: Int
    /// Images on which each layer is measured by itself; 0 to leave that out.
    var layerSamples = DriftMeasurement.defaultLayerSamples
    /// What the classes are called; nil for the model's names.
    var classes: ClassNames?
    /// Whether to keep the worst images as thumbnails, and to time both models.
    var isForPage = true
  }

  func reader(maximumPixels: Int?) -> SampleReader {
    SampleReader(
      model.configuration, preprocessing: checkpoint.preprocessing ?? model.preprocessing, maximumPixels: maximumPixels)
  }

  /// Measures all of the data, with a progress bar.
  func report(_ plan: Plan, console: Console) throws(CommandError) -> DriftReport {
    // Both models have the same preprocessing; an int8 file has a copy of its float model's.
    let reader = reader(maximumPixels: plan.maximumPixels)
    let meter = DriftMeter(
      checkpoint, model, instructionSet: try InstructionSetChoice.preferred(), threads: plan.threads)
    let (learned, alone) = try measureLayers(meter, plan, reader, console)
    var summary = try run(learned, plan, reader, console)
    summary.set(alone: alone)
    ClippedInputs.warn(share: summary.clippedInputs, of: plan.dataPath)
    summary.findNeighbours(threads: plan.threads)
    return DriftReport(
      summary: summary, classes: plan.classes ?? ClassNames(model.configuration), model: model,
      preprocessing: checkpoint.preprocessing, assumptions: reference.assumptions, layerSamples: alone.samples,
      origin: try origin(plan), performance: plan.isForPage ? try performance(plan, reader) : nil,
      thumbnails: plan.isForPage ? try thumbnails(summary, plan, reader) : [:])
  }

  /// Each layer by itself, on images at even distances in the data.
  private func measureLayers(
    _ meter: DriftMeter, _ plan: Plan, _ reader: SampleReader, _ console: Console
  ) throws(CommandError) -> (DriftMeter, AloneSummary) {
    let data = plan.data
    let count = min(max(plan.layerSamples, 1), data.count)
    let isWanted = plan.layerSamples > 0
    var progress = Progress("measuring layers", console: console)
    defer { progress.finish() }
    var images: [DriftMeter.AloneImage] = []
    try forEachInOrder(count: count, threads: plan.threads) { () throws(CommandError) in
      try Self.worker(meter)
    } body: { (worker, index) throws(CommandError) in
      let sample = try reader.read(data.items, index * data.count / count, skippingBad: false).get()
      do { return try meter.measureAlone(sample, measuresOutput: isWanted, with: worker) } catch {
        throw .input("\(error)")
      }
    } consume: { (index, image: DriftMeter.AloneImage) throws(CommandError) in
      images.append(image)
      progress.update(index + 1, of: count)
      return true
    }
    return meter.learned(from: images)
  }

  private static func worker(_ meter: DriftMeter) throws(CommandError) -> DriftMeter.Worker {
    do { return try meter.makeWorker() } catch { throw .limit("\(error)") }
  }

  private func run(
    _ meter: DriftMeter, _ plan: Plan, _ reader: SampleReader, _ console: Console
  ) throws(CommandError) -> DriftSummary {
    let data = plan.data
    var progress = Progress("comparing", console: console)
    defer { progress.finish() }
    var summary = DriftSummary(points: meter.points)
    try forEachInOrder(count: data.count, threads: plan.threads) { () throws(CommandError) in
      try Self.worker(meter)
    } body: { (worker, index) throws(CommandError) in
      let sample = try reader.read(data.items, index, skippingBad: false).get()
      do { return try meter.measure(sample, label: data.labels?[index], with: worker) } catch {
        throw .input("\(error)")
      }
    } consume: { (index, drift: ImageDrift) throws(CommandError) in
      summary.add(drift, name: data.items[index].name)
      progress.update(index + 1, of: data.count)
      return true
    }
    return summary
  }

  private func origin(_ plan: Plan) throws(CommandError) -> DriftReport.Origin {
    let floatDigest: String
    // Of the model itself: calibration reports on a file that has no name yet.
    let integerDigest = model.unsafeBytes.map { SHA256.text(of: $0.bytes) } ?? ""
    do { floatDigest = try Checkpoint.digest(path: floatPath) } catch {
      throw .input(ModelFile.located(error.description, floatPath))
    }
    return DriftReport.Origin(
      floatPath: floatPath, floatDigest: floatDigest, floatBytes: 4 * checkpoint.model.parameterCount,
      integerPath: integerPath, integerDigest: integerDigest, integerBytes: model.byteCount,
      dataPath: plan.dataPath, record: CalibrationRecord(model), date: Machine.date, machine: Machine.description,
      instructionSet: try InstructionSetChoice.preferred().name)
  }

  /// Both models on the first image, one thread each.
  private func performance(_ plan: Plan, _ reader: SampleReader) throws(CommandError) -> DriftReport.Performance {
    let sample = try reader.read(plan.data.items[0])
    func median(_ model: InferenceModel) throws(CommandError) -> Double {
      let worker = try model.makeWorker(threads: 1)
      var times: [Double] = []
      for _ in 0..<5 { times.append(try worker.run(sample, keepingHiddenStates: false).seconds * 1000) }
      return times.sorted()[2]
    }
    return DriftReport.Performance(
      floatMilliseconds: try median(reference), integerMilliseconds: try median(quantized),
      floatMemory: 4 * checkpoint.model.parameterCount + FloatWorkspace(model.configuration).byteCount,
      integerMemory: model.byteCount + ForwardPlan(model, kind: .fast, workers: 1).arenaByteCount)
  }

  /// The worst images by their place in the data, and the neighbours that changed.
  private func thumbnails(
    _ summary: DriftSummary, _ plan: Plan, _ reader: SampleReader
  ) throws(CommandError) -> [Int: Thumbnail] {
    var indices = (summary.worst.disagreements + summary.worst.drifting).map(\.index)
    for change in summary.neighbours?.changes.prefix(DriftPage.neighbourChanges) ?? [] {
      indices += [change.image, change.reference, change.quantized]
    }
    var thumbnails: [Int: Thumbnail] = [:]
    let configuration = model.configuration
    for index in Set(indices).sorted() {
      let sample = try reader.read(plan.data.items[index])
      let pixels: [UInt8]
      switch sample {
      case .pixels(let raw): pixels = raw
      case .values(let values): pixels = model.pixelMapping.pixels(fromValues: values)
      }
      thumbnails[index] = Thumbnail(
        pixels: pixels, channels: configuration.channels, height: configuration.imageHeight,
        width: configuration.imageWidth)
    }
    return thumbnails
  }
}
