import Testing

@testable import Quant

private func observed(_ parts: [Float]...) -> HistogramObserver {
  var observer = HistogramObserver()
  for part in parts { observer.observe(part.span) }
  return observer
}

@Suite("Histogram observer")
struct HistogramObserverTests {
  /// Values over many magnitudes, so that parts have bins of different widths.
  static func values(seed: UInt64) -> [Float] {
    var random = RandomValues(seed: seed)
    return (0..<600).map { _ in
      let exponent = Int.random(in: -30...30, using: &random)
      return Float(sign: .plus, exponent: exponent, significand: Float.random(in: -2...2, using: &random))
    } + [0, -0.0]
  }

  @Test("Parts observed apart and merged give the whole, however they are split and in any order", arguments: 0..<40)
  func merging(seed: UInt64) {
    var random = RandomValues(seed: seed &+ 1000)
    let values = Self.values(seed: seed)
    let whole = observed(values)
    var parts: [HistogramObserver] = []
    var rest = values.shuffled(using: &random)[...]
    while !rest.isEmpty {
      let count = Int.random(in: 1...rest.count, using: &random)
      parts.append(observed(Array(rest.prefix(count))))
      rest = rest.dropFirst(count)
    }
    // An empty observer changes nothing, wherever it stands.
    parts.insert(HistogramObserver(), at: Int.random(in: 0...parts.count, using: &random))
    while parts.count > 1 {
      let other = parts.remove(at: Int.random(in: 0..<parts.count, using: &random))
      parts[Int.random(in: 0..<parts.count, using: &random)].merge(other)
    }
    #expect(parts == [whole])
    for kind in ObserverKind.allCases { #expect(parts[0].range(kind) == whole.range(kind)) }
  }

  @Test("Observing piece by piece gives the whole, narrow values before wide ones and after")
  func growing() {
    let values: [Float] = [0, 1e-12, -1e-12, 3e-5, -0.25, 1, -1, 511.5, -512, 1e9, -3e20, 1e-37, -1e-37]
    let whole = observed(values)
    var upwards = HistogramObserver()
    var downwards = HistogramObserver()
    for value in values { upwards.observe([value].span) }
    for value in values.reversed() { downwards.observe([value].span) }
    #expect(upwards == whole)
    #expect(downwards == whole)
  }

  @Test("The smallest negative number stays negative beside the largest positive one")
  func extremeMagnitudes() {
    let whole = observed([-Float.leastNonzeroMagnitude, .greatestFiniteMagnitude])
    var merged = observed([-Float.leastNonzeroMagnitude])
    merged.merge(observed([.greatestFiniteMagnitude]))
    #expect(merged == whole)
    #expect(whole.counts[HistogramObserver.side - 1] == 1)
  }

  @Test("Every value is counted in the bin that holds it")
  func bins() {
    let values = Self.values(seed: 7)
    let observer = observed(values)
    let width = Double(sign: .plus, exponent: observer.exponent, significand: 1)
    var expected = [UInt64](repeating: 0, count: 2 * HistogramObserver.side)
    for value in values { expected[Int((Double(value) / width).rounded(.down)) + HistogramObserver.side] += 1 }
    #expect(observer.counts == expected)
    #expect(observer.total == UInt64(values.count))
    #expect(observer.minimum == values.min())
    #expect(observer.maximum == values.max())
  }

  @Test("What is not finite is left out")
  func notFinite() {
    #expect(observed([.nan, 1, .infinity, -2, -.infinity]) == observed([1, -2]))
    #expect(observed([.infinity, .nan]) == HistogramObserver())
  }
}
