import Testing

@testable import Quant

@Suite("Metrics")
struct MetricsTests {
  private func comparison(_ reference: [Float], _ got: [Float]) -> Comparison {
    var comparison = Comparison()
    comparison.add(reference: reference.span, got: got.span)
    return comparison
  }

  @Test("The signal-to-noise ratio is in decibels")
  func sqnr() {
    // Noise of a hundredth of the signal's energy is 20 dB below it.
    #expect(abs(comparison([10, 0], [10, 1]).sqnr - 20) < 1e-9)
    #expect(comparison([1, 2, 3], [1, 2, 3]).sqnr == Comparison.sqnrLimit)
    #expect(comparison([0, 0], [1, 0]).sqnr == -Comparison.sqnrLimit)
    #expect(comparison([0], [0]).sqnr == Comparison.sqnrLimit)
  }

  @Test("The cosine is that of the angle")
  func cosine() {
    #expect(abs(comparison([1, 0], [1, 1]).cosine - 0.5.squareRoot()) < 1e-12)
    #expect(abs(comparison([1, 2], [-2, -4]).cosine + 1) < 1e-12)
    #expect(comparison([0, 0], [0, 0]).cosine == 1)
    #expect(comparison([1, 0], [0, 0]).cosine == 0)
  }

  @Test("The largest error is kept")
  func maximumError() {
    #expect(comparison([1, 5, -3], [1.5, 5, -1]).maximumError == 2)
  }

  @Test("The comparisons of pieces merge to that of the whole")
  func merging() {
    let reference: [Float] = [1, -2, 3, 4]
    let got: [Float] = [1, -2.5, 2, 4]
    var first = comparison(Array(reference[..<2]), Array(got[..<2]))
    first.merge(comparison(Array(reference[2...]), Array(got[2...])))
    #expect(first == comparison(reference, got))
    #expect(first.count == 4)
  }

  @Test("Of equal logits the first counts")
  func ties() {
    #expect(LogitMetrics.isAmongTop(1, label: 1, logits: [1, 3, 3]))
    #expect(!LogitMetrics.isAmongTop(1, label: 2, logits: [1, 3, 3]))
    #expect(LogitMetrics.isAmongTop(2, label: 2, logits: [1, 3, 3]))
    #expect(!LogitMetrics.isAmongTop(5, label: 7, logits: [1, 3, 3]))
  }

  @Test("The divergence is that of its definition")
  func divergence() {
    // 0.25 log(0.25/0.5) + 0.75 log(0.75/0.5)
    let divergence = LogitMetrics.klDivergence(reference: [0, Float(3.0.logarithm)], got: [7, 7])
    #expect(abs(divergence - 0.130812) < 1e-5)
    #expect(LogitMetrics.klDivergence(reference: [1, 2], got: [1, 2]) == 0)
    #expect(LogitMetrics.klDivergence(reference: [1e4, 0], got: [0, 1e4]).isFinite)
  }
}
