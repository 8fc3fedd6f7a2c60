import Int8Kernels
import ViTLite

/// How much one layer at 8 bits makes the model's output drift while all others are wide.
public struct LayerSensitivity: Sendable, Equatable {
  /// A linear layer, or a block's attention.
  public var layer: LayerName
  /// Of the logits, or of the final tokens without a head, on the calibration data; against the model with all layers
  /// wide.
  public var sqnr: Double
}

/// What a calibration gives.
public struct Calibration: Sendable {
  public var model: QuantizedModel
  /// Layers at int16, in the order in which they were chosen.
  public var wideLayers: [LayerName]
  /// The layer that drifts most first; empty unless asked for.
  public var sensitivities: [LayerSensitivity]
  /// What was done for the floor of the options; nil where all was above it, or nothing helped.
  public var floor: CalibrationFloor?
}

/// A model that drifted more than the options allow with all layers at 8 bits.
public struct CalibrationFloor: Sendable, Equatable {
  /// In dB, of the options.
  public var floor: Double
  /// The SQNR of the logits or of the final tokens, whichever is less, on calibration images, before and after layers
  /// were widened.
  public var before: Double
  public var after: Double
}

/// Chooses, layer by layer, between 8 bits and the wide form.
///
/// The head, the pooler and the projection are always wide: they see one row for each image, so it costs no time that can be
/// measured, and no later layer can make up for their error. In a model without a head, whose tokens are the output, so are
/// those layers that write to the residual stream and gain most for their time. A head reads one token, or the mean of all, in
/// which errors of single tokens cancel out.
struct WidthChoice {
  static func isAlwaysWide(
    _ name: LayerName, in configuration: ModelConfiguration, _ activations: ActivationMode
  ) -> Bool {
    switch name {
    case .output, .pooler, .projection: true
    case .block(let index, let layer):
      configuration.classes == 0 && writesWide(layer, of: index, depth: configuration.depth, activations)
    case .patchEmbedding, .attention: false
    }
  }

  /// The first block's errors pass through all others. A projection of attention is a twelfth of its block's weights, the
  /// second layer of the MLP a third, and what it reads has the largest outliers: in the last block, a static range for them
  /// causes more noise than any other layer.
  private static func writesWide(
    _ layer: BlockLayer, of index: Int, depth: Int, _ activations: ActivationMode
  ) -> Bool {
    let (isFirst, isLast) = (index == 0, index == depth - 1)
    switch (layer, activations) {
    case (.attnOut, .dynamic): return isFirst || index >= depth - (depth + 2) / 3
    case (.ffnDown, .dynamic): return isFirst
    case (.attnOut, .static): return isFirst || isLast
    case (.ffnDown, .static): return isLast
    case (.attnQKV, _), (.ffnUp, _): return false
    }
  }

  let narrow: QuantizedModel
  /// The same model in the same units, all layers wide.
  let wide: QuantizedModel
  let options: CalibrationOptions

  /// The layers that the options name.
  func calibration() throws(CalibrationError) -> Calibration {
    let names = narrow.widthNames
    for name in options.wideLayers where !names.contains(name) {
      throw .unknownLayer("\(name)", layers: names.map(\.description))
    }
    let kept = kept
    let model = widening(kept)
    try model.checkBounds()
    return Calibration(model: model, wideLayers: kept, sensitivities: [])
  }

