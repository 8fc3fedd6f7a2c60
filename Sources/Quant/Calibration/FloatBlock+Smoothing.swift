import Int8Kernels
import ViTLite

extension FloatBlock {
  /// The same function with ranges that quantize better:
  /// - the inputs of all layers smoothed, with the strength that drifts least on sampled rows. The factors go into what
  ///   is linear before a layer: a norm, the values, or what a gate is multiplied by. Behind an activation alone nothing
  ///   is; the result of the activation is multiplied by them;
  /// - queries and keys brought to equal ranges, channel by channel; with rotary positions pair by pair, because only a
  ///   factor on both channels of a pair commutes with its rotation;
  /// - keys without their mean: it adds the same number to all scores of a query, which does not change the softmax; not
  ///   with rotary positions, which turn the mean another way for each token;
  /// - values without the middle of their range, which is added to the projection's output by its bias instead; not
  ///   where a norm stands between the two.
  ///
  /// - Parameter rotatedWidth: of a head whose queries and keys are rotated; nil for others.
  func smoothed(
    _ observation: BlockObservation, rotatedWidth: Int?, options: CalibrationOptions
  ) -> (block: FloatBlock, change: SmoothingChange) {
    var block = self
    var change = SmoothingChange(self)
    block.center(observation.seen.qkv, isRotated: rotatedWidth != nil, &change)
    if options.smoothing {
      block.balance(observation.seen.qkv, rotatedWidth: rotatedWidth, &change)
      block.smooth(observation, options, &change)
    }
    return (block, change)
  }

  /// Subtracts the keys' mean and the middle of the values' range.
  private mutating func center(_ seen: ChannelObserver, isRotated: Bool, _ change: inout SmoothingChange) {
    let width = layers.attnOut.outputs
    let means = seen.mean
    let centers = seen.center
    if !isRotated {
      change.keyShift = Array(means[width..<2 * width])
      for channel in 0..<width {
        if keyNorm != nil {
          keyNorm?.bias[channel] -= means[width + channel]
        } else {
          layers.attnQKV.bias[width + channel] -= means[width + channel]
        }
      }
    }
    guard attentionNorm == nil else { return }
    change.valueShift = Array(centers[(2 * width)...])
    for channel in 0..<width {
      let center = centers[2 * width + channel]
      layers.attnQKV.bias[2 * width + channel] -= center
      for output in 0..<width {
        layers.attnOut.bias[output] += layers.attnOut.weight[output * width + channel] * center
      }
    }
  }

  /// Gives each channel's query and (centered) key the same range; their product stays.
  private mutating func balance(_ seen: ChannelObserver, rotatedWidth: Int?, _ change: inout SmoothingChange) {
    let width = layers.attnOut.outputs
    let means = rotatedWidth == nil ? seen.mean : [Float](repeating: 0, count: 3 * width)
    var queries = (0..<width).map { max(seen.maximum[$0], -seen.minimum[$0]) }
    var keys = (width..<2 * width).map { max(seen.maximum[$0] - means[$0], means[$0] - seen.minimum[$0]) }
    if let headWidth = rotatedWidth {
      for channel in 0..<width where channel % headWidth < headWidth / 2 {
        let other = channel + headWidth / 2
        queries[channel] = max(queries[channel], queries[other])
        keys[channel] = max(keys[channel], keys[other])
        (queries[other], keys[other]) = (queries[channel], keys[channel])
      }
    }
    let factors = zip(queries, keys).map { query, key -> Float in
      query > 0 && key > 0 ? (key / query).squareRoot() : 1
    }
    change.queryFactors = factors
    scaleQueries { factors[$0] }
    scaleKeys { 1 / factors[$0] }
  }

