extension Family {
  /// `timm.models.vision_transformer.VisionTransformer`, and its distilled variant in `deit.py`. timm's own `config.json`
  /// has no `model_type` but an `architecture`.
  package static let timmViT = Family(
    name: "timm-vit", title: "timm's `VisionTransformer`",
    defaults: ConfigurationDefaults(
      mlpWidth: .multiple(4), layerNormEpsilon: 1e-6, registers: .init(key: "reg_tokens", count: 0),
      biases: .timm, poolingKey: "global_pool"),
    tensors: .timm, antialiasesPositions: true, readout: .pooling(usual: .classToken), preprocessing: .configuration)

  /// `timm.models.eva.Eva`: EVA, EVA-02, DINOv3 and other models with rotary positions.
  package static let timmEva = Family(
    name: "timm-eva", title: "timm's `Eva`: DINOv3, EVA-02 and others with rotary positions",
    defaults: ConfigurationDefaults(
      mlpWidth: .multiple(4), layerNormEpsilon: 1e-6, activation: nil,
      registers: .init(key: "num_reg_tokens", count: 0), biases: .timm, poolingKey: "global_pool"),
    tensors: .timmEva, antialiasesPositions: true, readout: .pooling(usual: .patchMean),
    preprocessing: .configuration)
}

extension ConfigurationDefaults.Biases {
  fileprivate static let timm = Self(
    patchEmbedding: .whereThereIsOne, query: .whereThereIsOne, key: .whereThereIsOne, value: .whereThereIsOne,
    projection: .whereThereIsOne, mlp: .whereThereIsOne)
}

extension TensorNames {
  fileprivate static let timm = TensorNames(
    patchEmbedding: "patch_embed.proj", classToken: .init(name: "cls_token", isRequired: false),
    distillationToken: .init(name: "dist_token", isRequired: false), registers: "reg_token",
    positions: .init(name: "pos_embed", prefix: .allTokensOrNone, isRequired: false), preNorm: "norm_pre",
    blocks: "blocks.",
    block: .init(
      norm1: "norm1", qkv: [.fused("attn.qkv")], queryNorm: "attn.q_norm", keyNorm: "attn.k_norm",
      attentionNorm: "attn.norm", projection: "attn.proj", norm2: "norm2",
      mlp: [.init(gate: "mlp.fc1_g", up: "mlp.fc1_x", down: "mlp.fc2"), .init(up: "mlp.fc1", down: "mlp.fc2")],
      hiddenNorm: "mlp.norm", layerScale: ("ls1.gamma", "ls2.gamma"), layerScaleIsRequired: false),
    norm: "norm", pooledNorm: "fc_norm",
    attentionPooling: .init(
      query: "attn_pool.latent",
      projections: .queryAndKeysValues(query: "attn_pool.q", keysValues: "attn_pool.kv"),
      projection: "attn_pool.proj", norm: "attn_pool.norm",
      mlp: .init(up: "attn_pool.mlp.fc1", down: "attn_pool.mlp.fc2")),
    heads: ["head"], distillationHead: "head_dist")

  fileprivate static var timmEva: TensorNames {
    var names = timm
    names.distillationToken = nil
    names.distillationHead = nil
    names.block.qkv = [
      .fused("attn.qkv", queryBias: "attn.q_bias", valueBias: "attn.v_bias"),
      .separate(query: "attn.q_proj", key: "attn.k_proj", value: "attn.v_proj"),
    ]
    names.block.layerScale = ("gamma_1", "gamma_2")
    return names
  }
}
