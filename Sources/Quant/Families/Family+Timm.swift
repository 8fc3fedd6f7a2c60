extension Family {
  /// `timm.models.vision_transformer.VisionTransformer`, and its distilled variant in `deit.py`. timm's own `config.json`
  /// has no `model_type` but an `architecture`.
  package static let timmViT = Family(
    name: "timm-vit",
    defaults: ConfigurationDefaults(
      mlpWidth: .multiple(4), layerNormEpsilon: 1e-6, registers: .init(key: "reg_tokens", count: 0),
      poolingKey: "global_pool"),
    tensors: TensorNames(
      patchEmbedding: "patch_embed.proj", classToken: .init(name: "cls_token", isRequired: false),
      distillationToken: .init(name: "dist_token", isRequired: false), registers: "reg_token",
      positions: .init(name: "pos_embed", prefix: .allTokensOrNone), blocks: "blocks.",
      block: .init(
        norm1: "norm1", qkv: .fused("attn.qkv"), projection: "attn.proj", norm2: "norm2", fc1: "mlp.fc1",
        fc2: "mlp.fc2", layerScale: ("ls1.gamma", "ls2.gamma"), layerScaleIsRequired: false),
      norm: "norm", pooledNorm: "fc_norm", heads: ["head"], distillationHead: "head_dist"),
    antialiasesPositions: true, readout: .pooling, preprocessing: .configuration)
}
