import Int8Kernels
import ViTLite

/// How far values are from a reference, as sums that can be added up piece by piece.
///
///     Comparison(reference: exact, got: quantized).sqnr      // decibels
public struct Comparison: Sendable, Equatable {
  /// Sum of `reference^2`.
  public private(set) var signal = 0.0
  /// Sum of `(reference - got)^2`.
  public private(set) var noise = 0.0
  /// Sum of `got^2`.
  public private(set) var power = 0.0
  /// Sum of `reference * got`.
  public private(set) var product = 0.0
  /// The largest `|reference - got|`.
  public private(set) var maximumError = 0.0
  public private(set) var count = 0

  public init() {}

  /// Compares values with what stands in their place.
  /// - Precondition: both are equally long.
  public init(reference: [Float], got: [Float]) { add(reference: reference.span, got: got.span) }

  /// Adds values and what stands in their place.
  /// - Precondition: both are equally long.
  public mutating func add(reference: Span<Float>, got: Span<Float>) {
    precondition(reference.count == got.count, "values are compared one by one")
    for index in reference.indices {
      let (exact, value) = (Double(reference[index]), Double(got[index]))
      let error = exact - value
      signal += exact * exact
      noise += error * error
      power += value * value
      product += exact * value
      // `max` would pass over a NaN.
      maximumError = error.isNaN ? .nan : max(maximumError, error.magnitude)
    }
    count += reference.count
  }

  public mutating func merge(_ other: Comparison) {
    signal += other.signal
    noise += other.noise
    power += other.power
    product += other.product
    maximumError = max(maximumError, other.maximumError)
    count += other.count
  }

  /// The largest ratio that is reported, in decibels: what equal values have instead of infinity.
  public static let sqnrLimit = 200.0

  /// Signal to quantization noise ratio in decibels, `10 log10(sum reference^2 / sum (reference - got)^2)`, held
  /// within plus and minus `sqnrLimit`; NaN when a value is NaN or infinite.
  public var sqnr: Double {
    guard isFinite else { return .nan }
    guard noise > 0 else { return Self.sqnrLimit }
    guard signal > 0 else { return -Self.sqnrLimit }
    return min(max(10 * (signal / noise).logarithm / 10.0.logarithm, -Self.sqnrLimit), Self.sqnrLimit)
  }

  /// Whether all values were finite: squares of single-precision numbers cannot overflow a sum in double precision.
  private var isFinite: Bool { signal.isFinite && power.isFinite }

  /// `sum reference * got / sqrt(sum reference^2 * sum got^2)`, -1 to 1; 1 when both are zero throughout; NaN when a
  /// value is NaN or infinite.
  public var cosine: Double {
    guard isFinite else { return .nan }
    guard signal > 0, power > 0 else { return signal == power ? 1 : 0 }
    // Two roots rather than one of a product, which could overflow.
    return min(max(product / (signal.squareRoot() * power.squareRoot()), -1), 1)
  }
}

/// Metrics of a classifier's logits.
package enum LogitMetrics {
  /// Whether `label` is among the `k` classes with the largest logits; of equal ones the first count.
  package static func isAmongTop(_ k: Int, label: Int, logits: [Float]) -> Bool {
    guard logits.indices.contains(label) else { return false }
    var better = 0
    for index in logits.indices {
      if logits[index] > logits[label] || (logits[index] == logits[label] && index < label) { better += 1 }
    }
    return better < k
  }

  /// Kullback-Leibler divergence of the softmax of `got` from the softmax of `reference`, in nats:
  /// `sum p log(p / q)`, at least 0.
  package static func klDivergence(reference: [Float], got: [Float]) -> Double {
    let (p, q) = (logSoftmax(reference), logSoftmax(got))
    var sum = 0.0
    for index in 0..<min(p.count, q.count) { sum += p[index].exponential * (p[index] - q[index]) }
    return max(sum, 0)
  }

  private static func logSoftmax(_ logits: [Float]) -> [Double] {
    guard let maximum = logits.max() else { return [] }
    let shifted = logits.map { Double($0) - Double(maximum) }
    let logarithm = shifted.reduce(0) { $0 + $1.exponential }.logarithm
    return shifted.map { $0 - logarithm }
  }
}
