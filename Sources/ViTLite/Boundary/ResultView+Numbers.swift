#if !hasFeature(Embedded)
  import Int8Kernels
  import LibC

  // With the C library's mathematics.
  extension ResultView {
    /// The softmax of the logits, 0 to 1; nothing is written when the model has no head.
    /// - Parameter target: as many numbers as there are classes.
    package func writeProbabilities(to target: inout MutableSpan<Float>) {
      guard let logits, logits.columns > 0 else { return }
      let scale = logitScale
      func logit(_ index: Int) -> Double { Double(Float(logits[0, index]) * scale) }
      var maximum = logit(0)
      for index in 0..<logits.columns { maximum = max(maximum, logit(index)) }
      var sum = 0.0
      for index in 0..<logits.columns { sum += exp(logit(index) - maximum) }
      for index in 0..<min(logits.columns, target.count) { target[index] = Float(exp(logit(index) - maximum) / sum) }
    }

    /// What a model without a head makes of an image: its projection, its pooler's output, or the pooled vector.
    /// - Parameter target: as many numbers as `embedding` has.
    package func writeEmbedding(to target: inout MutableSpan<Float>) {
      guard let embedding else { return }
      let scale = embeddingScale
      for index in 0..<min(embedding.columns, target.count) {
        let value = Float(embedding[0, index]) * scale
        target[index] = hasPooler ? tanhf(value) : value
      }
    }
  }
#endif
