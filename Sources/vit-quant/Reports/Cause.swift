import Int8Kernels
import Quant
import ViTLite

/// A reason for drift that the measurements show, and what to try.
struct Cause {
  enum Weight: Int {
    /// Enough by itself to spoil the model.
    case grave
    case notable
    /// What rounding to 8 bits costs everywhere.
    case ordinary
  }

  /// The layer; nil for what concerns the whole model.
  let layer: String?
  let weight: Weight
  /// Whether something is wrong with the file or the data, so that no number makes it good.
  var isFault = false
  let finding: String
  let advice: String
}

/// Finds the causes in a report's numbers; every sentence is computed from them.
struct CauseFinder {
  /// What counts as far from usual.
  private enum Limit {
    /// Of weights, and how many times the median layer's.
    static let weightError = 0.06
    static let weightRatio = 3.0
    /// Shares of values.
    static let clipped = 0.0005
    static let graveClipped = 0.005
    /// Of clipping in the error of what a layer reads, in a layer that is worth a sentence.
    static let clippingError = 0.25
    static let saturated = 0.0005
    static let offset = 0.5
    /// A channel's magnitude over the median channel's.
    static let outlier = 8.0
    /// A static range over what the images need.
    static let wideRange = 3.0
    /// Differences between the calibration images and these.
    static let correlation = 0.4
    static let shift = 0.75
    static let spread = 2.0
    /// Share of the noise from which a layer is worth a sentence.
    static let noise = 0.05
  }

  let summary: DriftSummary
  let model: IntegerModel
  let preprocessing: Preprocessing?
  let record: CalibrationRecord?

  private var isStatic: Bool { model.activations == .static }

  /// The gravest first; among equals, those with the largest share of the noise.
  var causes: [Cause] {
    let layers = summary.layers.filter { $0.alone != nil && $0.point.kind != .stream && $0.point.kind != .norm }
      .sorted { ($0.alone?.noiseShare ?? 0) > ($1.alone?.noiseShare ?? 0) }
    let all = data + layers.compactMap(cause)
    return all.enumerated().sorted { ($0.element.weight.rawValue, $0.offset) < ($1.element.weight.rawValue, $1.offset) }
      .map(\.element)
  }

  // MARK: The whole model

  private var data: [Cause] { [normalisation, outside, calibrationImages].compactMap { $0 } }

  private var normalisation: Cause? {
    guard let float = preprocessing, let integer = model.preprocessing,
      float.mean != integer.mean || float.standardDeviation != integer.standardDeviation
        || float.rescaleFactor != integer.rescaleFactor
    else { return nil }
    return Cause(
      layer: nil, weight: .grave, isFault: true,
      finding:
        "The two models normalise pixels in different ways: fp32 with mean \(Self.list(float.mean)) and deviation "
        + "\(Self.list(float.standardDeviation)), int8 with mean \(Self.list(integer.mean)) and deviation "
        + "\(Self.list(integer.standardDeviation)).",
      advice: "Calibrate again with the preprocessor_config.json that the float model has now.")
  }

  private static func list(_ values: [Double]) -> String {
    values.map { NumberText.fixed($0, 3) }.joined(separator: ", ")
  }

  private var outside: Cause? {
    guard let share = summary.clippedInputs, share > Limit.clipped else { return nil }
    let mapping = model.pixelMapping
    let low = mapping.offset.min() ?? 0
    let high = zip(mapping.scale, mapping.offset).map { 255 * $0 + $1 }.max() ?? 0
    func text(_ value: Float) -> String { NumberText.fixed(Double(value), 2) }
    return Cause(
      layer: nil, weight: share > 0.01 ? .grave : .notable,
      finding:
        "\(NumberText.percent(share, 1)) of the images' values are outside of what the model's normalisation can "
        + "give and are clipped: they go from \(text(summary.values.minimum)) to \(text(summary.values.maximum)), pixels "
        + "from \(text(low)) to \(text(high)).",
      advice: "Normalise the data as the model's preprocessor_config.json says, or calibrate on data like these.")
  }

