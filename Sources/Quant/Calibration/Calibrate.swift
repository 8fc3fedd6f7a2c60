import Int8Kernels
import ViTLite

/// Calibrates a float model on samples and quantizes it.
///
/// The same model, samples and options give the same result, whatever the number of threads.
/// - Parameter preprocessing: what raw pixels mean; without it the pixels' range comes from the samples.
public func calibrate(
  _ model: FloatModel, preprocessing: Preprocessing?, samples: SampleSet, options: CalibrationOptions,
  progress: (CalibrationProgress) -> Void = { _ in }
) throws(CalibrationError) -> Calibration {
  let rotation = model.rotation(options.rotation, threads: options.threads)
  let configuration = model.configuration
  guard samples.count > 0 else { throw .noSamples }
  let expected = [configuration.channels, configuration.imageHeight, configuration.imageWidth]
  let found = [samples.channels, samples.height, samples.width]
  guard found == expected else { throw .sampleShape(found: found, expected: expected) }

  let shown = options.variants ? samples.withVariants(seed: options.seed, wanted: options.wantedSamples) : samples
  let (blocks, work) = try BlockCalibration.run(
    model, rotation, samples: shown, preprocessing: preprocessing, options: options, progress: progress)
  let mapping = samples.pixelMapping(given: preprocessing)
  var (narrow, wide) = try ModelQuantizer(
    model: model, rotation: rotation, seen: blocks, options: options, preprocessing: preprocessing, mapping: mapping
  ).quantize()
  narrow.calibration = CalibrationRecord(samples, seen: shown.count, preprocessing: preprocessing, options: options)
  wide.calibration = narrow.calibration
  let choice = WidthChoice(narrow: narrow, wide: wide, options: options)
  guard options.ranksLayers || options.targetSQNR != nil else {
    let calibration = try choice.calibration()
    guard let floor = options.floorSQNR else { return calibration }
    progress(work.progress(.checking, blocks: configuration.depth, part: 0))
    return try calibration.raised(to: floor, model, preprocessing, samples, options, progress)
  }
  let probe = DriftProbe(
    model, preprocessing: preprocessing, samples: samples, areMirrored: !options.isForFloor,
    comparesTokens: options.isForFloor, threads: options.threads)
  return try choice.calibration(measuredBy: probe) {
    let part = Double($0) / Double(narrow.widthNames.count)
    progress(work.progress(.ranking, blocks: configuration.depth, part: part))
  }
}

extension Calibration {
  /// Images on which a calibration is compared with the floor.
  static let floorSamples = 4
  /// Decibels above the floor that are aimed at; and decibels that must be gained for wide layers to be worth their time.
  private static let floorMargin = 1.0

  /// This calibration if it is above a floor; otherwise another one, with wide layers.
  ///
  /// The model is calibrated anew, because the wide forms of all layers are not kept where nobody asks for them.
  fileprivate func raised(
    to floor: Double, _ model: FloatModel, _ preprocessing: Preprocessing?, _ samples: SampleSet,
    _ options: CalibrationOptions, _ progress: (CalibrationProgress) -> Void
  ) throws(CalibrationError) -> Calibration {
    let probe = DriftProbe(
      model, preprocessing: preprocessing, samples: samples, comparesTokens: true, limit: Self.floorSamples,
      threads: options.threads)
    let before = try probe.sqnr(of: self.model)
    guard before < floor else { return self }
    var options = options
    (options.floorSQNR, options.targetSQNR, options.isForFloor) = (nil, floor + Self.floorMargin, true)
    var raised = try calibrate(
      model, preprocessing: preprocessing, samples: samples, options: options, progress: progress)
    let after = try probe.sqnr(of: raised.model)
    guard after >= before + Self.floorMargin else { return self }
    raised.floor = CalibrationFloor(floor: floor, before: before, after: after)
    raised.model.calibration?.floor = floor
    if !options.ranksLayers { raised.sensitivities = [] }
    return raised
  }
}

extension DriftProbe {
  fileprivate func sqnr(of model: QuantizedModel) throws(CalibrationError) -> Double {
    let integerModel: IntegerModel
    do throws(IntegerModelError) { integerModel = try IntegerModel(model.bytes) } catch { throw .candidate("\(error)") }
    return try sqnr(of: integerModel)
  }
}

extension SampleSet {
  /// The preprocessing's mapping from pixels to values, which is exact for values that were made of pixels. Where the
  /// samples have values outside of what it can give, or there is no preprocessing, a mapping of their own range.
  fileprivate func pixelMapping(given preprocessing: Preprocessing?) -> PixelMapping {
    let mapping = PixelNormalization(preprocessing, channels: channels).mapping
    if kind == .pixels { return mapping }
    let isCovered =
      preprocessing != nil
      && (0..<count).allSatisfy { mapping.covers(values(of: $0, preprocessing: preprocessing)) }
    return isCovered ? mapping : rangeMapping
  }

  /// An affine 8-bit scale for each channel, from the samples' own range.
  private var rangeMapping: PixelMapping {
    let plane = height * width
    var low = [Float](repeating: .infinity, count: channels)
    var high = [Float](repeating: -.infinity, count: channels)
    for index in 0..<count {
      let values = values(of: index, preprocessing: nil)
      for position in values.indices {
        let channel = position / plane
        low[channel] = min(low[channel], values[position])
        high[channel] = max(high[channel], values[position])
      }
    }
    return PixelMapping(
      scale: zip(low, high).map { max($1 / 255 - $0 / 255, 1e-6 / 255) }, offset: low.map { $0.isFinite ? $0 : 0 })
  }
}
