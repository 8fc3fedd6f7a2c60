#if !hasFeature(Embedded)
  import Int8Kernels
  import LibC

  // With the C library's mathematics.
  extension ResultView {
    /// The softmax of the logits, 0 to 1; nothing is written when the model has no head.
    /// - Parameter target: as many numbers as there are classes.
    package func writeProbabilities(to target: inout MutableSpan<Float>) {
      guard let logits else { return }
      let scale = logitScale
      func logit(_ index: Int) -> Double { Double(Float(logits[0, index]) * scale) }
      let softmax = Softmax(count: logits.columns, logit: logit)
      for index in 0..<min(logits.columns, target.count) {
        target[index] = Float(softmax.probability(of: logit(index)))
      }
    }

    /// What a model without a head makes of an image: its projection, its pooler's output, or the pooled vector.
    /// - Parameter target: as many numbers as `embedding` has.
    package func writeEmbedding(to target: inout MutableSpan<Float>) {
      guard let embedding else { return }
      let scale = embeddingScale
      for index in 0..<min(embedding.columns, target.count) {
        target[index] = Self.embeddingValue(embedding[0, index], scale: scale, hasPooler: hasPooler)
      }
    }

    /// A number of the embedding; a pooler's `tanh` is applied to it.
    static func embeddingValue(_ integer: Int32, scale: Float, hasPooler: Bool) -> Float {
      let value = Float(integer) * scale
      return hasPooler ? tanhf(value) : value
    }
  }

  /// The softmax of logits that lie anywhere; allocates nothing.
  struct Softmax {
    private let maximum: Double
    private let sum: Double

    init(count: Int, logit: (Int) -> Double) {
      var maximum = -Double.infinity
      for index in 0..<count { maximum = max(maximum, logit(index)) }
      var sum = 0.0
      for index in 0..<count { sum += exp(logit(index) - maximum) }
      self.maximum = maximum
      self.sum = sum
    }

    /// - Parameter logit: one of those.
    func probability(of logit: Double) -> Double { exp(logit - maximum) / sum }
  }
#endif
