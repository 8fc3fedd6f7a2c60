import LibC

/// Tests and intervals for numbers that come from a sample of images.
package enum Statistics {
  /// The standard normal distribution's 97.5% point, for intervals of 95%.
  static let z = 1.959963984540054

  /// The two-sided p-value of the exact McNemar test: how probable it is that two equally good models differ at least
  /// this unevenly.
  ///
  /// Only images that exactly one of the models gets right say anything; of those, each is as likely to be lost as
  /// won: `min(1, 2 P(X <= min(lost, won)))` with X binomial.
  /// - Returns: 1 where no image tells the models apart.
  package static func mcnemar(lost: Int, won: Int) -> Double {
    let trials = lost + won
    guard trials > 0 else { return 1 }
    let logFactorial = { (n: Int) -> Double in lgamma(Double(n) + 1) }
    let tail = (0...min(lost, won)).reduce(0.0) { sum, k in
      sum + exp(logFactorial(trials) - logFactorial(k) - logFactorial(trials - k) - Double(trials) * log(2.0))
    }
    return min(1, 2 * tail)
  }

  /// The 95% interval of a difference of two shares of the same `count` images, by Bonett and Price ("Adjusted Wald
  /// confidence interval for a difference of binomial proportions based on paired data", 2012): it is right for few
  /// images too, where an interval without their two added observations is too narrow.
  package static func pairedDifference(lost: Int, won: Int, count: Int) -> ClosedRange<Double>? {
    guard count > 0 else { return nil }
    let n = Double(count + 2)
    let (p, q) = (Double(lost + 1) / n, Double(won + 1) / n)
    let deviation = (max(p + q - (p - q) * (p - q), 0) / n).squareRoot()
    return max(p - q - z * deviation, -1)...min(p - q + z * deviation, 1)
  }

  /// Wilson's 95% interval of a share.
  package static func share(_ hits: Int, of count: Int) -> ClosedRange<Double>? {
    guard count > 0 else { return nil }
    let n = Double(count)
    let p = Double(hits) / n
    let center = p + z * z / (2 * n)
    let reach = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    let scale = 1 + z * z / n
    return max((center - reach) / scale, 0)...min((center + reach) / scale, 1)
  }

  /// The 97.5% point of Student's t distribution.
  static func student(degrees: Int) -> Double {
    let few = [
      12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
      2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    ]
    guard degrees > few.count else { return few[max(degrees, 1) - 1] }
    // The expansion in 1/degrees of Cornish and Fisher; right to 5 digits from here on.
    let n = Double(degrees)
    let z3 = z * z * z
    let (z5, z7) = (z3 * z * z, z3 * z3 * z)
    let second = (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n)
    return z + (z3 + z) / (4 * n) + second + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n)
  }
}

/// Mean and spread of values that are added one by one, or many at a time.
package struct Mean: Sendable, Equatable {
  private var sum = 0.0
  private var squares = 0.0
  package private(set) var count = 0

  package init() {}

  package mutating func add(_ value: Double) {
    sum += value
    squares += value * value
    count += 1
  }

  package mutating func merge(_ other: Mean) {
    sum += other.sum
    squares += other.squares
    count += other.count
  }

  /// Nil when nothing was added.
  package var value: Double? { count > 0 ? sum / Double(count) : nil }

  /// Of the values; nil with fewer than two.
  package var deviation: Double? {
    guard count > 1 else { return nil }
    let n = Double(count)
    return (max(squares - sum * sum / n, 0) / (n - 1)).squareRoot()
  }

  /// The 95% interval of the mean, from Student's t distribution; nil with fewer than two values.
  package var interval: ClosedRange<Double>? {
    guard let value, let deviation else { return nil }
    let reach = Statistics.student(degrees: count - 1) * deviation / Double(count).squareRoot()
    return value - reach...value + reach
  }
}