  private var calibrationImages: Cause? {
    guard let record, let mean = summary.values.mean, let deviation = summary.values.deviation, deviation > 0 else {
      return nil
    }
    var differences: [String] = []
    func compared(_ old: Double, _ new: Double) -> String {
      "\(NumberText.fixed(old, 2)) there, \(NumberText.fixed(new, 2)) here"
    }
    if let old = record.correlation, let new = summary.values.correlation, (old - new).magnitude > Limit.correlation {
      let noise = old < 0.2 ? ", as in random noise" : ""
      differences.append("neighbouring pixels have a correlation of \(compared(old, new))\(noise)")
    }
    if (record.mean - mean).magnitude > Limit.shift * max(deviation, record.deviation) {
      differences.append("the mean value is \(compared(record.mean, mean))")
    }
    let ratio = record.deviation / deviation
    if ratio > Limit.spread || ratio < 1 / Limit.spread {
      differences.append("the values' deviation is \(compared(record.deviation, deviation))")
    }
    guard !differences.isEmpty else { return nil }
    return Cause(
      layer: nil, weight: .grave, isFault: true,
      finding: "The \(NumberText.grouped(record.images)) calibration images look unlike these: "
        + differences.joined(separator: "; ") + ".",
      advice: "Calibrate on images of the kind that the model will see, prepared in the same way.")
  }

  // MARK: One layer

  private func cause(_ layer: LayerSummary) -> Cause? {
    weights(layer) ?? clipping(layer) ?? saturation(layer) ?? offset(layer) ?? range(layer) ?? outlier(layer)
      ?? softmax(layer) ?? rounding(layer)
  }

  private func noiseShare(_ layer: LayerSummary) -> String {
    guard let share = layer.alone?.noiseShare else { return "" }
    return share >= Limit.noise ? " It causes \(NumberText.percent(share, 0)) of the noise." : ""
  }

  /// Improvement of the output's SQNR without a layer's noise, in words.
  private func keeping(_ layer: LayerSummary) -> String {
    guard layer.point.bits == 8, let share = layer.alone?.noiseShare, share > 0.02 else { return "" }
    return "--keep \(layer.name)=int16 would take away up to \(NumberText.percent(share, 0)) of the noise"
  }

  private func weights(_ layer: LayerSummary) -> Cause? {
    let errors = summary.layers.compactMap { $0.alone?.weightError }.sorted()
    guard let error = layer.alone?.weightError, error > Limit.weightError, !errors.isEmpty else { return nil }
    let usual = max(errors[errors.count / 2], 0.001)
    guard error > Limit.weightRatio * usual else { return nil }
    return Cause(
      layer: layer.name, weight: .grave, isFault: true,
      finding:
        "The weights of \(layer.name) are not the float model's: they differ by \(NumberText.percent(error, 1)) of "
        + "their length, those of the median layer by \(NumberText.percent(usual, 1)).\(noiseShare(layer))",
      advice: "The int8 file was made from another float model, or was changed: calibrate again from this one.")
  }

  private func clipping(_ layer: LayerSummary) -> Cause? {
    guard let clipped = layer.clipped else { return nil }
    let isMany = clipped > Limit.clipped
    let isCostly =
      layer.point.bits == 8 && layer.clippingShare > Limit.clippingError && (layer.alone?.noiseShare ?? 0) > Limit.noise
    guard isMany || isCostly else { return nil }
    let excess = layer.excess > 1.05 ? ", the largest \(NumberText.fixed(layer.excess, 1)) times its end" : ""
    let cost = isCostly ? "; that is \(NumberText.percent(layer.clippingShare, 0)) of the error of its input" : ""
    let isAttention = layer.point.kind == .attention
    let what = isAttention ? "queries, keys and values of \(layer.name)" : "values that \(layer.name) reads"
    let range = isStatic && !isAttention ? "the static range" : "the range"
    return Cause(
      layer: layer.name, weight: clipped > Limit.graveClipped ? .grave : .notable,
      finding:
        "\(NumberText.smallPercent(clipped)) of the \(what) lie beyond \(range) that calibration chose\(excess)\(cost)."
        + noiseShare(layer),
      advice: widerRange)
  }

  /// What makes fewer values lie beyond a range.
  private var widerRange: String {
    guard isStatic else { return "Calibrate on more images, and on images like these." }
    switch record?.observer {
    case .minmax: return "Calibrate with --activations dynamic, or on more images like these."
    case let observer?:
      return "Calibrate without --observer \(observer.rawValue), which may leave out the largest values that it sees, "
        + "or with --activations dynamic."
    case nil:
      return "Calibrate with --activations dynamic, or on more images like these; of the observers, minmax clips "
        + "nothing of what it saw."
    }
  }

