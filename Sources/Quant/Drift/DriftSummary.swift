import Int8Kernels
import ViTLite

/// The drift of an int8 model over many images: counts and sums, to which images are added one by one. Of the images
/// themselves it keeps the names of those with another answer, and the few worst.
package struct DriftSummary: Sendable {
  /// An image on which the two models name different classes.
  package struct Disagreement: Sendable, Equatable {
    package var input: String
    package var label: Int?
    package var reference: Int
    package var quantized: Int
  }

  /// Images whose label is a model's first answer, or among its first five.
  private struct Hits {
    var top1 = 0
    var top5 = 0
  }

  package private(set) var samples = 0
  /// Images with a label, under a model with a head.
  package private(set) var labelled = 0
  /// One for each point of the network.
  package private(set) var layers: [LayerSummary]
  package private(set) var disagreements: [Disagreement] = []
  /// By label; only classes that have images.
  package private(set) var classes: [Int: ClassDrift] = [:]
  package private(set) var worst: WorstImages
  package private(set) var embeddings = EmbeddingDrift()
  /// Of all images, and of each.
  package private(set) var digest: UInt64 = 0
  package private(set) var digests: [UInt64] = []
  /// Of the values that the float model read.
  package private(set) var values = ImageStatistics()
  private var logits = Mean()
  private var cosine = Mean()
  private var divergence = Mean()
  private var tokens = (sqnr: Mean(), cosine: Mean())
  /// Values of all inputs, and those that were clipped.
  private var inputs = 0
  private var clipped = 0
  /// Images with logits.
  package private(set) var compared = 0
  private var referenceHits = Hits()
  private var quantizedHits = Hits()
  /// Images that only the float model, and that only the int8 model, classifies rightly.
  package private(set) var onlyReferenceRight = 0
  package private(set) var onlyQuantizedRight = 0

  /// - Parameters:
  ///   - points: of the network, as an image's layers are ordered.
  ///   - worstImages: how many images to keep of each kind.
  package init(points: [DriftPoint], worstImages: Int = 12) {
    layers = points.map { LayerSummary($0) }
    worst = WorstImages(limit: worstImages)
  }

  /// Adds an image.
  /// - Parameter name: what to call it in lists.
  package mutating func add(_ image: ImageDrift, name: String) {
    inputs += image.inputs
    clipped += image.clippedInputs
    precondition(image.layers.count == layers.count, "an image of models of these points")
    for index in layers.indices { layers[index].add(image.layers[index]) }
    if let comparison = image.tokens {
      tokens.sqnr.add(comparison.sqnr)
      tokens.cosine.add(comparison.cosine)
    }
    if let pair = image.embeddings { embeddings.add(pair, name: name) }
    if let sqnr = image.outputSQNR {
      worst.add(
        .init(
          input: name, index: samples, label: image.label, reference: image.reference, quantized: image.quantized,
          sqnr: sqnr))
    }
    values.merge(image.values)
    digest &+= image.digest
    digests.append(image.digest)
    samples += 1
    addLogits(of: image, name: name)
  }

  private mutating func addLogits(of image: ImageDrift, name: String) {
    guard let comparison = image.logits, let reference = image.reference?.index, let quantized = image.quantized?.index
    else { return }
    compared += 1
    logits.add(comparison.sqnr)
    cosine.add(comparison.cosine)
    if let nats = image.klDivergence { divergence.add(nats) }
    if reference != quantized {
      disagreements.append(
        Disagreement(input: name, label: image.label, reference: reference, quantized: quantized))
    }
    guard let label = image.label else { return }
    labelled += 1
    classes[label, default: ClassDrift()].add(label: label, reference: reference, quantized: quantized)
    let (isReferenceRight, isQuantizedRight) = (reference == label, quantized == label)
    if isReferenceRight { referenceHits.top1 += 1 }
    if isQuantizedRight { quantizedHits.top1 += 1 }
    if isReferenceRight, !isQuantizedRight { onlyReferenceRight += 1 }
    if isQuantizedRight, !isReferenceRight { onlyQuantizedRight += 1 }
    if image.referenceTop5 == true { referenceHits.top5 += 1 }
    if image.quantizedTop5 == true { quantizedHits.top5 += 1 }
  }

  /// Of a model without a head; nil until they were looked for.
  package private(set) var neighbours: EmbeddingDrift.Neighbours?

  /// Looks for the images' nearest neighbours, where the model has no head.
  package mutating func findNeighbours(threads: Int) {
    if compared == 0, embeddings.names.count > 1 { neighbours = embeddings.neighbours(threads: threads) }
  }

  /// Sets what was measured of each layer by itself.
  package mutating func set(alone: AloneSummary) {
    for index in layers.indices where index < alone.layers.count { layers[index].alone = alone.layers[index] }
  }
}