  /// Smooths the inputs of all layers; values must have been centered.
  private mutating func smooth(
    _ observation: BlockObservation, _ options: CalibrationOptions, _ change: inout SmoothingChange
  ) {
    let (width, mlpWidth) = (layers.attnOut.outputs, layers.ffnDown.inputs)
    for (layer, found) in zip(BlockLayer.allCases, SmoothingSearch(self, observation, options).factors()) {
      guard let factors = found else { continue }
      change.inputFactors[layer] = factors
      layers[layer].scaleInputs(by: factors)
      switch layer {
      case .attnQKV: ln1.divide(by: factors)
      case .attnOut where attentionNorm != nil: attentionNorm?.divide(by: factors)
      case .attnOut: layers.attnQKV.scaleOutputs(2 * width..<3 * width) { 1 / factors[$0] }
      case .ffnUp: ln2.divide(by: factors)
      case .ffnDown where hiddenNorm != nil: hiddenNorm?.divide(by: factors)
      // Of the gate's two halves, the one without an activation.
      case .ffnDown where observation.configuration.isGated:
        layers.ffnUp.scaleOutputs(mlpWidth..<2 * mlpWidth) { 1 / factors[$0] }
      case .ffnDown: hiddenFactors = factors.map { 1 / $0 }
      }
    }
  }
}

extension FloatModel {
  /// The width of the heads of a block whose queries and keys are rotated for their positions; nil for others, such as
  /// the head that pools by attention.
  func rotatedWidth(at index: Int) -> Int? {
    index < configuration.depth && rotation != nil ? configuration.headWidth : nil
  }
}

/// Searches the strength of smoothing for the inputs of a block's layers.
private struct SmoothingSearch {
  /// Strengths that are tried for each layer; no smoothing at all is tried first.
  private static let alphas: [Float] = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
  /// The same where an activation alone is before the layer: the largest factors. Most of its results are near 0, with
  /// a few channels far from it, and only these are divided. The factors of `alphas` would also spread what is small.
  private static let limits: [Float] = [1.5, 2, 3, 6]

  private struct Site: Sendable {
    let drift: SmoothingDrift
    /// One for each candidate.
    let factors: [[Float]]
  }

  private let sites: [Site]
  private let options: CalibrationOptions

  /// - Parameter block: with its values centered; `observation` is of the block before that.
  init(_ block: FloatBlock, _ observation: BlockObservation, _ options: CalibrationOptions) {
    self.options = options
    let layers = BlockLayer.allCases
    sites = concurrentMap(count: layers.count, threads: options.threads) { index in
      let name = layers[index]
      let layer = block.layers[name]
      let seen = observation.seen
      var rows = RowSampler.thinned(observation.rows[name], columns: layer.inputs)
      var magnitudes = seen.inputs[name].magnitude
      if name == .attnOut, block.attentionNorm == nil {
        // Because the softmax's weights add up to 1, attention's output is shifted by what was subtracted from the
        // values.
        let width = layer.inputs
        let centers = Array(seen.qkv.center[(2 * width)...])
        for start in stride(from: 0, to: rows.count, by: width) {
          for channel in 0..<width { rows[start + channel] -= centers[channel] }
        }
        magnitudes = (0..<width).map { channel in
          max(
            seen.inputs.attnOut.maximum[channel] - centers[channel],
            centers[channel] - seen.inputs.attnOut.minimum[channel])
        }
      }
      let followsActivation = name == .ffnDown && !observation.configuration.isGated && block.hiddenNorm == nil
      let candidates: [[Float]]
      if followsActivation {
        candidates = Self.limits.map { Smoothing.factors(activation: magnitudes, limit: $0) }
      } else {
        let weights = layer.inputMagnitudes(0..<layer.outputs)
        candidates = Self.alphas.map { Smoothing.factors(activation: magnitudes, weight: weights, alpha: $0) }
      }
      return Site(
        drift: SmoothingDrift(rows: rows, layer: layer, groups: name.outputGroups(layer.outputs)),
        factors: [[Float](repeating: 1, count: layer.inputs)] + candidates)
    }
  }

  /// The factors of each layer that make its output drift least on the sampled rows; nil for none.
  func factors() -> [[Float]?] {
    let candidates = sites.indices.flatMap { site in sites[site].factors.indices.map { (site: site, index: $0) } }
    let activations = options.activations
    let errors = concurrentMap(count: candidates.count, threads: options.threads) { [sites] number in
      let site = sites[candidates[number].site]
      return site.drift.error(factors: site.factors[candidates[number].index], activations: activations)
    }
    var best = sites.map { _ in (index: 0, error: Double.infinity) }
    for (candidate, error) in zip(candidates, errors) where error < best[candidate.site].error {
      best[candidate.site] = (candidate.index, error)
    }
    return zip(sites, best).map { site, best in best.index == 0 ? nil : site.factors[best.index] }
  }
}
