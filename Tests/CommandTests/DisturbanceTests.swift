import Testing

@testable import vit_quant

@Suite("Disturbed benchmarks")
struct DisturbanceTests {
  private func findings(
    shortest: Double = 10, median: Double = 10.2, p95: Double = 10.9, product: Double? = 300, peak: Double? = 320
  ) -> [String] {
    Disturbance(shortest: shortest, median: median, p95: p95, productRate: product, peakRate: peak).findings
  }

  @Test("An idle machine is not disturbed")
  func idle() {
    #expect(findings().isEmpty)
    #expect(findings(product: nil, peak: nil).isEmpty)
    #expect(findings(product: 321).isEmpty)
  }

  @Test("A product above the peak is a wrong measurement, not a share of 141%")
  func abovePeak() throws {
    let found = findings(product: 451)
    #expect(found.count == 1)
    #expect(try #require(found.first).contains("1.41 times"))
  }

  @Test("Runs that differ beyond reason are named")
  func spread() {
    #expect(findings(p95: 16).count == 1)
    #expect(findings(shortest: 7).count == 1)
    #expect(findings(p95: 16).first?.contains("rates measured beside them may be too low") == true)
    #expect(findings(p95: 16, product: nil, peak: nil).first?.contains("rates") == false)
    #expect(findings(shortest: 7, product: 451).count == 2)
  }
}
