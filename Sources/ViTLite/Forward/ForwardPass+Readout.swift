import Int8Kernels

// From the residual stream to the logits: pooling and the head. One worker does it.
extension ForwardPass {
  /// The readout's tokens, normed and pooled, as the head's input; where there is no head, as the output.
  ///
  /// - Parameters:
  ///   - finalTokens: all tokens after the final norm, where the readout pools them.
  ///   - norm: the final one.
  func pool(_ finalTokens: Matrix<Int32>, _ norm: IntegerNorm) {
    let readout = model.configuration.readout
    let tokens = model.configuration.pooledTokens
    switch readout.pooling {
    case .tokens: for segment in 0..<readout.segments { normalizeToken(segment, norm, segment: segment) }
    case .tokenAndMean:
      normalizeToken(0, norm, segment: 0)
      setMean(of: finalTokens, tokens)
      setHeadInput(arena.readoutRows, row: 0, segment: 1)
    case .mean, .maximum, .meanAndMaximum:
      reduce(readout.normFollowsPooling ? arena.residual : finalTokens, tokens, readout.pooling)
      guard readout.normFollowsPooling else { return setHeadInput(arena.readoutRows, row: 0, segment: 0) }
      kernels.normalize(arena.readoutRows, row: 0, norm, into: arena.readoutRows, at: 1)
      setHeadInput(arena.readoutRows, row: 1, segment: 0)
    case .attention: setHeadInput(arena.residual, row: 0, segment: 0)
    }
  }

  /// The head, the projection or the pooler, on the head's input: outputs (1 x outputs).
  func applyHead(_ layer: LinearLayer) {
    let input = arena.headInput(of: layer)
    let outputs = 0..<layer.outputs
    kernels.quantize(arena.headInput.columns(0..<layer.inputs), rows: 0..<1, model.headInputQuantizer, into: input)
    withPanels(of: layer, outputs) { panels, columns in
      kernels.multiply(input, by: panels, into: arena.outputs.columns(columns))
    }
  }

  /// One token through the final norm, as a segment of the head's input.
  private func normalizeToken(_ token: Int, _ norm: IntegerNorm, segment: Int) {
    kernels.normalize(arena.residual, row: token, norm, into: arena.readoutRows, at: 1)
    setHeadInput(arena.readoutRows, row: 1, segment: segment)
  }

  /// Some rows become the first readout row: their mean, their maximum, or half of both.
  private func reduce(_ rows: Matrix<Int32>, _ tokens: Range<Int>, _ pooling: Readout.Pooling) {
    setMean(of: rows, tokens)
    guard pooling != .mean else { return }
    for channel in 0..<rows.columns {
      var largest = Int32.min
      for token in tokens { largest = max(largest, rows[token, channel]) }
      let both = Int64(largest) &+ Int64(pooling == .maximum ? largest : arena.readoutRows[0, channel])
      arena.readoutRows[0, channel] = Int32(truncatingIfNeeded: FixedPoint.roundHalfUp(both, shift: 1))
    }
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
      let value = rows[row, channel]
      let narrowed = FixedPoint.roundHalfUp(Int64(value), shift: model.headInputShift)
      arena.headInput[0, segment * rows.columns + channel] = FixedPoint.saturateToInt16(
        Int32(truncatingIfNeeded: narrowed))
      if model.outputLayer == nil && segment == 0 { arena.outputs[0, channel] = value }
    }
  }
}
