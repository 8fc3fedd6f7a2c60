import Int8Kernels
import ViTLite

/// Where a float pass can be entered with values that did not come from it.
package enum ResumePoint: Sendable, Equatable {
  /// The residual stream entering a block, or with the number of blocks what leaves the last: `tokens x width`.
  case residual(Int)
  /// Queries, keys and values of a block: `tokens x 3 width`.
  case qkv(Int)
  /// The heads' results of a block: `tokens x width`.
  case attention(Int)
  /// The residual stream between attention and MLP of a block: `tokens x width`.
  case middle(Int)
  /// What GELU reads in a block: `tokens x MLP width`.
  case hidden(Int)
}

extension FloatReference {
  /// The rest of a forward pass, from some point on.
  ///
  /// - Parameters:
  ///   - values: what stands at that point.
  ///   - residual: the residual stream that the block's branch is added to, `tokens x width`; not needed where `values`
  ///     are the residual stream.
  /// - Precondition: the values have the point's shape.
  package func resume(
    at point: ResumePoint, with values: [Float], residual: [Float] = [], workspace: FloatWorkspace
  ) -> FloatOutput {
    var tap = NoTap()
    var next: Int
    switch point {
    case .residual(let index):
      workspace.residual.copy(from: values)
      next = index
    case .qkv(let index):
      workspace.residual.copy(from: residual)
      workspace.qkv.copy(from: values)
      attend(workspace, queries: configuration.tokens, tokens: configuration.tokens)
      project(index, workspace, &tap)
      mlp(index, workspace, &tap)
      next = index + 1
    case .attention(let index):
      workspace.residual.copy(from: residual)
      workspace.attention.copy(from: values)
      project(index, workspace, &tap)
      mlp(index, workspace, &tap)
      next = index + 1
    case .middle(let index):
      workspace.residual.copy(from: values)
      mlp(index, workspace, &tap)
      next = index + 1
    case .hidden(let index):
      workspace.residual.copy(from: residual)
      workspace.hidden.copy(from: values)
      contract(index, workspace, &tap)
      next = index + 1
    }
    while next < configuration.depth {
      attention(next, workspace, &tap)
      mlp(next, workspace, &tap)
      next += 1
    }
    return readOut(workspace, [], &tap)
  }
}
