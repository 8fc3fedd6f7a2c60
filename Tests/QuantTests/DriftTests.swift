import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Drift")
struct DriftTests {
  private static let points = [
    DriftPoint(name: "patch_embd", kind: .linear, layer: .patchEmbedding),
    DriftPoint(name: "blk.0", kind: .stream, layer: nil),
  ]

  /// An image of a model with two points and three classes.
  private func image(_ exact: [Float], _ got: [Float], label: Int?, error: Float = 0.5) -> ImageDrift {
    var layers = [LayerMeasurement(), LayerMeasurement()]
    layers[0].comparison.add(reference: [1, 2].span, got: [1, 2].span)
    layers[1].comparison.add(reference: [3, 4].span, got: [3, 4 + error].span)
    layers[1].saturated = 1
    return ImageDrift(
      layers: layers, reference: ModelOutputs(logits: exact, hiddenStates: [], finalTokens: [1, 1]),
      quantized: ModelOutputs(logits: got, hiddenStates: [], finalTokens: [1, 1]), label: label)
  }

  private var images: [ImageDrift] {
    [
      image([3, 1, 0], [3, 1, 0], label: 0), image([3, 1, 0], [1, 3, 0], label: 0),
      image([0, 3, 1], [0, 2, 3], label: 2), image([0, 3, 1], [0, 3, 1], label: nil),
    ]
  }

  private func summary(_ images: some Sequence<ImageDrift>) -> DriftSummary {
    var summary = DriftSummary(points: Self.points, worstImages: 2)
    for (index, image) in images.enumerated() { summary.add(image, name: "\(index)") }
    return summary
  }

  @Test("Clipping's share of an input's error grows with the distance from the range")
  func clippingShare() {
    func share(_ values: [Float]) -> Double {
      var measurement = LayerMeasurement()
      measurement.comparison.add(reference: [1, 2].span, got: [1, 2].span)
      for value in values { measurement.count(value, in: -127...128) }
      var summary = LayerSummary(Self.points[0])
      summary.add(measurement)
      return summary.clippingShare
    }
    #expect(share([1, 2, -127, 128, 128.4]) == 0)
    // One step beyond the end against the rounding of 12 values: 1 and 12 / 12.
    #expect(share([129] + Array(repeating: 0, count: 11)) == 0.5)
    #expect(share([130] + Array(repeating: 0, count: 11)) == 0.8)
    #expect(share([]) == 0)
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
    #expect(layers.map(\.name) == ["patch_embd", "blk.0"])
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
    let summary = summary(all)
    let interval = try #require(summary.top1DropInterval)
    // With two added observations: (4 - 2)/102 +- z sqrt((6/102 - (2/102)^2)/102), in points.
    #expect(abs(interval.lowerBound + 2.7305850023074707) < 1e-9)
    #expect(abs(interval.upperBound - 6.65215362975845) < 1e-9)
    #expect(abs(try #require(summary.mcnemarP) - 0.625) < 1e-12)
  }

  @Test("The worst images are kept, and no more than asked for")
  func worstImages() {
    let worst = summary(images + images).worst
    #expect(worst.disagreements.count == 2)
    #expect(worst.drifting.map(\.index) == [0, 3])
  }

  @Test("Classes are counted by label, and confusions by what int8 says instead")
  func classes() throws {
    let classes = summary(images).classes
    #expect(classes.keys.sorted() == [0, 2])
    let first = try #require(classes[0])
    #expect(first.images == 2)
    #expect(first.drop == 50)
    #expect(first.confusions == [1: 1])
    #expect(classes[2]?.won == 1)
  }

  @Test("Without a head there are no answers, but neighbours")
  func headless() throws {
    let outputs = ModelOutputs(logits: nil, hiddenStates: [], finalTokens: [1])
    var summary = DriftSummary(points: [])
    // In fp32 the images are in pairs; int8 moves the last one to the first pair.
    let exact: [[Float]] = [[1, 0.1], [1, 0], [0, 1], [0.1, 1]]
    var got = exact
    got[3] = [1, 0.2]
    for index in exact.indices {
      var image = ImageDrift(layers: [], reference: outputs, quantized: outputs, label: nil)
      image.embeddings = (
        Embeddings(classToken: nil, pooled: exact[index]), Embeddings(classToken: nil, pooled: got[index])
      )
      summary.add(image, name: "\(index)")
    }
    summary.findNeighbours(threads: 1)
    #expect(summary.agreement == nil)
    #expect(summary.referenceTop1 == nil)
    #expect(summary.top1DropInterval == nil)
    #expect(summary.mcnemarP == nil)
    #expect(summary.tokenSQNR == 200)
    #expect(summary.classTokenCosine == nil)
    let neighbours = try #require(summary.neighbours)
    // Images 2 and 3 lose each other, and image 0 is nearer to the moved one than to image 1.
    #expect(neighbours.changes.map(\.image).contains(3))
    #expect(neighbours.count == 4)
    #expect(summary.neighbourAgreement == Double(neighbours.same) / 4)
    #expect(summary.neighbourOverlap5 == 1)
  }
}
