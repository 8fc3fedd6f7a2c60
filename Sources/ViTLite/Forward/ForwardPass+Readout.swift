import Int8Kernels

// From the residual stream to the logits: pooling and the head. One worker does it.
extension ForwardPass {
  /// The readout's tokens, normed and averaged, as the head's input.
  ///
  /// - Parameters:
  ///   - finalTokens: all tokens after the final norm, where the readout averages them.
  ///   - norm: the final one.
  func pool(_ finalTokens: Matrix<Int32>, _ norm: IntegerNorm) {
    let configuration = model.configuration
    let patches = configuration.prefixTokens..<configuration.tokens
    switch model.configuration.readout {
    case .tokenMeanThenNorm: normalizeMean(of: 0..<configuration.tokens, norm)
    case .patchMeanThenNorm: normalizeMean(of: patches, norm)
    case .classToken: normalizeToken(0, norm, segment: 0)
    case .normThenPatchMean: average(finalTokens, patches, segment: 0)
    case .classTokenAndPatchMean:
      normalizeToken(0, norm, segment: 0)
      average(finalTokens, patches, segment: 1)
    case .classAndDistillationToken:
      normalizeToken(0, norm, segment: 0)
      normalizeToken(1, norm, segment: 1)
    }
  }

  /// The head, or the pooler, on the head's input: outputs (1 x outputs).
  func applyHead(_ layer: LinearLayer) {
    let input = arena.headInput(of: layer)
    let outputs = 0..<layer.outputs
    kernels.quantize(arena.headInput.columns(0..<layer.inputs), rows: 0..<1, model.headInputQuantizer, into: input)
    withPanels(of: layer, outputs) { panels, columns in
      let scratch = arena.scratch(of: layer, rows: 1, columns: columns, width: layer.outputs)
      kernels.multiply(input, by: panels, into: arena.outputs.columns(columns), scratch)
    }
  }

  /// One token through the final norm, as a segment of the head's input.
  private func normalizeToken(_ token: Int, _ norm: IntegerNorm, segment: Int) {
    kernels.normalize(arena.residual, row: token, norm, into: arena.readoutRows, at: 1)
    setHeadInput(arena.readoutRows, row: 1, segment: segment)
  }

  /// The final norm of a mean of tokens.
  private func normalizeMean(of tokens: Range<Int>, _ norm: IntegerNorm) {
    setMean(of: arena.residual, tokens)
    kernels.normalize(arena.readoutRows, row: 0, norm, into: arena.readoutRows, at: 1)
    setHeadInput(arena.readoutRows, row: 1, segment: 0)
  }

  /// The mean of normed tokens, as a segment of the head's input.
  private func average(_ finalTokens: Matrix<Int32>, _ tokens: Range<Int>, segment: Int) {
    setMean(of: finalTokens, tokens)
    setHeadInput(arena.readoutRows, row: 0, segment: segment)
  }

  /// The mean of some rows becomes the first readout row.
  private func setMean(of rows: Matrix<Int32>, _ tokens: Range<Int>) {
    for channel in 0..<rows.columns {
      var sum: Int64 = 0
      for token in tokens { sum &+= Int64(rows[token, channel]) }
      arena.readoutRows[0, channel] = FixedPoint.mean(ofSum: sum, count: Int32(truncatingIfNeeded: tokens.count))
    }
  }

  private func setHeadInput(_ rows: Matrix<Int32>, row: Int, segment: Int) {
    for channel in 0..<rows.columns {
      let narrowed = FixedPoint.roundHalfUp(Int64(rows[row, channel]), shift: model.headInputShift)
      arena.headInput[0, segment * rows.columns + channel] = FixedPoint.saturateToInt16(
        Int32(truncatingIfNeeded: narrowed))
    }
  }
}
