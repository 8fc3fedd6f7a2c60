import Int8Kernels
import ViTLite

/// What a model gave for one image, as floats, whichever model it was.
package struct ModelOutputs: Sendable {
  /// Nil when the model has no head.
  package var logits: [Float]?
  /// The residual stream entering block 0 ... leaving the last, each tokens x width; empty unless asked for.
  package var hiddenStates: [[Float]]
  /// After the final norm, tokens x width; nil when the model norms only a pooled vector.
  package var finalTokens: [Float]?

  package init(logits: [Float]?, hiddenStates: [[Float]], finalTokens: [Float]?) {
    self.logits = logits
    self.hiddenStates = hiddenStates
    self.finalTokens = finalTokens
  }
}

/// What a model without a head is used for: vectors that are compared with those of other images.
package struct Embeddings: Sendable, Equatable {
  /// Nil for a model without one.
  package var classToken: [Float]?
  /// What the model pools, or the pooler's output.
  package var pooled: [Float]

  package init(classToken: [Float]?, pooled: [Float]) {
    self.classToken = classToken
    self.pooled = pooled
  }
}

/// A model's answer for one image.
package struct Answer: Sendable, Equatable {
  /// The class with the largest logit.
  package var index: Int
  /// Its probability.
  package var probability: Double
  /// How much more probable it is than the second class.
  package var margin: Double

  /// Nil without logits.
  package init?(_ logits: [Float]) {
    guard let best = Classification.best(of: logits) else { return nil }
    let probabilities = Classification.probabilities(of: logits)
    index = best
    probability = probabilities[best]
    let second = probabilities.indices.filter { $0 != best }.map { probabilities[$0] }.max()
    margin = probability - (second ?? 0)
  }
}

/// How far the int8 model is from the float one on a single image.
package struct ImageDrift: Sendable {
  /// One for each point of the network.
  package var layers: [LayerMeasurement]
  package var tokens: Comparison?
  package var logits: Comparison?
  package var klDivergence: Double?
  package var reference: Answer?
  package var quantized: Answer?
  /// Whether the label is among the five largest logits; nil without a label or a head.
  package var referenceTop5: Bool?
  package var quantizedTop5: Bool?
  package var label: Int?
  /// Of a model without a head.
  package var embeddings: (reference: Embeddings, quantized: Embeddings)?
  /// Identifies the pixels or values that the models read; see `SampleDigest`.
  package var digest: UInt64 = 0
  /// Of the values that the float model reads.
  package var values = ImageStatistics()
  /// Values of the input, and those beyond what pixels of the int8 model can have.
  package var inputs = 0
  package var clippedInputs = 0

  /// Compares what two models gave for one image.
  /// - Precondition: both models have the same dimensions.
  package init(layers: [LayerMeasurement], reference: ModelOutputs, quantized: ModelOutputs, label: Int?) {
    self.layers = layers
    if let exact = reference.finalTokens, let got = quantized.finalTokens {
      tokens = Comparison(reference: exact, got: got)
    }
    guard let exact = reference.logits, let got = quantized.logits else { return }
    logits = Comparison(reference: exact, got: got)
    klDivergence = LogitMetrics.klDivergence(reference: exact, got: got)
    self.reference = Answer(exact)
    self.quantized = Answer(got)
    guard let label else { return }
    self.label = label
    referenceTop5 = LogitMetrics.isAmongTop(5, label: label, logits: exact)
    quantizedTop5 = LogitMetrics.isAmongTop(5, label: label, logits: got)
  }

  /// The drift of what the model is there for: its logits, without a head its pooled vector.
  package var outputSQNR: Double? {
    if let logits { return logits.sqnr }
    return embeddings.map { Comparison(reference: $0.reference.pooled, got: $0.quantized.pooled).sqnr }
  }
}
