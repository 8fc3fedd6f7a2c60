import Int8Kernels
import ViTLite

/// The drift of an int8 model over many images: counts and sums, to which images are added one by one.
package struct DriftSummary: Sendable {
  /// An image on which the two models name different classes.
  package struct Disagreement: Sendable, Equatable {
    package var input: String
    package var label: Int?
    package var reference: Int
    package var quantized: Int
  }

  /// Means over images at one point of the network.
  package struct Layer: Sendable {
    package var name: String
    fileprivate var sqnr = Mean()
    fileprivate var cosine = Mean()
    /// The largest absolute error of any value.
    package fileprivate(set) var maximumError = 0.0
    fileprivate var saturated = 0
    fileprivate var values = 0

    package var sqnrDecibels: Double? { sqnr.value }
    package var meanCosine: Double? { cosine.value }
    /// Share of values at the ends of the quantized format, 0 to 1.
    package var saturation: Double? { values > 0 ? Double(saturated) / Double(values) : nil }

    fileprivate init(name: String) { self.name = name }

    fileprivate mutating func add(_ comparison: Comparison, saturated: Int) {
      sqnr.add(comparison.sqnr)
      cosine.add(comparison.cosine)
      maximumError = max(maximumError, comparison.maximumError)
      self.saturated += saturated
      values += comparison.count
    }
  }

  /// A mean of the values added so far; nil when there are none.
  fileprivate struct Mean: Sendable {
    var sum = 0.0
    var count = 0
    var value: Double? { count > 0 ? sum / Double(count) : nil }

    mutating func add(_ value: Double) {
      sum += value
      count += 1
    }
  }

  /// Images whose label is a model's first answer, or among its first five.
  private struct Hits {
    var top1 = 0
    var top5 = 0
  }

  package private(set) var samples = 0
  /// Images with a label, under a model with a head.
  package private(set) var labelled = 0
  /// The residual stream after `patch_embd`, `blk.0`, `blk.1` ..., and the tokens after `output_norm`: named as in the
  /// model file by what wrote them.
  package private(set) var layers: [Layer]
  package private(set) var disagreements: [Disagreement] = []
  private var logits = Layer(name: LayerName.output.description)
  private var divergence = Mean()
  /// Images with logits.
  private var compared = 0
  private var referenceHits = Hits()
  private var quantizedHits = Hits()
  /// Images that only the float model, and that only the int8 model, classifies rightly.
  private var onlyReferenceRight = 0
  private var onlyQuantizedRight = 0

  /// - Parameter depth: blocks of the models.
  package init(depth: Int) {
    layers = [Layer(name: LayerName.patchEmbedding.description)]
    layers += (0..<depth).map { Layer(name: ModelKey.block($0)) }
    layers.append(Layer(name: ModelKey.outputNorm))
  }

  /// Adds an image.
  /// - Parameter name: what to call it in the list of disagreements.
  package mutating func add(_ image: ImageDrift, name: String) {
    precondition(image.layers.count == layers.count - 1, "an image of models of this depth")
    samples += 1
    for (index, layer) in image.layers.enumerated() {
      layers[index].add(layer.comparison, saturated: layer.saturated)
    }
    if let tokens = image.tokens { layers[layers.count - 1].add(tokens, saturated: 0) }
    addLogits(of: image, name: name)
  }

  private mutating func addLogits(of image: ImageDrift, name: String) {
    guard let comparison = image.logits, let reference = image.referenceTop1, let quantized = image.quantizedTop1 else {
      return
    }
    compared += 1
    logits.add(comparison, saturated: 0)
    if let nats = image.klDivergence { divergence.add(nats) }
    if reference != quantized {
      disagreements.append(
        Disagreement(input: name, label: image.label, reference: reference, quantized: quantized))
    }
    guard let label = image.label else { return }
    labelled += 1
    let (isReferenceRight, isQuantizedRight) = (reference == label, quantized == label)
    if isReferenceRight { referenceHits.top1 += 1 }
    if isQuantizedRight { quantizedHits.top1 += 1 }
    if isReferenceRight, !isQuantizedRight { onlyReferenceRight += 1 }
    if isQuantizedRight, !isReferenceRight { onlyQuantizedRight += 1 }
    if image.referenceTop5 == true { referenceHits.top5 += 1 }
    if image.quantizedTop5 == true { quantizedHits.top5 += 1 }
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
  /// that one of them alone classifies rightly count (a paired difference of proportions, as in McNemar's test).
  package var top1DropInterval: ClosedRange<Double>? {
    guard labelled > 0, let drop = top1Drop else { return nil }
    let n = Double(labelled)
    let (lost, won) = (Double(onlyReferenceRight), Double(onlyQuantizedRight))
    let deviation = max(lost + won - (lost - won) * (lost - won) / n, 0).squareRoot() / n
    return drop - 196 * deviation...drop + 196 * deviation
  }

  /// Share of images on which both models name the same class; nil without a head.
  package var agreement: Double? {
    compared > 0 ? Double(compared - disagreements.count) / Double(compared) : nil
  }

  package var logitSQNR: Double? { logits.sqnrDecibels }
  package var logitCosine: Double? { logits.meanCosine }
  /// In nats.
  package var klDivergence: Double? { divergence.value }
  /// Of the tokens after the final norm; nil when the models norm only a pooled vector.
  package var tokenSQNR: Double? { layers.last?.sqnrDecibels }
  package var tokenCosine: Double? { layers.last?.meanCosine }
}
