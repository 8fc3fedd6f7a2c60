/// Signs that other programs took time while a benchmark ran, so that its numbers say little.
struct Disturbance {
  /// How far above the peak a product may be measured: both are timed, and clocks of processors change.
  static let peakSlack = 1.02
  /// The 95th percentile over the median, and the median over the shortest run, on an undisturbed machine.
  private static let tail = 1.5
  private static let spread = 1.3

  /// Milliseconds.
  let shortest: Double
  let median: Double
  let p95: Double
  /// Billions of operations a second.
  let productRate: Double?
  let peakRate: Double?

  /// A sentence for each sign; empty where there is none.
  var findings: [String] {
    var findings: [String] = []
    if let productRate, let peakRate, productRate > peakRate * Self.peakSlack {
      let ratio = NumberText.fixed(productRate / peakRate, 2)
      findings.append(
        "the matrix products were measured \(ratio) times as fast as the processor's peak, which was measured too low; "
          + "measure again on an idle machine")
    }
    if p95 > Self.tail * median || median > Self.spread * shortest {
      let rates = productRate == nil ? "" : ", and rates measured beside them may be too low"
      findings.append(
        "runs took from \(NumberText.fixed(shortest, 2)) to \(NumberText.fixed(p95, 2)) ms, the median "
          + "\(NumberText.fixed(median, 2)) ms; the shortest says most\(rates)")
    }
    return findings
  }
}
