import LibC
import Resampling
import ViTLite

extension Preprocessing.Filter {
  /// Half the width of the filter, in pixels of the coarser of the two images. Not used by `nearest`.
  var support: Double {
    switch self {
    case .nearest: 0
    case .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: CubicConvolution.support
    case .lanczos: 3
    }
  }

  /// The filter's value at a distance from its center. The order of operations is Pillow's: the results are rounded to
  /// fixed point and have to fall on the same side.
  func weight(at distance: Double) -> Double {
    switch self {
    case .nearest, .box:
      return distance > -0.5 && distance <= 0.5 ? 1 : 0
    case .bilinear:
      return max(0, 1 - abs(distance))
    case .hamming:
      let angle = abs(distance) * Double.pi
      if angle == 0 { return 1 }
      return abs(distance) < 1 ? sin(angle) / angle * (0.54 + 0.46 * cos(angle)) : 0
    case .bicubic:
      return CubicConvolution.pillow.weight(at: distance)
    case .lanczos:
      return distance >= -3 && distance < 3 ? sinc(distance) * sinc(distance / 3) : 0
    }
  }

  private func sinc(_ x: Double) -> Double {
    if x == 0 { return 1 }
    return sin(x * Double.pi) / (x * Double.pi)
  }
}

/// For each position along one axis of the resized image: which source positions it sums up, with which weights.
struct ResamplingTaps {
  /// Weights are integers: this is 1. 8 bits are left for samples and 2 for sums beyond them (Pillow's constant).
  static let fractionBits: Int32 = 32 - 8 - 2

  /// First source position of each.
  private(set) var starts: [Int] = []
  /// Number of source positions of each.
  private(set) var counts: [Int] = []
  /// `stride` weights for each, of which `counts` are used.
  private(set) var weights: [Int32] = []
  let stride: Int

  /// When the image becomes smaller, the filter is stretched to cover what falls into a pixel of the result.
  init(from sourceLength: Int, to length: Int, filter: Preprocessing.Filter) {
    let scale = Double(sourceLength) / Double(length)
    let stretch = max(scale, 1)
    let support = filter.support * stretch
    stride = Int(support.rounded(.up)) * 2 + 1
    starts.reserveCapacity(length)
    counts.reserveCapacity(length)
    weights.reserveCapacity(length * stride)
    var unscaled = [Double](repeating: 0, count: stride)
    for position in 0..<length {
      let center = (Double(position) + 0.5) * scale
      let start = max(0, Int(center - support + 0.5))
      let count = min(sourceLength, Int(center + support + 0.5)) - start
      var sum = 0.0
      for tap in 0..<count {
        let weight = filter.weight(at: (Double(tap + start) - center + 0.5) * (1 / stretch))
        unscaled[tap] = weight
        sum += weight
      }
      starts.append(start)
      counts.append(count)
      for tap in 0..<stride {
        let weight = tap < count ? (sum != 0 ? unscaled[tap] / sum : unscaled[tap]) : 0
        let scaled = weight * Double(1 << Self.fractionBits)
        weights.append(Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5))
      }
    }
  }
}
