import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Drift")
struct DriftTests {
  /// An image of a model with one block, two tokens' values and three classes.
  private func image(_ exact: [Float], _ got: [Float], label: Int?, error: Float = 0.5) -> ImageDrift {
    ImageDrift(
      reference: ModelOutputs(logits: exact, hiddenStates: [[1, 2], [3, 4]], finalTokens: [1, 1]),
      quantized: ModelOutputs(logits: got, hiddenStates: [[1, 2], [3, 4 + error]], finalTokens: [1, 1]), label: label,
      saturationLimit: 4.25)
  }

  private var images: [ImageDrift] {
    [
      image([3, 1, 0], [3, 1, 0], label: 0), image([3, 1, 0], [1, 3, 0], label: 0),
      image([0, 3, 1], [0, 2, 3], label: 2), image([0, 3, 1], [0, 3, 1], label: nil),
    ]
  }

  private func summary(_ images: some Sequence<ImageDrift>) -> DriftSummary {
    var summary = DriftSummary(depth: 1)
    for (index, image) in images.enumerated() { summary.add(image, name: "\(index)") }
    return summary
  }

  @Test("Answers are counted")
  func answers() {
    let summary = summary(images)
    #expect(summary.samples == 4)
    #expect(summary.labelled == 3)
    #expect(summary.referenceTop1 == 2.0 / 3)
    #expect(summary.quantizedTop1 == 2.0 / 3)
    #expect(summary.top1Drop == 0)
    #expect(summary.referenceTop5 == 1)
    #expect(summary.agreement == 0.5)
    #expect(summary.disagreements.map(\.input) == ["1", "2"])
    #expect(summary.disagreements.first == .init(input: "1", label: 0, reference: 0, quantized: 1))
  }

  @Test("Layers are compared one by one")
  func layers() {
    let layers = summary(images).layers
    #expect(layers.map(\.name) == ["patch_embd", "blk.0", "output_norm"])
    #expect(layers[0].sqnrDecibels == 200)
    #expect(layers[1].sqnrDecibels.map { abs($0 - 20) < 1e-9 } == true)
    #expect(layers[1].maximumError == 0.5)
    #expect(layers[1].saturation == 0.5)
    #expect(layers[0].saturation == 0)
  }

  @Test("The interval of the top-1 drop counts only images that exactly one of the models gets right")
  func dropInterval() throws {
    // 100 images, both right; then 3 lost and 1 won.
    var all = (0..<96).map { _ in image([3, 1, 0], [3, 1, 0], label: 0) }
    all += (0..<3).map { _ in image([3, 1, 0], [1, 3, 0], label: 0) }
    all.append(image([1, 3, 0], [3, 1, 0], label: 0))
    let interval = try #require(summary(all).top1DropInterval)
    // (3 - 1)/100 +- 1.96 sqrt(4 - 4/100)/100, in points.
    #expect(abs(interval.lowerBound - (2 - 1.96 * 3.96.squareRoot())) < 1e-9)
    #expect(abs(interval.upperBound - (2 + 1.96 * 3.96.squareRoot())) < 1e-9)
  }

  @Test("Without a head there are no answers")
  func headless() {
    let outputs = ModelOutputs(logits: nil, hiddenStates: [[1], [2]], finalTokens: [1])
    let image = ImageDrift(reference: outputs, quantized: outputs, label: nil, saturationLimit: 10)
    let summary = summary([image])
    #expect(summary.agreement == nil)
    #expect(summary.referenceTop1 == nil)
    #expect(summary.top1DropInterval == nil)
    #expect(summary.tokenSQNR == 200)
  }
}
