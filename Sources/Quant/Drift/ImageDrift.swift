import Int8Kernels
import ViTLite

/// What a model gave for one image, as floats, whichever model it was.
package struct ModelOutputs: Sendable {
  /// Nil when the model has no head.
  package var logits: [Float]?
  /// The residual stream entering block 0 ... leaving the last, each tokens x width.
  package var hiddenStates: [[Float]]
  /// After the final norm, tokens x width; nil when the model norms only a pooled vector.
  package var finalTokens: [Float]?

  package init(logits: [Float]?, hiddenStates: [[Float]], finalTokens: [Float]?) {
    self.logits = logits
    self.hiddenStates = hiddenStates
    self.finalTokens = finalTokens
  }
}

/// How far the int8 model is from the float one on a single image.
package struct ImageDrift: Sendable {
  /// One point of the network: the tokens entering block 0, leaving each block, or after the final norm.
  package struct Layer: Sendable {
    package var comparison: Comparison
    /// Values at the ends of the quantized format.
    package var saturated: Int
  }

  package var layers: [Layer]
  package var tokens: Comparison?
  package var logits: Comparison?
  package var klDivergence: Double?
  /// The class with the largest logit.
  package var referenceTop1: Int?
  package var quantizedTop1: Int?
  /// Whether the label is among the five largest logits; nil without a label or a head.
  package var referenceTop5: Bool?
  package var quantizedTop5: Bool?
  package var label: Int?

  /// Compares what two models gave for one image.
  ///
  /// - Parameters:
  ///   - saturationLimit: the largest magnitude that the int8 model's residual stream can hold, in real units.
  /// - Precondition: both models have the same dimensions.
  package init(reference: ModelOutputs, quantized: ModelOutputs, label: Int?, saturationLimit: Float) {
    precondition(reference.hiddenStates.count == quantized.hiddenStates.count, "models of one depth")
    layers = zip(reference.hiddenStates, quantized.hiddenStates).map { exact, got in
      var comparison = Comparison()
      comparison.add(reference: exact.span, got: got.span)
      return Layer(comparison: comparison, saturated: got.count { $0.magnitude >= saturationLimit })
    }
    if let exact = reference.finalTokens, let got = quantized.finalTokens {
      var comparison = Comparison()
      comparison.add(reference: exact.span, got: got.span)
      tokens = comparison
    }
    guard let exact = reference.logits, let got = quantized.logits else { return }
    var comparison = Comparison()
    comparison.add(reference: exact.span, got: got.span)
    logits = comparison
    klDivergence = LogitMetrics.klDivergence(reference: exact, got: got)
    referenceTop1 = Classification.best(of: exact)
    quantizedTop1 = Classification.best(of: got)
    guard let label else { return }
    self.label = label
    referenceTop5 = LogitMetrics.isAmongTop(5, label: label, logits: exact)
    quantizedTop5 = LogitMetrics.isAmongTop(5, label: label, logits: got)
  }
}
