import Int8Kernels
import ViTLite

/// How much one layer at 8 bits makes the model's output drift while all others are wide.
public struct LayerSensitivity: Sendable, Equatable {
  public var layer: String
  /// Of the logits, or of the final tokens without a head, on the calibration data; against the model with all layers
  /// wide, so that what attention itself loses does not hide the layer.
  public var sqnr: Double
}

/// What a calibration gives.
public struct Calibration: Sendable {
  public var model: QuantizedModel
  /// Layers with int16 weights.
  public var wideLayers: [String]
  /// The layer that drifts most first; empty unless asked for.
  public var sensitivities: [LayerSensitivity]
}

/// Chooses, layer by layer, between 8 bits and the wide form.
///
/// The head and the pooler are always wide: they see one row for each image, so it costs no time that can be measured,
/// and what they lose is lost at the very end.
struct WidthChoice {
  static let alwaysWide = ["output", "pooler"]

  let narrow: QuantizedModel
  /// The same model in the same units, all layers wide.
  let wide: QuantizedModel
  let options: CalibrationOptions

  /// The layers that the options name.
  func calibration() throws(CalibrationError) -> Calibration {
    let names = narrow.layerNames
    for name in options.wideLayers where !names.contains(name) { throw .unknownLayer(name, layers: names) }
    let kept = kept
    let model = widening(kept)
    try model.checkBounds()
    return Calibration(model: model, wideLayers: kept, sensitivities: [])
  }

  /// With the layers ranked, and with the fewest wide that reach the target.
  func calibration(
    measuredBy probe: DriftProbe, progress: (Int) -> Void
  ) throws(CalibrationError) -> Calibration {
    var calibration = try calibration()
    let baseline = try probe.outputs(of: wide)
    for (index, name) in narrow.layerNames.enumerated() {
      var alone = wide
      alone[layer: name] = narrow[layer: name]
      calibration.sensitivities.append(
        LayerSensitivity(layer: name, sqnr: try probe.sqnr(of: alone, against: baseline)))
      progress(index + 1)
    }
    calibration.sensitivities.sort { ($0.sqnr, $0.layer) < ($1.sqnr, $1.layer) }
    guard let target = options.targetSQNR else { return calibration }
    let ranked = calibration.sensitivities.map(\.layer).filter { !kept.contains($0) }
    let count = try fewest(of: ranked, reaching: target, measuredBy: probe)
    calibration.wideLayers = kept + ranked.prefix(count)
    calibration.model = widening(calibration.wideLayers)
    try calibration.model.checkBounds()
    return calibration
  }

  /// Layers that are wide whatever the target, in order.
  private var kept: [String] {
    narrow.layerNames.filter { Self.alwaysWide.contains($0) || options.wideLayers.contains($0) }
  }

  private func widening(_ names: [String]) -> QuantizedModel {
    var model = narrow
    for name in names { model[layer: name] = wide[layer: name] }
    return model
  }

  /// How many layers, in their order, must be wide: bisection, for which the drift must fall with each.
  private func fewest(
    of ranked: [String], reaching target: Double, measuredBy probe: DriftProbe
  ) throws(CalibrationError) -> Int {
    func sqnr(_ count: Int) throws(CalibrationError) -> Double {
      try probe.sqnr(of: widening(kept + ranked.prefix(count)))
    }
    if try sqnr(0) >= target { return 0 }
    let best = try sqnr(ranked.count)
    guard best >= target else { throw .unreachable(target: target, best: best) }
    var (low, high) = (0, ranked.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if try sqnr(middle) >= target { high = middle } else { low = middle }
    }
    return high
  }
}

/// Measures the drift of candidates against the float model on a few calibration samples.
struct DriftProbe {
  private static let sampleLimit = 8

  private let samples: [Sample]
  private let references: [[Float]]
  private let threads: Int

  init(_ model: FloatModel, preprocessing: Preprocessing?, samples: SampleSet, threads: Int) {
    let count = min(Self.sampleLimit, samples.count)
    self.samples = (0..<count).map { samples[$0 * samples.count / count] }
    self.threads = threads
    let reference = FloatReference(model)
    let chosen = self.samples
    references = concurrentMap(count: count, threads: threads) { () throws(Never) in
      FloatWorkspace(model.configuration)
    } body: { (workspace, index) throws(Never) in
      let values = chosen[index].values(preprocessing: preprocessing, channels: model.configuration.channels)
      let output = reference.run(values, workspace: workspace)
      return output.logits ?? output.lastHiddenState
    }
  }

  /// Mean over the samples, in dB.
  /// - Parameter outputs: what to compare with, for each sample; nil for those of the float model.
  func sqnr(of candidate: QuantizedModel, against outputs: [[Float]]? = nil) throws(CalibrationError) -> Double {
    var total = 0.0
    for (expected, got) in zip(outputs ?? references, try self.outputs(of: candidate)) {
      var comparison = Comparison()
      comparison.add(reference: expected.span, got: got.span)
      total += comparison.sqnr
    }
    return total / Double(max(samples.count, 1))
  }

  /// What an int8 model gives for each sample.
  func outputs(of candidate: QuantizedModel) throws(CalibrationError) -> [[Float]] {
    let samples = samples
    let model: IntegerModel
    do throws(IntegerModelError) { model = try IntegerModel(candidate.bytes) } catch { throw .candidate("\(error)") }
    do throws(InferenceError) {
      return try concurrentMap(count: samples.count, threads: threads) {
        () throws(InferenceError) -> InferenceSession in
        try InferenceSession(model: model)
      } body: { (session: inout InferenceSession, index) throws(InferenceError) -> [Float] in
        let output = try session.run(model.pixels(of: samples[index]))
        return output.dequantizedLogits ?? output.dequantizedFinalTokens
      }
    } catch { throw .candidate("\(error)") }
  }
}
