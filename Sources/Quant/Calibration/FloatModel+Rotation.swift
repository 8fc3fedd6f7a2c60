import Int8Kernels
import ViTLite

// The choice of a rotation of the residual stream.
extension FloatModel {
  /// Decibels of noise that rounding the weights must lose, on average over layers, for the rotation to be worth its time
  /// in each inference. Outliers of a pretrained DINOv2 give about 3, weights without outliers 0 or less.
  private static let leastGain = 1.0

  /// The rotation that a calibration takes; nil for none, and for a width that has none.
  func rotation(_ mode: RotationMode, threads: Int = 1) -> HadamardRotation? {
    guard mode != .off, let rotation = HadamardRotation(width: configuration.width, seed: 0) else { return nil }
    return mode == .on || gain(of: rotation, threads: threads) >= Self.leastGain ? rotation : nil
  }

  /// By how many decibels the rotation lowers the noise of rounding weights: the step of an output's weights is
  /// proportional to the largest of them. The mean over the layers of the first, the middle and the last block.
  private func gain(of rotation: HadamardRotation, threads: Int) -> Double {
    let depth = configuration.depth
    guard depth > 0 else { return 0 }
    let chosen = Set([0, depth / 2, depth - 1]).sorted()
    let gains = concurrentMap(count: chosen.count, threads: threads) { number in
      var gains: [Double] = []
      var block = blocks[chosen[number]]
      block.foldLayerScales()
      block.foldNorms()
      let before = block.layers.map { $0.peakEnergy }
      block.rotate(rotation)
      for layer in BlockLayer.allCases {
        let after = block.layers[layer].peakEnergy
        if before[layer] > 0, after > 0 { gains.append(10 * (before[layer] / after).logarithm / 10.0.logarithm) }
      }
      return gains
    }.joined()
    return gains.reduce(0, +) / Double(max(gains.count, 1))
  }
}

extension FloatLinear {
  /// The sum over the outputs of the square of the largest weight.
  fileprivate var peakEnergy: Double {
    var sum = 0.0
    for output in 0..<outputs {
      var largest: Float = 0
      for input in 0..<inputs { largest = max(largest, weight[output * inputs + input].magnitude) }
      sum += Double(largest) * Double(largest)
    }
    return sum
  }
}
