import Testing

@testable import Int8Kernels
@testable import Quant

@Suite("Variants of samples")
struct SampleVariantsTests {
  /// Images whose every row rises from left to right by 10 a pixel.
  private func set(_ count: Int, kind: SampleSet.Kind = .pixels) -> SampleSet {
    var set = SampleSet(channels: 1, height: 4, width: 8, kind: kind, labelled: true)
    let row = (0..<8).map { 10 * $0 }
    let rows = row + row + row + row
    let sample = kind == .pixels ? Sample.pixels(rows.map { UInt8($0) }) : .values(rows.map { Float($0) })
    for index in 0..<count {
      let isAdded = set.append(sample, label: index, name: "image \(index)")
      #expect(isAdded)
    }
    return set
  }

  @Test("Few samples become more, each followed by its variants")
  func few() {
    let samples = set(3)
    let more = samples.withVariants(seed: 1, wanted: 64)
    #expect(more.count == 12)
    #expect(more.names == (0..<12).map { "image \($0 / 4)" })
    #expect(more.labels == (0..<12).map { $0 / 4 })
    for index in 0..<3 { #expect(more[4 * index] == samples[index]) }
    #expect((1..<4).contains { more[$0] != samples[0] })
    #expect(set(30).withVariants(seed: 1, wanted: 64).count == 90)
  }

  @Test("Static ranges and a target get variants of more samples than scales for each row")
  func wanted() {
    var options = CalibrationOptions()
    func count() -> Int { set(50).withVariants(seed: 1, wanted: options.wantedSamples).count }
    #expect(count() == 50)
    options.targetSQNR = 40
    #expect(count() == 100)
    options = CalibrationOptions(activations: .static)
    #expect(count() == 100)
  }

  @Test("Many samples stay as they are", arguments: [64, 65])
  func many(count: Int) {
    let samples = set(count)
    let same = samples.withVariants(seed: 1, wanted: 64)
    #expect(same.count == count)
    #expect((0..<count).allSatisfy { same[$0] == samples[$0] })
  }

  @Test("The same seed gives the same variants, another seed others")
  func seeds() {
    func samples(_ seed: UInt64) -> [Sample] {
      let more = set(2).withVariants(seed: seed, wanted: 64)
      return (0..<more.count).map { more[$0] }
    }
    #expect(samples(5) == samples(5))
    #expect(samples(5) != samples(6))
  }

  @Test("Normalised values stay within those of their image, and every other variant is mirrored")
  func values() throws {
    let more = set(1, kind: .values).withVariants(seed: 3, wanted: 64)
    for index in 1..<more.count {
      guard case .values(let values) = more[index] else {
        Issue.record("pixels of a set of values")
        continue
      }
      #expect(values.allSatisfy { (0...70).contains($0) })
      let (first, last) = (try #require(values.first), try #require(values.last))
      #expect(index % 2 == 1 ? first > last : first < last)
    }
  }
}