extension DriftSummary {
  private func share(_ hits: Int) -> Double? { labelled > 0 ? Double(hits) / Double(labelled) : nil }

  /// Share of labelled images that the float model classifies rightly, 0 to 1; nil without labels.
  package var referenceTop1: Double? { share(referenceHits.top1) }
  package var quantizedTop1: Double? { share(quantizedHits.top1) }
  package var referenceTop5: Double? { share(referenceHits.top5) }
  package var quantizedTop5: Double? { share(quantizedHits.top5) }

  /// Accuracy lost, in percentage points; below zero where the int8 model is better.
  package var top1Drop: Double? { share(100 * (referenceHits.top1 - quantizedHits.top1)) }

  /// The 95% confidence interval of `top1Drop`, in percentage points: both models saw the same images, so only those
  /// that one of them alone classifies rightly count.
  package var top1DropInterval: ClosedRange<Double>? {
    Statistics.pairedDifference(lost: onlyReferenceRight, won: onlyQuantizedRight, count: labelled)
      .map { 100 * $0.lowerBound...100 * $0.upperBound }
  }

  /// The two-sided p-value of the exact McNemar test for a difference in accuracy; nil without labels.
  package var mcnemarP: Double? {
    labelled > 0 ? Statistics.mcnemar(lost: onlyReferenceRight, won: onlyQuantizedRight) : nil
  }

  /// Share of images on which both models name the same class; nil without a head.
  package var agreement: Double? {
    compared > 0 ? Double(compared - disagreements.count) / Double(compared) : nil
  }

  /// Share of the inputs' values that no pixel of the int8 model has, 0 to 1.
  package var clippedInputs: Double? { inputs > 0 ? Double(clipped) / Double(inputs) : nil }

  /// Wilson's 95% interval of the agreement.
  package var agreementInterval: ClosedRange<Double>? {
    Statistics.share(compared - disagreements.count, of: compared)
  }

  package var logitSQNR: Double? { logits.value }
  package var logitSQNRInterval: ClosedRange<Double>? { logits.interval }
  package var logitCosine: Double? { cosine.value }
  /// In nats.
  package var klDivergence: Double? { divergence.value }
  /// Of the tokens after the final norm; nil when the models norm only a pooled vector.
  package var tokenSQNR: Double? { tokens.sqnr.value }
  package var tokenSQNRInterval: ClosedRange<Double>? { tokens.sqnr.interval }
  package var tokenCosine: Double? { tokens.cosine.value }
  /// Of models without a head.
  package var classTokenCosine: Double? { embeddings.classTokenCosine.value }
  package var pooledCosine: Double? { embeddings.pooledCosine.value }
  package var pooledCosineInterval: ClosedRange<Double>? { embeddings.pooledCosine.interval }
  /// Share of images with the same nearest neighbour, and mean share of the five nearest that are the same.
  package var neighbourAgreement: Double? {
    neighbours.flatMap { $0.count > 0 ? Double($0.same) / Double($0.count) : nil }
  }
  package var neighbourAgreementInterval: ClosedRange<Double>? {
    neighbours.flatMap { Statistics.share($0.same, of: $0.count) }
  }
  package var neighbourOverlap5: Double? { neighbours?.overlap5 }
  /// What the model is there for: its logits or, without a head, its final tokens.
  package var outputSQNR: Double? { logitSQNR ?? tokenSQNR ?? layers.last?.sqnrDecibels }
}
