import Int8Kernels
import ViTLite

extension FloatModel {
  /// Strengths of smoothing that are tried for each layer.
  private static let alphas: [Float] = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]

  /// The same function with ranges that quantize better:
  /// - the outputs of both norms and of attention smoothed, with the strength that drifts least on sampled rows;
  /// - queries and keys brought to equal ranges, channel by channel;
  /// - keys without their mean: it adds the same number to all scores of a query, which does not change the softmax;
  /// - values without the middle of their range, which is added to the projection's output by its bias instead.
  func smoothed(
    _ statistics: ActivationStatistics, options: CalibrationOptions, progress: (Int) -> Void
  ) -> FloatModel {
    var model = self
    model.blocks = concurrentMap(count: blocks.count, threads: options.threads, progress: progress) { [blocks] index in
      var block = blocks[index]
      let seen = statistics.blocks[index]
      block.center(seen.qkv)
      if options.smoothing {
        block.balance(seen.qkv)
        block.smooth(seen, statistics.inputs.blocks[index], options.activations, alphas: Self.alphas)
      }
      return block
    }
    return model
  }
}

extension FloatBlock {
  /// Subtracts the keys' mean and the middle of the values' range.
  fileprivate mutating func center(_ seen: ChannelObserver) {
    let width = layers.attnOut.outputs
    let means = seen.mean
    let centers = seen.center
    for channel in width..<2 * width { layers.attnQKV.bias[channel] -= means[channel] }
    for channel in 0..<width {
      let center = centers[2 * width + channel]
      layers.attnQKV.bias[2 * width + channel] -= center
      for output in 0..<width {
        layers.attnOut.bias[output] += layers.attnOut.weight[output * width + channel] * center
      }
    }
  }

  /// Gives each channel's query and (centered) key the same range; their product stays.
  fileprivate mutating func balance(_ seen: ChannelObserver) {
    let width = layers.attnOut.outputs
    let means = seen.mean
    let factors = (0..<width).map { channel -> Float in
      let key = width + channel
      let query = max(seen.maximum[channel], -seen.minimum[channel])
      let centered = max(seen.maximum[key] - means[key], means[key] - seen.minimum[key])
      return query > 0 && centered > 0 ? (centered / query).squareRoot() : 1
    }
    layers.attnQKV.scaleOutputs(0..<width) { factors[$0] }
    layers.attnQKV.scaleOutputs(width..<2 * width) { 1 / factors[$0] }
  }

  /// Smooths the norms' and the attention's outputs; values must have been centered.
  fileprivate mutating func smooth(
    _ seen: BlockStatistics, _ inputs: BlockLayers<[Float]>, _ activations: ActivationMode, alphas: [Float]
  ) {
    let width = layers.attnOut.outputs
    let factors1 = layers.attnQKV.bestFactors(
      seen.inputs.attnQKV.magnitude, inputs.attnQKV, BlockLayer.attnQKV.outputGroups(3 * width), activations, alphas)
    ln1.divide(by: factors1)
    layers.attnQKV.scaleInputs(by: factors1)
    let factors2 = layers.ffnUp.bestFactors(
      seen.inputs.ffnUp.magnitude, inputs.ffnUp, [0..<layers.ffnUp.outputs], activations, alphas)
    ln2.divide(by: factors2)
    layers.ffnUp.scaleInputs(by: factors2)

    // Because the softmax's weights add up to 1, attention's output is shifted by what was subtracted from the values.
    let centers = Array(seen.qkv.center[(2 * width)...])
    var rows = inputs.attnOut
    for index in rows.indices { rows[index] -= centers[index % width] }
    let magnitudes = (0..<width).map { channel in
      max(
        seen.inputs.attnOut.maximum[channel] - centers[channel], centers[channel] - seen.inputs.attnOut.minimum[channel]
      )
    }
    let factors3 = layers.attnOut.bestFactors(magnitudes, rows, [0..<width], activations, alphas)
    layers.attnQKV.scaleOutputs(2 * width..<3 * width) { 1 / factors3[$0] }
    layers.attnOut.scaleInputs(by: factors3)
  }
}

extension FloatLinear {
  /// The smoothing factors of this layer's input that make its output drift least on the sampled rows; none at all is
  /// among the candidates.
  fileprivate func bestFactors(
    _ magnitudes: [Float], _ rows: [Float], _ groups: [Range<Int>], _ activations: ActivationMode, _ alphas: [Float]
  ) -> [Float] {
    let drift = LayerDrift(rows: rows, layer: self, groups: groups)
    let weights = inputMagnitudes(0..<outputs)
    var best = [Float](repeating: 1, count: inputs)
    var lowest = drift.error(factors: best, activations: activations)
    for alpha in alphas {
      let factors = Smoothing.factors(activation: magnitudes, weight: weights, alpha: alpha)
      let error = drift.error(factors: factors, activations: activations)
      if error < lowest {
        lowest = error
        best = factors
      }
    }
    return best
  }
}
