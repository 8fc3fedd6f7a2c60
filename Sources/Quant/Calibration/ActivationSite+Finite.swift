import Int8Kernels
import ViTLite

extension ActivationSite {
  /// What errors call these values when a NaN or an infinity is among them, with names as in the model file: `the input
  /// of blk.0.attn_qkv`; nil when all are finite.
  func nameUnlessFinite(_ values: Span<Float>, block: Int) -> String? {
    var observer = MagnitudeObserver()
    observer.observe(values)
    return observer.isFinite ? nil : name(inBlock: block)
  }

  func name(inBlock block: Int) -> String {
    switch self {
    case .patches: "the patches"
    case .embeddings: "the embeddings"
    case .queriesKeysValues: "queries, keys and values of \(ModelKey.block(block))"
    case .attentionNormInput: "attention's results in \(ModelKey.block(block))"
    case .gated: "the gated values of \(ModelKey.block(block))"
    case .residual, .residualMiddle: "the tokens within \(ModelKey.block(block))"
    case .input(let layer): "the input of \(LayerName.block(block, layer))"
    case .output(let layer): "the output of \(LayerName.block(block, layer))"
    case .lastResidual: "the tokens leaving the last block"
    case .finalNormInput: "the input of \(ModelKey.outputNorm)"
    case .finalNormOutput: "the output of \(ModelKey.outputNorm)"
    case .headInput: "the input of \(LayerName.output)"
    case .logits: "the logits"
    }
  }
}
