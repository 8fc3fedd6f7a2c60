import Int8Kernels
import ViTLite

/// Where a float pass can be entered with values that did not come from it. With the number of blocks, those within a
/// block are of the one that pools by attention: of its queries, keys and values there are as many rows as tokens are
/// pooled, of the rest one.
package enum ResumePoint: Sendable, Equatable {
  /// The tokens before the norm in front of the first block, and before the residual stream is rotated: `tokens x width`.
  case embeddings
  /// The residual stream entering a block, or with the number of blocks what leaves the last: `tokens x width`.
  case residual(Int)
  /// Queries, keys and values of a block as they are projected: `tokens x 3 width`.
  case qkv(Int)
  /// The same after the norms and the rotation of queries and keys.
  case transformed(Int)
  /// The heads' results of a block: `tokens x width`.
  case attention(Int)
  /// The residual stream between attention and MLP of a block: `tokens x width`.
  case middle(Int)
  /// What the activation reads in a block: `tokens x MLP width`, with a gate twice as wide.
  case hidden(Int)
  /// The result of attention pooling: one row.
  case pooled

  /// What leaves a block.
  static func leaving(_ block: Int, _ configuration: ModelConfiguration) -> ResumePoint {
    block < configuration.depth ? .residual(block + 1) : .pooled
  }

  /// The block that the point is within; nil between blocks.
  private var block: Int? {
    switch self {
    case .qkv(let index), .transformed(let index), .attention(let index), .middle(let index), .hidden(let index): index
    case .embeddings, .residual, .pooled: nil
    }
  }

  /// Whether it is within attention pooling or after it.
  fileprivate func isPooling(_ configuration: ModelConfiguration) -> Bool {
    self == .pooled || block.map { $0 >= configuration.depth } ?? false
  }
}

extension FloatReference {
  /// The rest of a forward pass, from some point on.
  ///
  /// - Parameters:
  ///   - values: what stands at that point.
  ///   - residual: what the block's branch is added to, `tokens x width`; not needed where `values` are the residual
  ///     stream.
  /// - Returns: without the final tokens where the point is within attention pooling.
  /// - Precondition: the values have the point's shape.
  package func resume(
    at point: ResumePoint, with values: [Float], residual: [Float] = [], workspace: FloatWorkspace
  ) -> FloatOutput {
    if point.isPooling(configuration) { return resumePooling(at: point, with: values, residual, workspace) }
    var tap = NoTap()
    for index in resumeBlock(at: point, with: values, residual: residual, workspace)..<configuration.depth {
      runBlock(index, workspace, &tap)
    }
    return readOut(workspace, [], &tap)
  }

  /// The rest of a block.
  /// - Returns: the block that follows.
  private func resumeBlock(
    at point: ResumePoint, with values: [Float], residual: [Float], _ workspace: FloatWorkspace
  ) -> Int {
    var tap = NoTap()
    switch point {
    case .embeddings:
      workspace.residual.copy(from: values)
      enterBlocks(workspace)
      return 0
    case .residual(let index):
      workspace.residual.copy(from: values)
      return index
    case .qkv(let index):
      workspace.residual.copy(from: residual)
      workspace.qkv.copy(from: values)
      transformAndAttend(index, workspace, &tap)
      mlp(index, workspace, &tap)
      return index + 1
    case .transformed(let index):
      workspace.residual.copy(from: residual)
      workspace.qkv.copy(from: values)
      attend(workspace, queries: configuration.tokens, tokens: configuration.tokens)
      project(index, workspace, &tap)
      mlp(index, workspace, &tap)
      return index + 1
    case .attention(let index):
      workspace.residual.copy(from: residual)
      workspace.attention.copy(from: values)
      project(index, workspace, &tap)
      mlp(index, workspace, &tap)
      return index + 1
    case .middle(let index):
      workspace.residual.copy(from: values)
      mlp(index, workspace, &tap)
      return index + 1
    case .hidden(let index):
      workspace.residual.copy(from: residual)
      workspace.hidden.copy(from: values)
      contract(index, workspace, &tap)
      return index + 1
    case .pooled: return configuration.depth
    }
  }

  /// The rest of attention pooling.
  private func resumePooling(
    at point: ResumePoint, with values: [Float], _ residual: [Float], _ workspace: FloatWorkspace
  ) -> FloatOutput {
    var tap = NoTap()
    switch point {
    case .qkv, .transformed:
      workspace.qkv.copy(from: values)
      attend(workspace, queries: 1, tokens: configuration.pooledTokens.count)
      projectPooled(workspace, &tap)
    case .attention:
      workspace.attention.copy(from: values)
      projectPooled(workspace, &tap)
    case .middle:
      workspace.pooled.copy(from: values)
      expandPooled(workspace, &tap)
    case .hidden:
      workspace.pooled.copy(from: residual)
      workspace.hidden.copy(from: values)
      contractPooled(workspace, &tap)
    case .embeddings, .residual, .pooled: workspace.pooled.copy(from: values)
    }
    return outputs(workspace, [], lastHiddenState: [], &tap)
  }
}
