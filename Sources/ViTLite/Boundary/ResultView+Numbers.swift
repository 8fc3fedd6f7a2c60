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

    /// The pooler's output, `tanh` included; the normed class token of a model without a head or a pooler.
    /// - Parameter target: as many numbers as a token has.
    package func writeEmbedding(to target: inout MutableSpan<Float>) {
      guard logits == nil else { return }
      if let pooled {
        let scale = logitScale
        for index in 0..<min(pooled.columns, target.count) { target[index] = tanhf(Float(pooled[0, index]) * scale) }
      } else if finalTokens.rows > 0 {
        let scale = finalTokenScale
        for index in 0..<min(finalTokens.columns, target.count) { target[index] = Float(finalTokens[0, index]) * scale }
      }
    }
  }
#endif
