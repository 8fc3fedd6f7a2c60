import Int8Kernels
import ViTLite

/// The drift of an int8 model over many images.
///
/// Sums only: images are added one by one and forgotten, and two halves of a data set, added up apart and merged, give
/// the same counts and, up to rounding, the same means as the whole.
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

    fileprivate mutating func merge(_ other: Layer) {
      sqnr.merge(other.sqnr)
      cosine.merge(other.cosine)
      maximumError = max(maximumError, other.maximumError)
      saturated += other.saturated
      values += other.values
    }
  }

  /// A mean that knows whether there was anything.
  fileprivate struct Mean: Sendable {
    var sum = 0.0
    var count = 0
    var value: Double? { count > 0 ? sum / Double(count) : nil }

    mutating func add(_ value: Double) {
      sum += value
      count += 1
    }

    mutating func merge(_ other: Mean) {
      sum += other.sum
      count += other.count
    }
  }

  package private(set) var samples = 0
  /// Images with a label, under a model with a head.
  package private(set) var labelled = 0
  /// `patch_embedding`, `block.0` ... and `final`.
  package private(set) var layers: [Layer]
  package private(set) var disagreements: [Disagreement] = []
  private var compared = 0
  private var referenceTop1Hits = 0
  private var quantizedTop1Hits = 0
  private var referenceTop5Hits = 0
  private var quantizedTop5Hits = 0
  /// Images that only the float model, and that only the int8 model, classifies rightly.
  private var onlyReferenceRight = 0
  private var onlyQuantizedRight = 0
  private var logitSQNRMean = Mean()
  private var logitCosineMean = Mean()
  private var klDivergenceMean = Mean()
  private var tokenSQNRMean = Mean()
  private var tokenCosineMean = Mean()

  /// - Parameter depth: blocks of the models.
  package init(depth: Int) {
    layers = [Layer(name: "patch_embedding")]
    layers += (0..<depth).map { Layer(name: "block.\($0)") }
    layers.append(Layer(name: "final"))
  }

  /// Adds an image.
  /// - Parameter name: what to call it in the list of disagreements.
  package mutating func add(_ image: ImageDrift, name: String) {
    precondition(image.layers.count == layers.count - 1, "an image of models of this depth")
    samples += 1
    for (index, layer) in image.layers.enumerated() {
      layers[index].add(layer.comparison, saturated: layer.saturated)
    }
    if let tokens = image.tokens {
      tokenSQNRMean.add(tokens.sqnr)
      tokenCosineMean.add(tokens.cosine)
      layers[layers.count - 1].add(tokens, saturated: 0)
    }
    addLogits(of: image, name: name)
  }

  private mutating func addLogits(of image: ImageDrift, name: String) {
    guard let logits = image.logits, let reference = image.referenceTop1, let quantized = image.quantizedTop1 else {
      return
    }
    compared += 1
    logitSQNRMean.add(logits.sqnr)
    logitCosineMean.add(logits.cosine)
    if let divergence = image.klDivergence { klDivergenceMean.add(divergence) }
    if reference != quantized {
      disagreements.append(
        Disagreement(input: name, label: image.label, reference: reference, quantized: quantized))
    }
    guard let label = image.label else { return }
    labelled += 1
    let (isReferenceRight, isQuantizedRight) = (reference == label, quantized == label)
    if isReferenceRight { referenceTop1Hits += 1 }
    if isQuantizedRight { quantizedTop1Hits += 1 }
    if isReferenceRight, !isQuantizedRight { onlyReferenceRight += 1 }
    if isQuantizedRight, !isReferenceRight { onlyQuantizedRight += 1 }
    if image.referenceTop5 == true { referenceTop5Hits += 1 }
    if image.quantizedTop5 == true { quantizedTop5Hits += 1 }
  }

  /// Adds the images of another summary after those of this one.
  package mutating func merge(_ other: DriftSummary) {
    precondition(other.layers.count == layers.count, "summaries of models of one depth")
    samples += other.samples
    labelled += other.labelled
    for index in layers.indices { layers[index].merge(other.layers[index]) }
    disagreements += other.disagreements
    compared += other.compared
    referenceTop1Hits += other.referenceTop1Hits
    quantizedTop1Hits += other.quantizedTop1Hits
    referenceTop5Hits += other.referenceTop5Hits
    quantizedTop5Hits += other.quantizedTop5Hits
    onlyReferenceRight += other.onlyReferenceRight
    onlyQuantizedRight += other.onlyQuantizedRight
    logitSQNRMean.merge(other.logitSQNRMean)
    logitCosineMean.merge(other.logitCosineMean)
    klDivergenceMean.merge(other.klDivergenceMean)
    tokenSQNRMean.merge(other.tokenSQNRMean)
    tokenCosineMean.merge(other.tokenCosineMean)
  }
}

extension DriftSummary {
  private func share(_ hits: Int) -> Double? { labelled > 0 ? Double(hits) / Double(labelled) : nil }

  /// Share of labelled images that the float model classifies rightly, 0 to 1; nil without labels.
  package var referenceTop1: Double? { share(referenceTop1Hits) }
  package var quantizedTop1: Double? { share(quantizedTop1Hits) }
  package var referenceTop5: Double? { share(referenceTop5Hits) }
  package var quantizedTop5: Double? { share(quantizedTop5Hits) }

  /// Accuracy lost, in percentage points; below zero where the int8 model is better.
  package var top1Drop: Double? { share(100 * (referenceTop1Hits - quantizedTop1Hits)) }

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

  package var logitSQNR: Double? { logitSQNRMean.value }
  package var logitCosine: Double? { logitCosineMean.value }
  package var klDivergence: Double? { klDivergenceMean.value }
  /// Of the tokens after the final norm.
  package var tokenSQNR: Double? { tokenSQNRMean.value }
  package var tokenCosine: Double? { tokenCosineMean.value }
}
