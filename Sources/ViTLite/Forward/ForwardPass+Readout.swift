import Int8Kernels

// From the residual stream to the logits: the final norm, pooling and the head.
extension ForwardPass {
  /// Runs on one worker.
  /// - Parameter normsAllTokens: whether every token's final norm is wanted, beside those that the head reads.
  func readOut(normsAllTokens: Bool) {
    let configuration = unsafe model.configuration
    let width = configuration.width
    let patches = configuration.prefixTokens..<configuration.tokens
    if normsAllTokens {
      for token in 0..<configuration.tokens {
        unsafe kernels.normalize(
          arena.residual + token * width, model.finalNorm, into: arena.final + token * width)
      }
    }
    switch unsafe model.readout {
    case .tokenMeanThenNorm: unsafe normalizeMean(of: 0..<configuration.tokens)
    case .patchMeanThenNorm: unsafe normalizeMean(of: patches)
    case .classToken: unsafe normalizeToken(0, segment: 0)
    case .normThenPatchMean: unsafe averageFinal(patches, segment: 0)
    case .classTokenAndPatchMean:
      unsafe normalizeToken(0, segment: 0)
      unsafe averageFinal(patches, segment: 1)
    case .classAndDistillationToken:
      unsafe normalizeToken(0, segment: 0)
      unsafe normalizeToken(1, segment: 1)
    }
    if let head = unsafe model.head { unsafe applyHead(head) }
    if let pooler = unsafe model.pooler { unsafe applyHead(pooler) }
  }

  /// One token through the final norm, as a segment of the head's input.
  private func normalizeToken(_ token: Int, segment: Int) {
    let width = unsafe model.configuration.width
    let row = unsafe arena.final + token * width
    unsafe kernels.normalize(arena.residual + token * width, model.finalNorm, into: row)
    for channel in 0..<width {
      unsafe setHeadInput(row[channel], at: segment * width + channel)
    }
  }

  /// The mean of normed tokens, as a segment of the head's input.
  private func averageFinal(_ tokens: Range<Int>, segment: Int) {
    let width = unsafe model.configuration.width
    for channel in 0..<width {
      var sum: Int64 = 0
      for token in tokens { unsafe sum &+= Int64(arena.final[token * width + channel]) }
      let mean = FixedPoint.mean(ofSum: sum, count: Int32(truncatingIfNeeded: tokens.count))
      unsafe setHeadInput(mean, at: segment * width + channel)
    }
  }

  /// The final norm of a mean of tokens, as the head's input; the residual stream's first row is overwritten.
  private func normalizeMean(of tokens: Range<Int>) {
    let width = unsafe model.configuration.width
    for channel in 0..<width {
      var sum: Int64 = 0
      for token in tokens { unsafe sum &+= Int64(arena.residual[token * width + channel]) }
      unsafe arena.residual[channel] = FixedPoint.mean(
        ofSum: sum, count: Int32(truncatingIfNeeded: tokens.count))
    }
    unsafe kernels.normalize(arena.residual, model.finalNorm, into: arena.pooled(model))
    for channel in 0..<width {
      unsafe setHeadInput(arena.pooled(model)[channel], at: channel)
    }
  }

  private func setHeadInput(_ value: Int32, at index: Int) {
    let narrowed = unsafe FixedPoint.roundHalfUp(Int64(value), shift: model.headInputShift)
    unsafe arena.headInput[index] = FixedPoint.saturateToInt16(Int32(truncatingIfNeeded: narrowed))
  }

  /// The head, or the pooler, on the head's input.
  private func applyHead(_ layer: PackedLinear) {
    if let plane = unsafe layer.low {
      unsafe kernels.quantizeWide(
        arena.headInput, count: layer.inputs, model.headInputQuantizer, high: arena.headRow, low: arena.lowHeadRow,
        at: 0)
      unsafe kernels.multiplyWide(
        arena.headRow, low: arena.lowHeadRow, rows: 1, layer, plane, columns: 0..<layer.outputs, into: arena.outputs,
        stride: layer.outputs, isFirst: true, zeros: arena.zeros)
      return
    }
    unsafe kernels.quantize(
      arena.headInput, count: layer.inputs, model.headInputQuantizer, into: arena.headRow, at: 0)
    unsafe kernels.multiply(
      arena.headRow, rows: 1, layer, columns: 0..<layer.outputs, into: .int32(arena.outputs, stride: layer.outputs))
  }
}
