extension Family {
  /// github.com/FrancescoSaverioZuppichini/ViT: a `torch.nn.Sequential` of embedding, encoder and head, numbered.
  package static let seedViT = Family(
    name: "seed-vit", title: "the implementation that the bundled model uses",
    defaults: ConfigurationDefaults(mlpWidth: .multiple(4), layerNormEpsilon: 1e-5),
    tensors: TensorNames(
      patchEmbedding: "0.projection.0", classToken: .init(name: "0.cls_token"),
      positions: .init(name: "0.positions", prefix: .tokensBeforeRegisters, hasBatchDimension: false),
      blocks: "1.",
      block: .init(
        norm1: "0.fn.0", qkv: [.interleaved("0.fn.1.qkv")], projection: "0.fn.1.projection", norm2: "1.fn.0",
        mlp: [.init(up: "1.fn.1.0", down: "1.fn.1.3")]),
      norm: "2.1", heads: ["2.2"]),
    attentionScaling: .probabilities, readout: .always(.tokenMeanThenNorm), preprocessing: .nowhere,
    listsDropout: true)
}
