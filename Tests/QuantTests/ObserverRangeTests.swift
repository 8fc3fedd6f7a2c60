import Foundation
import Testing

@testable import Quant

private func observed(_ values: [Float]) -> HistogramObserver {
  var observer = HistogramObserver()
  observer.observe(values.span)
  return observer
}

/// Mean squared error of quantizing the values themselves to 255 steps of a range that includes 0.
private func squaredError(_ values: [Float], _ range: ValueRange) -> Double {
  let step = Double(range.high - range.low) / 255
  return values.reduce(0) { sum, value in
    let clipped = min(max(Double(value), Double(range.low)), Double(range.high))
    let error = Double(value) - (clipped / step).rounded() * step
    return sum + error * error
  } / Double(values.count)
}

/// Kullback-Leibler divergence from a histogram, clipped to a range, to what 255 steps of the range make of it: each
/// step's mass spread evenly over the bins that it stands for.
private func divergence(_ observer: HistogramObserver, _ range: ValueRange) -> Double {
  let step = Double(range.high - range.low) / 255
  let width = Double(sign: .plus, exponent: observer.exponent, significand: 1)
  var reference: [Int: Double] = [:]
  var levels: [Int: (mass: Double, bins: Int)] = [:]
  var kept = 0.0
  func level(_ value: Double) -> Int { Int(((value - Double(range.low)) / step).rounded()) }
  func center(_ bin: Int) -> Double { (Double(bin - HistogramObserver.side) + 0.5) * width }
  for (bin, count) in observer.counts.enumerated() where count > 0 {
    let value = center(bin)
    let clipped = min(max(value, Double(range.low)), Double(range.high))
    let edge = Int((clipped / width).rounded(.down)) + HistogramObserver.side
    reference[value == clipped ? bin : edge, default: 0] += Double(count)
    guard value == clipped else { continue }
    kept += Double(count)
    let known = levels[level(value)] ?? (0, 0)
    levels[level(value)] = (known.mass + Double(count), known.bins + 1)
  }
  return reference.reduce(0) { sum, entry in
    let p = entry.value / Double(observer.total)
    let found = levels[min(max(level(center(entry.key)), 0), 255)] ?? (0, 1)
    return sum + p * log(p / max(found.mass / Double(found.bins) / max(kept, 1), 1e-12))
  }
}

/// The least cost of all ranges `low * i / steps ... high * j / steps`.
private func leastCost(_ values: [Float], steps: Int, _ cost: (ValueRange) -> Double) -> Double {
  let low = min(values.min() ?? 0, 0)
  let high = max(values.max() ?? 0, 0)
  var least = Double.infinity
  for i in (low < 0 ? 1 : steps)...steps {
    for j in (high > 0 ? 1 : steps)...steps {
      least = min(
        least, cost(ValueRange(low: low * Float(i) / Float(steps), high: high * Float(j) / Float(steps))))
    }
  }
  return least
}

@Suite("Ranges that observers choose")
struct ObserverRangeTests {
  static let distributions: [(name: String, values: [Float])] = {
    var random = RandomValues(seed: 1)
    let normal = random.normal(4000)
    return [
      ("uniform", random.uniform(4000, in: -1...3)), ("normal", normal), ("laplace", random.laplace(4000)),
      ("positive", random.laplace(4000).map(\.magnitude)), ("negative", random.laplace(4000).map { -$0.magnitude }),
      ("normal with an outlier", normal + [40]), ("normal with outliers", normal + [-25, 60]),
      ("shifted", normal.map { $0 / 8 + 5 }),
    ]
  }()

  @Test("Every range lies within what was seen and 0, and includes 0", arguments: ObserverKind.allCases)
  func bounds(kind: ObserverKind) {
    for (name, values) in Self.distributions {
      let range = observed(values).range(kind)
      #expect(range.low <= 0 && range.low >= min(values.min() ?? 0, 0), "\(name)")
      #expect(range.high >= 0 && range.high <= max(values.max() ?? 0, 0), "\(name)")
      #expect(range.low < range.high, "\(name)")
    }
  }

  @Test("Nothing seen, or only zeros, gives 0 to 0", arguments: ObserverKind.allCases)
  func empty(kind: ObserverKind) {
    let nothing = ValueRange(low: 0, high: 0)
    #expect(HistogramObserver().range(kind) == nothing)
    #expect(observed([0, 0, 0]).range(kind) == nothing)
  }

  @Test("Min-max is the extremes and 0")
  func minmax() {
    #expect(observed([2, 5, 3]).range(.minmax) == ValueRange(low: 0, high: 5))
    #expect(observed([-2, -5]).range(.minmax) == ValueRange(low: -5, high: 0))
    #expect(observed([-2, 7]).range(.minmax) == ValueRange(low: -2, high: 7))
  }

  @Test("The percentile leaves out one in 20,000 on each side, to within a bin")
  func percentile() {
    var random = RandomValues(seed: 2)
    let values = random.normal(200_000)
    let sorted = values.sorted()
    // 10 values may lie beyond each end.
    let observer = observed(values)
    let range = observer.range(.percentile)
    let width = Float(sign: .plus, exponent: observer.exponent, significand: 1)
    #expect(abs(range.low - sorted[10]) <= width)
    #expect(abs(range.high - sorted[sorted.count - 11]) <= width)
    #expect(observed(Array(values.prefix(1000))).range(.percentile).high > (values.prefix(1000).max() ?? 0) - 2 * width)
  }

  @Test("The MSE range has nearly the least error that any range has", arguments: distributions.indices)
  func meanSquaredError(index: Int) {
    let (name, values) = Self.distributions[index]
    let found = squaredError(values, observed(values).range(.mse))
    let least = leastCost(values, steps: 64) { squaredError(values, $0) }
    // The values' own rounding is noise on top of what the histogram can see.
    #expect(found <= 1.1 * least, "\(name): \(found), least \(least)")
    #expect(found <= 1.02 * squaredError(values, observed(values).range(.minmax)), "\(name)")
  }

  @Test("The entropy range has nearly the least divergence that any range has", arguments: distributions.indices)
  func entropy(index: Int) {
    let (name, values) = Self.distributions[index]
    let observer = observed(values)
    let found = divergence(observer, observer.range(.entropy))
    let least = leastCost(values, steps: 32) { divergence(observer, $0) }
    #expect(found <= 1.1 * least + 1e-3, "\(name): \(found), least \(least)")
  }

  @Test("Entropy gives up a lone outlier without taking from the other side")
  func outlier() {
    var random = RandomValues(seed: 3)
    let range = observed(random.normal(50_000) + [60]).range(.entropy)
    #expect(range.high > 2.5 && range.high < 30, "\(range)")
    #expect(range.low < -2.5, "\(range)")
  }
}
