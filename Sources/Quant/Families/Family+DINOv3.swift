extension Family {
  /// `DINOv3ViTModel`: rotary positions, registers, keys without a bias; a gated MLP in its larger models.
  package static let dinoV3 = Family(
    name: "dinov3_vit", title: "DINOv3, with a gated MLP or not", defaults: .dinoV3, tensors: .dinoV3,
    readout: .always(.classToken), preprocessing: .processor(.dinoV3))
}

extension ConfigurationDefaults {
  /// Of `DINOv3ViTConfig`.
  fileprivate static let dinoV3 = ConfigurationDefaults(
    width: 384, imageSide: 224, patchSize: 16, depth: 12, heads: 6, mlpWidth: .width(1536), layerNormEpsilon: 1e-5,
    registers: .init(key: "num_register_tokens", count: 0), gate: .init(key: "use_gated_mlp"),
    biases: .init(
      query: .key("query_bias", default: true), key: .key("key_bias", default: false),
      value: .key("value_bias", default: true), projection: .key("proj_bias", default: true),
      mlp: .key("mlp_bias", default: true)),
    rotation: .init(
      temperatureKey: "rope_theta",
      scheme: RotaryScheme(coordinates: .centered, temperature: 100, pairsNeighbours: false)),
    labelsDecideClasses: true,
    refusals: [.init(key: "apply_layernorm", value: false, variant: "false")])
}

extension TensorNames {
  fileprivate static let dinoV3 = TensorNames(
    patchEmbedding: "embeddings.patch_embeddings", classToken: .init(name: "embeddings.cls_token"),
    registers: "embeddings.register_tokens", blocks: "layer.",
    block: .init(
      norm1: "norm1",
      qkv: [.separate(query: "attention.q_proj", key: "attention.k_proj", value: "attention.v_proj")],
      projection: "attention.o_proj", norm2: "norm2",
      mlp: [
        .init(gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj"),
        .init(up: "mlp.up_proj", down: "mlp.down_proj"),
      ],
      layerScale: ("layer_scale1.lambda1", "layer_scale2.lambda1")),
    norm: "norm", heads: [], ignored: ["embeddings.mask_token", "rope_embeddings.inv_freq"])
}