  private func saturation(_ layer: LayerSummary) -> Cause? {
    guard let saturated = layer.saturation, saturated > Limit.saturated else { return nil }
    return Cause(
      layer: layer.name, weight: .grave,
      finding:
        "\(NumberText.percent(saturated)) of what \(layer.name) gives is at the end of its integers.\(noiseShare(layer))",
      advice: "Calibrate on images whose activations are as large as these images' are.")
  }

  private func offset(_ layer: LayerSummary) -> Cause? {
    guard let alone = layer.alone, alone.offsetShare > Limit.offset, (alone.noiseShare ?? 0) > 2 * Limit.noise else {
      return nil
    }
    return Cause(
      layer: layer.name, weight: .notable,
      finding:
        "\(NumberText.percent(alone.offsetShare, 0)) of the error of \(layer.name) is a constant offset, the same "
        + "for every token: its bias does not fit.\(noiseShare(layer))",
      advice: "Calibrate again from this float model, on images like these.")
  }

  /// A static range that is far too wide.
  private func range(_ layer: LayerSummary) -> Cause? {
    guard let name = layer.point.layer, let range = model.inputRange(of: name), let input = layer.alone?.input,
      (layer.alone?.noiseShare ?? 0) > Limit.noise
    else { return nil }
    let needed = max(input.values.maximum - min(input.values.minimum, 0), .leastNormalMagnitude)
    let ratio = Double((range.upperBound - range.lowerBound) / needed)
    guard ratio > Limit.wideRange else { return nil }
    return Cause(
      layer: layer.name, weight: .notable,
      finding:
        "The static range of what \(layer.name) reads is \(NumberText.fixed(ratio, 1)) times as wide as these images "
        + "need, so that of 255 steps \(NumberText.fixed(255 / ratio, 0)) are used.\(noiseShare(layer))",
      advice: "Calibrate on images like these, or with --activations dynamic.")
  }

  private func outlier(_ layer: LayerSummary) -> Cause? {
    guard layer.point.kind == .linear, let outlier = layer.alone?.input?.outlier, outlier.ratio > Limit.outlier,
      (layer.alone?.noiseShare ?? 0) > Limit.noise
    else { return nil }
    let smoothing = record?.smoothing == false ? "Calibrate without --no-smoothing" : ""
    let advice = [smoothing, keeping(layer)].filter { !$0.isEmpty }.joined(separator: "; ")
    return Cause(
      layer: layer.name, weight: .ordinary,
      finding:
        "Channel \(outlier.channel) of what \(layer.name) reads is \(NumberText.fixed(outlier.ratio, 0)) times as large "
        + "as the median channel, and sets the steps of all others.\(noiseShare(layer))",
      advice: advice.isEmpty ? "Calibrate with --activations dynamic." : advice + ".")
  }

  private func softmax(_ layer: LayerSummary) -> Cause? {
    guard layer.point.kind == .attention, model.softmaxPlanes == 1, (layer.alone?.noiseShare ?? 0) > Limit.noise else {
      return nil
    }
    return Cause(
      layer: layer.name, weight: .ordinary,
      finding: "The softmax of \(layer.name) has 8 bits.\(noiseShare(layer))",
      advice: "Calibrate with --softmax-planes 2.")
  }

  private func rounding(_ layer: LayerSummary) -> Cause? {
    guard let share = layer.alone?.noiseShare, share > Limit.noise else { return nil }
    // What is clipped of the data is no rounding, and is told for the whole model.
    if layer.point.layer == .patchEmbedding, summary.clippedInputs ?? 0 > Limit.clipped { return nil }
    let keep = keeping(layer)
    return Cause(
      layer: layer.name, weight: .ordinary,
      finding:
        "\(layer.name) causes \(NumberText.percent(share, 0)) of the noise: rounding to \(layer.point.bits ?? 8) bits, "
        + "without outliers or clipping.",
      advice: keep.isEmpty ? "It has more than 8 bits already: the noise is small." : keep + ".")
  }
}
