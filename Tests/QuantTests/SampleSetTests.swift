import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Sample sets")
struct SampleSetTests {
  private func set() -> SampleSet {
    var set = SampleSet(channels: 2, height: 1, width: 2, kind: .pixels, labelled: true)
    let isAdded = set.append(.pixels([0, 255, 10, 20]), label: 3, name: "first")
    #expect(isAdded)
    return set
  }

  @Test("Samples of another kind or size are not added")
  func misfits() {
    var set = set()
    let misfits: [(Sample, Int?)] = [(.pixels([0, 1]), 0), (.values([0, 1, 2, 3]), 0), (.pixels([0, 1, 2, 3]), nil)]
    for (sample, label) in misfits {
      let isAdded = set.append(sample, label: label, name: "misfit")
      #expect(!isAdded)
    }
    #expect(set.count == 1)
    #expect(set.names == ["first"])
    #expect(set.labels == [3])
  }

  @Test("Pixels are normalized by channel")
  func normalization() {
    let preprocessing = Preprocessing(
      resize: .none, filter: .bilinear, crop: nil, mean: [0.5, 0], standardDeviation: [0.5, 2])
    let values = set().values(of: 0, preprocessing: preprocessing)
    let expected: [Float] = [-1, 1, Float(10.0 / 255 / 2), Float(20.0 / 255 / 2)]
    for (value, wanted) in zip(values, expected) { #expect(abs(value - wanted) < 1e-6) }
  }

  @Test("A choice is the same for the same seed, and has no repetition")
  func choice() {
    let chosen = SampleSet.choose(10, of: 1000, seed: 7)
    #expect(chosen == SampleSet.choose(10, of: 1000, seed: 7))
    #expect(chosen != SampleSet.choose(10, of: 1000, seed: 8))
    #expect(Set(chosen).count == 10)
    #expect(chosen == chosen.sorted())
    #expect(chosen.allSatisfy { (0..<1000).contains($0) })
    #expect(SampleSet.choose(5, of: 3, seed: 0) == [0, 1, 2])
  }
}
