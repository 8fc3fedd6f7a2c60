import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Expected numbers are SciPy's: `binomtest(min(lost, won), lost + won).pvalue`, `proportion_ci(method="wilson")` and
/// `t.ppf(0.975, degrees)`.
@Suite("Statistics of reports")
struct StatisticsTests {
  @Test(
    "The exact McNemar test gives the p-values of a binomial test",
    arguments: [
      (0, 0, 1.0), (2, 0, 0.5), (3, 1, 0.625), (20, 10, 0.09873714670538905), (300, 260, 0.0992558700573967),
      (8, 111, 2.5395880340833756e-24),
    ])
  func mcnemar(_ lost: Int, _ won: Int, _ expected: Double) {
    #expect(abs(Statistics.mcnemar(lost: lost, won: won) - expected) < 1e-10 * max(expected, 1e-12) + 1e-12)
    #expect(Statistics.mcnemar(lost: won, won: lost) == Statistics.mcnemar(lost: lost, won: won))
  }

  @Test(
    "Wilson's interval of a share",
    arguments: [
      (998, 1000, 0.9927371921365078, 0.9994513564118792), (40, 40, 0.9123783988027133, 1.0),
      (0, 10, 0.0, 0.27753279986288926), (7, 10, 0.39677814746114526, 0.892208732593699),
    ])
  func wilson(_ hits: Int, _ count: Int, _ low: Double, _ high: Double) throws {
    let interval = try #require(Statistics.share(hits, of: count))
    #expect(abs(interval.lowerBound - low) < 1e-9)
    #expect(abs(interval.upperBound - high) < 1e-9)
  }

  @Test("Images that no one tells apart still leave an interval, the wider the fewer they are")
  func pairedInterval() throws {
    let few = try #require(Statistics.pairedDifference(lost: 0, won: 0, count: 40))
    #expect(abs(few.upperBound - 0.06599542020712751) < 1e-9)
    #expect(abs(few.lowerBound + few.upperBound) < 1e-12)
    let many = try #require(Statistics.pairedDifference(lost: 0, won: 0, count: 4000))
    #expect(many.upperBound < few.upperBound / 50)
    #expect(Statistics.pairedDifference(lost: 0, won: 0, count: 0) == nil)
  }

  @Test(
    "Student's t distribution",
    arguments: [
      (1, 12.706204736174694), (5, 2.5705818356363146), (20, 2.085963447265864), (21, 2.0796138447276795),
      (30, 2.0422724563012378), (100, 1.9839715185235518), (999, 1.9623414611334493),
    ])
  func student(_ degrees: Int, _ expected: Double) {
    #expect(abs(Statistics.student(degrees: degrees) - expected) < 5e-5)
  }

  @Test("A mean of parts is that of the whole")
  func means() throws {
    var (whole, first, second) = (Mean(), Mean(), Mean())
    for (index, value) in [4.0, 7, 1, 12, 3].enumerated() {
      whole.add(value)
      if index < 2 { first.add(value) } else { second.add(value) }
    }
    first.merge(second)
    #expect(first == whole)
    #expect(whole.value == 5.4)
    #expect(abs(try #require(whole.deviation) - 18.3.squareRoot()) < 1e-12)
    #expect(Mean().value == nil)
  }

  @Test("SHA-256 gives the digests of its standard, in one piece and in many")
  func sha256() {
    #expect(
      SHA256.text(of: Array("abc".utf8).span.bytes)
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let bytes = (0..<1280).map { UInt8(truncatingIfNeeded: $0) }
    let expected = "d414b085826eb06778483ba35564dc849e643359f69ed9747878ba6e54985bed"
    #expect(SHA256.text(of: bytes.span.bytes) == expected)
    var digest = SHA256()
    for start in stride(from: 0, to: bytes.count, by: 37) {
      digest.update(Array(bytes[start..<min(start + 37, bytes.count)]).span.bytes)
    }
    #expect(digest.text() == expected)
  }

  @Test("The digest of an image is its FNV-1a hash")
  func sampleDigest() {
    #expect(SampleDigest.of(.pixels(Array("foobar".utf8))) == 0x8594_4171_f739_67e8)
    #expect(SampleDigest.text(0xabc) == "0000000000000abc")
  }

  @Test("Noise has no correlation of neighbours, a ramp has")
  func imageStatistics() throws {
    var (noise, ramp) = (ImageStatistics(), ImageStatistics())
    var random = RandomValues(seed: 1)
    noise.add(random.uniform(64 * 64, in: 0...1), width: 64)
    ramp.add((0..<64 * 64).map { Float($0 % 64) }, width: 64)
    #expect(try #require(noise.correlation).magnitude < 0.05)
    #expect(try #require(ramp.correlation) > 0.99)
    #expect(ramp.minimum == 0)
    #expect(ramp.maximum == 63)
  }
}
