import Int8Kernels
import ViTLite

/// Makes activations with outlier channels easier to quantize: activations are divided by a factor for each channel,
/// and the weights that read the channel multiplied by it (SmoothQuant, arXiv 2211.10438).
package enum Smoothing {
  /// `max|x|^alpha / max|w|^(1 - alpha)` for each channel; their geometric mean is 1.
  ///
  /// Where a channel of the activations is multiplied by a number and its weights are divided by it, the channel's
  /// factor is multiplied by the same number. So an outlier that a checkpoint has only because of such a scaling is
  /// removed. A channel whose activations are all 0, or that no weight reads, gets 1.
  package static func factors(activation: [Float], weight: [Float], alpha: Float) -> [Float] {
    var logarithms = [Double](repeating: 0, count: activation.count)
    var used = 0
    var total = 0.0
    for channel in activation.indices where activation[channel] > 0 && weight[channel] > 0 {
      let logarithm =
        Double(alpha) * Double(activation[channel]).logarithm
        - Double(1 - alpha) * Double(weight[channel]).logarithm
      logarithms[channel] = logarithm
      total += logarithm
      used += 1
    }
    let mean = used > 0 ? total / Double(used) : 0
    return activation.indices.map { channel in
      guard activation[channel] > 0, weight[channel] > 0 else { return 1 }
      return Float((logarithms[channel] - mean).exponential)
    }
  }

  /// How far each channel's largest magnitude is above the median of all, 1 to `limit`, as quotients of 2^15 and an
  /// integer below it: what the activations are multiplied by has 15 bits.
  package static func factors(activation: [Float], limit: Float) -> [Float] {
    guard !activation.isEmpty else { return [] }
    let median = activation.sorted()[activation.count / 2]
    return activation.map { magnitude in
      let factor = median > 0 ? min(max(magnitude / median, 1), limit) : 1
      return 0x1p15 / min((0x1p15 / factor).rounded(), 32767)
    }
  }
}
