import Int8Kernels
import ViTLite

// From the residual stream to the outputs: the final norm, pooling, and what reads the pooled row.
extension FloatReference {
  /// Tokens to the final tokens, the pooled row and the logits.
  func readOut<Tap: ActivationTap>(
    _ workspace: FloatWorkspace, _ hiddenStates: [[Float]], _ tap: inout Tap
  ) -> FloatOutput {
    let (tokens, width, depth) = (configuration.tokens, configuration.width, configuration.depth)
    let readout = configuration.readout
    observe(.lastResidual, depth, workspace.residual, tokens, width, &tap)
    leaveBlocks(workspace)
    let final: [Float]
    if readout.normFollowsPooling {
      final = workspace.residual.array(tokens * width)
      pool(workspace.residual, into: workspace.row)
      observe(.finalNormInput, depth, workspace.row, 1, width, &tap)
      normalize(workspace.row, frame.finalNorm, rows: 1, into: workspace.pooled)
      observe(.finalNormOutput, depth, workspace.pooled, 1, width, &tap)
    } else {
      observe(.finalNormInput, depth, workspace.residual, tokens, width, &tap)
      normalize(workspace.residual, frame.finalNorm, rows: tokens, into: workspace.normed)
      observe(.finalNormOutput, depth, workspace.normed, tokens, width, &tap)
      final = workspace.normed.array(tokens * width)
      if readout.pooling == .attention {
        poolByAttention(workspace, &tap)
      } else {
        pool(workspace.normed, into: workspace.pooled)
      }
    }
    return outputs(workspace, hiddenStates, lastHiddenState: final, &tap)
  }

  /// The pooled row to the outputs.
  func outputs<Tap: ActivationTap>(
    _ workspace: FloatWorkspace, _ hiddenStates: [[Float]], lastHiddenState: [Float], _ tap: inout Tap
  ) -> FloatOutput {
    let columns = configuration.readout.segments * configuration.width
    observe(.headInput, configuration.depth, workspace.pooled, 1, columns, &tap)
    return FloatOutput(
      hiddenStates: hiddenStates, lastHiddenState: lastHiddenState, poolerOutput: poolerOutput(workspace),
      logits: logits(workspace, &tap), imageEmbedding: imageEmbedding(workspace))
  }

  /// Nil without a projection.
  private func imageEmbedding(_ workspace: FloatWorkspace) -> [Float]? {
    guard let projection = frame.projection else { return nil }
    projection.apply(workspace.pooled, rows: 1, into: workspace.logits, with: gemm)
    return workspace.logits.array(projection.outputs)
  }

  private func poolerOutput(_ workspace: FloatWorkspace) -> [Float] {
    guard let pooler = frame.pooler else {
      return workspace.pooled.array(configuration.readout.segments * configuration.width)
    }
    pooler.apply(workspace.pooled, rows: 1, into: workspace.row, with: gemm)
    // tanh x = 1 - 2 / (e^2x + 1), which is 1 in single precision from 10 up.
    return workspace.row.array(configuration.width).map { 1 - 2 / (FloatRows.exp(min(2 * $0, 20)) + 1) }
  }

  private func logits<Tap: ActivationTap>(_ workspace: FloatWorkspace, _ tap: inout Tap) -> [Float]? {
    guard let head = frame.head else { return nil }
    head.apply(workspace.pooled, rows: 1, into: workspace.logits, with: gemm)
    observe(.logits, configuration.depth, workspace.logits, 1, head.outputs, &tap)
    return workspace.logits.array(head.outputs)
  }
}

// MARK: - Pooling

extension FloatReference {
  /// pooled = a + ffnDown(activation(ffnUp(ln2(a)))) with a = attnOut(attention of one learned query), whose keys and
  /// values are made of the pooled tokens after the final norm.
  func poolByAttention<Tap: ActivationTap>(_ workspace: FloatWorkspace, _ tap: inout Tap) {
    let (rows, depth) = (configuration.pooledTokens, configuration.depth)
    let block = blocks[depth]
    normalize(workspace.residual, block.ln1, rows: rows.count, from: rows.lowerBound, into: workspace.normed)
    apply(.attnQKV, of: block, depth, to: workspace.normed, rows: rows.count, into: workspace.qkv, &tap)
    attend(workspace, queries: 1, tokens: rows.count)
    projectPooled(workspace, &tap)
  }

