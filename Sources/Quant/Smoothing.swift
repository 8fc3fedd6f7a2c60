import Int8Kernels
import ViTLite

/// Moves the difficulty of quantizing activations into the weights: activations are divided by a factor for each
/// channel, and the weights that read the channel multiplied by it (SmoothQuant, arXiv 2211.10438).
package enum Smoothing {
  /// `max|x|^alpha / max|w|^(1 - alpha)` for each channel; their geometric mean is 1.
  ///
  /// Scaling a channel of the activations by any factor and its weights by the inverse scales this channel's result by
  /// the same factor: outliers that were made that way vanish. A channel that never carries a value, or that no
  /// weight reads, gets 1.
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
}
