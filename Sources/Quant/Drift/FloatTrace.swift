import Int8Kernels
import ViTLite

/// The float model's values at every layer of one image: what the int8 model is compared with, and what its layers are
/// given where each is measured alone.
package struct FloatTrace: ActivationTap, Sendable {
  /// Of one block; the shapes are those of `ResumePoint`.
  package struct Block: Sendable {
    var residual: [Float] = []
    var qkv: [Float] = []
    var attention: [Float] = []
    var middle: [Float] = []
    var hidden: [Float] = []
  }

  package private(set) var blocks: [Block]
  /// The residual stream that leaves the last block, `tokens x width`.
  package private(set) var lastResidual: [Float] = []
  package private(set) var headInput: [Float] = []
  package private(set) var output: FloatOutput

  /// - Parameter values: `channels x height x width`, normalised.
  package init(_ reference: FloatReference, values: [Float], workspace: FloatWorkspace) {
    blocks = Array(repeating: Block(), count: reference.configuration.depth)
    output = FloatOutput(hiddenStates: [], lastHiddenState: [], poolerOutput: [], logits: nil)
    output = reference.run(values.span, workspace: workspace, tap: &self)
    // Where the norm follows the mean, the final tokens are the residual stream itself.
    if reference.configuration.readout.normFollowsPooling { lastResidual = output.lastHiddenState }
  }

  package mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {
    // The head that pools by attention is none of the blocks.
    if block >= blocks.count, site != .finalNormInput, site != .headInput { return }
    switch site {
    case .residual: blocks[block].residual = Self.copy(values)
    case .output(.attnQKV): blocks[block].qkv = Self.copy(values)
    case .input(.attnOut): blocks[block].attention = Self.copy(values)
    case .residualMiddle: blocks[block].middle = Self.copy(values)
    case .output(.ffnUp): blocks[block].hidden = Self.copy(values)
    case .finalNormInput: lastResidual = Self.copy(values)
    case .headInput: headInput = Self.copy(values)
    case .patches, .input, .output, .preNormInput, .queriesKeysValues, .gated, .finalNormOutput, .logits: break
    }
  }

  private static func copy(_ values: Span<Float>) -> [Float] {
    unsafe values.withUnsafeBufferPointer { unsafe Array($0) }
  }

  /// The residual stream entering a block, or with the number of blocks what leaves the last.
  func residual(_ index: Int) -> [Float] { index < blocks.count ? blocks[index].residual : lastResidual }
}
