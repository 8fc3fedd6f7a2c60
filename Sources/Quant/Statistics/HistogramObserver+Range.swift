import Int8Kernels
import ViTLite

extension HistogramObserver {
  /// The range that this kind of observer chooses; it always includes 0. `0 ... 0` when nothing was seen.
  package func range(_ kind: ObserverKind) -> ValueRange {
    guard minimum <= maximum else { return ValueRange(low: 0, high: 0) }
    let whole = ValueRange(low: min(minimum, 0), high: max(maximum, 0))
    guard total > 0 else { return whole }
    switch kind {
    case .minmax: return whole
    case .percentile: return percentileRange(within: whole, outside: 0.0001)
    case .mse: return searchedRange(within: whole, cost: squaredError)
    case .entropy: return searchedRange(within: whole, cost: divergence)
    }
  }

  /// The range without half of `outside` on each side.
  private func percentileRange(within whole: ValueRange, outside: Double) -> ValueRange {
    let allowed = UInt64(Double(total) * outside / 2)
    var low = whole.low
    var high = whole.high
    var seen: UInt64 = 0
    for bin in counts.indices {
      seen += counts[bin]
      if seen > allowed {
        low = max(whole.low, min(center(bin), 0))
        break
      }
    }
    seen = 0
    for bin in counts.indices.reversed() {
      seen += counts[bin]
      if seen > allowed {
        high = min(whole.high, max(center(bin), 0))
        break
      }
    }
    return ValueRange(low: low, high: high)
  }

  /// The range of least cost: first the whole range shrunk on both sides alike, then each side by itself, so that an
  /// outlier on one side does not decide the other.
  private func searchedRange(within whole: ValueRange, cost: (ValueRange) -> Double) -> ValueRange {
    var best = whole
    var lowest = cost(whole)
    func consider(_ candidate: ValueRange) {
      let candidateCost = cost(candidate)
      if candidateCost < lowest {
        lowest = candidateCost
        best = candidate
      }
    }
    let factors = (1..<60).map { Float(1) - Float($0) / 64 }
    for factor in factors { consider(ValueRange(low: whole.low * factor, high: whole.high * factor)) }
    for factor in [1] + factors { consider(ValueRange(low: whole.low * factor, high: best.high)) }
    for factor in [1] + factors { consider(ValueRange(low: best.low, high: whole.high * factor)) }
    return best
  }

  /// Mean squared error of quantizing the histogram to 255 steps of the range.
  private func squaredError(_ range: ValueRange) -> Double {
    let step = Double(range.high - range.low) / 255
    var error = 0.0
    for bin in counts.indices where counts[bin] > 0 {
      let value = Double(center(bin))
      let clipped = min(max(value, Double(range.low)), Double(range.high))
      let quantized = step > 0 ? (clipped / step).rounded() * step : 0
      // Values are spread over the bin's width; where that is more than a step, their rounding errors are spread over a
      // whole step.
      let spread = min(step, Double(sign: .plus, exponent: exponent, significand: 1))
      let distance = value - quantized
      error += Double(counts[bin]) * (distance * distance + spread * spread / 12)
    }
    return error / Double(total)
  }

  /// Kullback-Leibler divergence from the clipped histogram to its quantization to 255 steps of the range.
  private func divergence(_ range: ValueRange) -> Double {
    let step = Double(range.high - range.low) / 255
    guard step > 0 else { return .infinity }
    var clipped = [Double](repeating: 0, count: counts.count)
    var inside = [Double](repeating: 0, count: counts.count)
    var mass = [Double](repeating: 0, count: 256)
    var occupied = [Double](repeating: 0, count: 256)
    var levels = [Int](repeating: 0, count: counts.count)
    for bin in counts.indices {
      let value = Double(center(bin))
      let bounded = min(max(value, Double(range.low)), Double(range.high))
      let level = min(max(Int(((bounded - Double(range.low)) / step).rounded()), 0), 255)
      let target = value == bounded ? bin : binOf(bounded)
      levels[bin] = level
      clipped[target] += Double(counts[bin])
      if value == bounded { inside[bin] = Double(counts[bin]) }
    }
    for bin in counts.indices where inside[bin] > 0 {
      mass[levels[bin]] += inside[bin]
      occupied[levels[bin]] += 1
    }
    let clippedTotal = Double(total)
    let insideTotal = max(mass.reduce(0, +), 1)
    var sum = 0.0
    for bin in counts.indices where clipped[bin] > 0 {
      let p = clipped[bin] / clippedTotal
      let spread = occupied[levels[bin]] > 0 ? mass[levels[bin]] / occupied[levels[bin]] / insideTotal : 0
      sum += p * (p / max(spread, 1e-12)).logarithm
    }
    return sum
  }

  private func binOf(_ value: Double) -> Int {
    let scaled = value / Double(sign: .plus, exponent: exponent, significand: 1)
    return min(max(Int(scaled.rounded(.down)) + Self.side, 0), 2 * Self.side - 1)
  }
}
