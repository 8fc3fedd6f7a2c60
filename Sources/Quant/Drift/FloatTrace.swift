import Int8Kernels
import ViTLite

/// The float model's values at every layer of one image: what the int8 model is compared with, and what its layers are
/// given where each is measured alone.
package struct FloatTrace: ActivationTap, Sendable {
  /// Of one block; the shapes are those of `ResumePoint`.
  package struct Block: Sendable {
    /// The residual stream that enters the block. Where tokens are pooled by attention, zeros: what attention's
    /// projection gives is added to nothing there.
    var residual: [Float] = []
    var qkv: [Float] = []
    /// After the norms and the rotation of queries and keys.
    var transformed: [Float] = []
    /// Before the norm of the heads' results, where there is one.
    var attention: [Float] = []
    var middle: [Float] = []
    var hidden: [Float] = []
  }

  /// With the one that pools by attention at their end, where there is one.
  package private(set) var blocks: [Block]
  /// The tokens before whatever stands in front of the blocks: `tokens x width`.
  private(set) var embeddings: [Float] = []
  /// The residual stream that leaves the last block, before it is rotated back: `tokens x width`.
  package private(set) var lastResidual: [Float] = []
  /// The result of attention pooling, one row.
  private(set) var pooled: [Float] = []
  package private(set) var output: FloatOutput
  private let depth: Int

  /// - Parameter values: `channels x height x width`, normalised.
  package init(_ reference: FloatReference, values: [Float], workspace: FloatWorkspace) {
    let configuration = reference.configuration
    depth = configuration.depth
    blocks = Array(repeating: Block(), count: configuration.blockCount)
    output = FloatOutput(hiddenStates: [], lastHiddenState: [], poolerOutput: [], logits: nil)
    output = reference.run(values.span, workspace: workspace, tap: &self)
    if blocks.count > depth { blocks[depth].residual = Array(repeating: 0, count: configuration.width) }
    if !configuration.transformsQueriesAndKeys {
      for index in blocks.indices { blocks[index].transformed = blocks[index].qkv }
    }
  }

  package mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {
    switch site {
    case .embeddings: embeddings = Self.copy(values)
    case .residual where block == depth: pooled = Self.copy(values)
    case .residual: blocks[block].residual = Self.copy(values)
    case .output(.attnQKV): blocks[block].qkv = Self.copy(values)
    case .queriesKeysValues: blocks[block].transformed = Self.copy(values)
    case .attentionNormInput: blocks[block].attention = Self.copy(values)
    case .input(.attnOut): if blocks[block].attention.isEmpty { blocks[block].attention = Self.copy(values) }
    case .residualMiddle: blocks[block].middle = Self.copy(values)
    case .output(.ffnUp): blocks[block].hidden = Self.copy(values)
    case .lastResidual: lastResidual = Self.copy(values)
    case .patches, .input, .output, .gated, .finalNormInput, .finalNormOutput, .headInput, .logits: break
    }
  }

  private static func copy(_ values: Span<Float>) -> [Float] {
    unsafe values.withUnsafeBufferPointer { unsafe Array($0) }
  }

  /// The residual stream entering a block, or with the number of blocks what leaves the last.
  func residual(_ index: Int) -> [Float] { index < depth ? blocks[index].residual : lastResidual }

  /// What leaves a block: the residual stream, or the result of attention pooling.
  func leaving(_ index: Int) -> [Float] { index < depth ? residual(index + 1) : pooled }
}
