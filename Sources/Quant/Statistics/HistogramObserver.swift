import Int8Kernels
import ViTLite

/// How a static range is chosen from what was seen.
public enum ObserverKind: String, Sendable, CaseIterable {
  /// All that was seen.
  case minmax
  /// All but the outermost 0.01%.
  case percentile
  /// The range with the least squared error after quantization to 255 steps.
  case mse
  /// The range with the least Kullback-Leibler divergence after quantization to 255 steps
  /// (Migacz, "8-bit inference with TensorRT", 2017).
  case entropy

  /// Whether the choice depends on how many values there are of each size.
  var readsCounts: Bool { self != .minmax }
}

/// Extremes and a histogram of all values of a tensor.
///
/// The bins' width is a power of two and one edge is 0, so that widening merges pairs of bins exactly: observing two
/// halves apart and merging gives the same as observing the whole, whatever the order.
package struct HistogramObserver: Sendable, Equatable {
  /// Bins on each side of 0.
  static let side = 1024
  static let narrowestExponent = -60

  package private(set) var minimum: Float = .infinity
  package private(set) var maximum: Float = -.infinity
  /// `2 * side` bins; bin `i` holds values in `(i - side) * 2^exponent ..< (i - side + 1) * 2^exponent`.
  private(set) var counts = Self.noCounts
  private(set) var exponent = narrowestExponent
  package private(set) var total: UInt64 = 0

  /// Shared until something is counted.
  private static let noCounts = [UInt64](repeating: 0, count: 2 * side)

  package init() {}

  /// Takes values in; NaN and infinities are left out.
  ///
  /// - Parameter counting: false where only the extremes are needed: the histogram then does not hold these values.
  package mutating func observe(_ values: Span<Float>, counting: Bool = true) {
    observeExtremes(values)
    guard counting, minimum <= maximum else { return }
    widen(to: Self.exponent(covering: max(maximum.magnitude, minimum.magnitude)))
    // In double precision, where no product underflows: a tiny negative value must not become 0.
    let scale = Double(sign: .plus, exponent: -exponent, significand: 1)
    for index in values.indices where values[index].isFinite {
      let bin = Int((Double(values[index]) * scale).rounded(.down)) + Self.side
      counts[min(max(bin, 0), 2 * Self.side - 1)] += 1
      total += 1
    }
  }

  /// The comparison is one of integers, which the compiler turns into vector code; it makes no difference between 0 and
  /// -0 that could be seen.
  private mutating func observeExtremes(_ values: Span<Float>) {
    var low = FloatRows.ordered(minimum)
    var high = FloatRows.ordered(maximum)
    unsafe values.withUnsafeBufferPointer { values in
      guard let start = values.baseAddress else { return }
      unsafe FloatRows.fastest.extremes(start, values.count, &low, &high)
    }
    minimum = FloatRows.float(ordered: low)
    maximum = FloatRows.float(ordered: high)
  }

  package mutating func merge(_ other: HistogramObserver) {
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
    guard other.total > 0 else { return }
    var other = other
    let common = max(exponent, other.exponent)
    widen(to: common)
    other.widen(to: common)
    for bin in counts.indices { counts[bin] += other.counts[bin] }
    total += other.total
  }

  /// The smallest exponent whose bins hold values of this magnitude on both sides.
  private static func exponent(covering magnitude: Float) -> Int {
    guard magnitude > 0 else { return narrowestExponent }
    // magnitude < 2^(e + 1), and side is 2^10.
    return max(Int(magnitude.exponent) + 1 - 10, narrowestExponent)
  }

  private static func power(_ exponent: Int) -> Float {
    Float(sign: .plus, exponent: exponent, significand: 1)
  }

  private mutating func widen(to target: Int) {
    guard target > exponent else { return }
    let shift = target - exponent
    var wider = [UInt64](repeating: 0, count: 2 * Self.side)
    for bin in counts.indices where counts[bin] > 0 {
      wider[((bin - Self.side) >> min(shift, 62)) + Self.side] += counts[bin]
    }
    counts = wider
    exponent = target
  }

  /// The counts in fewer bins of one width, over all that was seen; empty when nothing was.
  package func coarse(bins: Int) -> [UInt64] {
    guard total > 0, bins > 0 else { return [] }
    var result = [UInt64](repeating: 0, count: bins)
    let width = max(maximum - minimum, .leastNormalMagnitude)
    for bin in counts.indices where counts[bin] > 0 {
      let share = (min(max(center(bin), minimum), maximum) - minimum) / width
      result[min(Int(share * Float(bins)), bins - 1)] += counts[bin]
    }
    return result
  }

  /// Middle of a bin.
  func center(_ bin: Int) -> Float {
    (Float(bin - Self.side) + 0.5) * Self.power(exponent)
  }
}