  /// With the layers ranked, and with those wide that reach the target in the least time, as far as each layer alone
  /// tells it.
  func calibration(
    measuredBy probe: DriftProbe, progress: (Int) -> Void
  ) throws(CalibrationError) -> Calibration {
    var calibration = try calibration()
    let candidates = try CandidateModels(narrow: narrow, wide: wide)
    let names = narrow.widthNames
    let baseline = try probe.outputs(of: candidates.model(wide: names))
    for (index, name) in names.enumerated() {
      let alone = candidates.model(wide: names.filter { $0 != name })
      calibration.sensitivities.append(
        LayerSensitivity(layer: name, sqnr: try probe.sqnr(of: alone, against: baseline)))
      progress(index + 1)
    }
    calibration.sensitivities.sort { ($0.sqnr, $0.layer.description) < ($1.sqnr, $1.layer.description) }
    guard let target = options.targetSQNR else { return calibration }
    let ranked = byGainForTime(calibration.sensitivities).filter { !kept.contains($0) }
    let count = try fewest(of: ranked, reaching: target, among: candidates, measuredBy: probe)
    calibration.wideLayers = kept + ranked.prefix(count)
    calibration.model = widening(calibration.wideLayers)
    try calibration.model.checkBounds()
    return calibration
  }

  /// The layers by what widening each gains for the time that it takes, the best first: the noise that the layer alone
  /// causes, over the multiplications that are added.
  func byGainForTime(_ sensitivities: [LayerSensitivity]) -> [LayerName] {
    let decibels = 10 / 10.0.logarithm
    let costs = sensitivities.map { $0.sqnr + decibels * max(addedProducts($0.layer), 1).logarithm }
    return sensitivities.indices.sorted { (costs[$0], $0) < (costs[$1], $1) }.map { sensitivities[$0].layer }
  }

  /// Multiplications that a layer takes more at int16, for one image, in the time of one of int8: an int16 product takes
  /// the time of two. A wide attention has one of these, and three of int8 for the values.
  func addedProducts(_ name: LayerName) -> Double {
    let configuration = narrow.configuration
    let outline = narrow.outline
    let (tokens, width) = (Double(configuration.tokens), Double(configuration.width))
    // Of queries; the block that pools by attention has one.
    func rows(_ block: Int) -> Double {
      block < configuration.depth ? Double(outline.rows(afterBlock: block)) : 1
    }
    switch name {
    case .attention(let block):
      return rows(block) * tokens * width * (1 + Double(3 - narrow.softmaxPlanes))
    case .block(let block, .attnQKV):
      // The block that pools projects the queries of all tokens.
      let queries = block < configuration.depth ? rows(block) : tokens
      return (queries + 2 * tokens) * width * width
    case .block(let block, let layer):
      let (outputs, inputs) = layer.shape(in: configuration)
      return rows(block) * Double(outputs) * Double(inputs)
    case .patchEmbedding:
      return Double(configuration.patches) * Double(configuration.patchInputs) * width
    case .output, .pooler, .projection:
      return Double(narrow[name]?.outputs ?? 0) * Double(narrow[name]?.inputs ?? 0)
    }
  }

  /// Layers that are wide whatever the target, in order.
  private var kept: [LayerName] {
    narrow.widthNames.filter {
      Self.isAlwaysWide($0, in: narrow.configuration, options.activations) || options.wideLayers.contains($0)
    }
  }

  private func widening(_ names: [LayerName]) -> QuantizedModel {
    var model = narrow
    for name in names {
      if case .attention(let index) = name {
        model.blocks[index].hasWideAttention = true
      } else {
        model[name] = wide[name]
      }
    }
    return model
  }

  /// How many layers, in their order, must be wide: bisection, for which the drift must fall with each.
  private func fewest(
    of ranked: [LayerName], reaching target: Double, among candidates: CandidateModels, measuredBy probe: DriftProbe
  ) throws(CalibrationError) -> Int {
    func sqnr(_ count: Int) throws(CalibrationError) -> Double {
      try probe.sqnr(of: candidates.model(wide: kept + ranked.prefix(count)))
    }
    if try sqnr(0) >= target { return 0 }
    let best = try sqnr(ranked.count)
    guard best >= target || options.isForFloor else { throw .unreachable(target: target, best: best) }
    let reachable = best >= target ? target : best - 0.5
    var (low, high) = (0, ranked.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if try sqnr(middle) >= reachable { high = middle } else { low = middle }
    }
    return high
  }
}