  /// The same from the heads' results on.
  func projectPooled<Tap: ActivationTap>(_ workspace: FloatWorkspace, _ tap: inout Tap) {
    let depth = configuration.depth
    apply(.attnOut, of: blocks[depth], depth, to: workspace.attention, rows: 1, into: workspace.pooled, &tap)
    expandPooled(workspace, &tap)
  }

  /// The same from what the MLP reads and is added to on.
  func expandPooled<Tap: ActivationTap>(_ workspace: FloatWorkspace, _ tap: inout Tap) {
    let depth = configuration.depth
    observe(.residualMiddle, depth, workspace.pooled, 1, configuration.width, &tap)
    normalize(workspace.pooled, blocks[depth].ln2, rows: 1, into: workspace.normed)
    apply(.ffnUp, of: blocks[depth], depth, to: workspace.normed, rows: 1, into: workspace.hidden, &tap)
    contractPooled(workspace, &tap)
  }

  /// The same from the hidden layer on.
  func contractPooled<Tap: ActivationTap>(_ workspace: FloatWorkspace, _ tap: inout Tap) {
    let (width, depth, mlpWidth) = (configuration.width, configuration.depth, configuration.mlpWidth)
    let hidden = unsafe workspace.hidden.base
    unsafe FloatRows.fastest.activate(hidden, mlpWidth, configuration.activation.rowCode)
    if let factors = blocks[depth].hiddenFactors {
      unsafe FloatRows.fastest.multiply(hidden, factors.base, 1, mlpWidth, hidden)
    }
    apply(.ffnDown, of: blocks[depth], depth, to: workspace.hidden, rows: 1, into: workspace.branch, &tap)
    unsafe FloatRows.add(workspace.branch.base, scale: nil, to: workspace.pooled.base, count: width)
    observe(.residual, depth, workspace.pooled, 1, width, &tap)
  }

  /// The readout's tokens as one row of its segments.
  private func pool(_ x: FloatBuffer, into y: FloatBuffer) {
    let (width, rows) = (configuration.width, configuration.pooledTokens)
    switch configuration.readout.pooling {
    case .tokens:
      for segment in 0..<configuration.readout.segments {
        mean(x, rows: segment..<segment + 1, into: y, segment: segment)
      }
    case .mean: mean(x, rows: rows, into: y, segment: 0)
    case .tokenAndMean:
      mean(x, rows: 0..<1, into: y, segment: 0)
      mean(x, rows: rows, into: y, segment: 1)
    case .maximum: maximum(x, rows: rows, into: y)
    case .meanAndMaximum:
      mean(x, rows: rows, into: y, segment: 0)
      let means = y.array(width)
      maximum(x, rows: rows, into: y)
      for column in 0..<width { unsafe y.base[column] = (y.base[column] + means[column]) / 2 }
    case .attention: break
    }
  }

  /// The mean of some rows, as one segment of a row.
  private func mean(_ x: FloatBuffer, rows: Range<Int>, into y: FloatBuffer, segment: Int) {
    let width = configuration.width
    precondition(y.count >= (segment + 1) * width, "room for the segment")
    for column in 0..<width {
      var sum: Float = 0
      for row in rows { unsafe sum += x.base[row * width + column] }
      unsafe y.base[segment * width + column] = sum / Float(rows.count)
    }
  }

  /// The largest number of each column among some rows.
  private func maximum(_ x: FloatBuffer, rows: Range<Int>, into y: FloatBuffer) {
    let width = configuration.width
    for column in 0..<width {
      var largest = -Float.infinity
      for row in rows { unsafe largest = max(largest, x.base[row * width + column]) }
      unsafe y.base[column] = largest
    }
  }
}
