// The families of transformers. Their names are the prefix of a backbone under a head.
extension Family {
  /// `ViTModel` and `ViTForImageClassification`
  package static let viT = Family(
    name: "vit", title: "ViT", defaults: .viT, tensors: .viT(prefix: "vit."), readout: .always(.classToken),
    preprocessing: .processor(.viT))

  /// `DeiTModel` and its classification heads: a second token that has learned from another model.
  package static let deiT = Family(
    name: "deit", title: "DeiT, distilled or not", defaults: .viT, tensors: .deiT, readout: .always(.classToken),
    preprocessing: .processor(.deiT))

  /// `ViTMSNModel` and its classification head
  package static let viTMSN = Family(
    name: "vit_msn", title: "ViT-MSN", defaults: .viTMSN, tensors: .viT(prefix: "vit."),
    readout: .always(.classToken), preprocessing: .processor(.viT))

  /// The encoder of `ViTMAEModel` and `ViTMAEForPreTraining`, which sees all patches.
  package static let viTMAE = Family(
    name: "vit_mae", title: "the encoder of ViT-MAE, without masking", defaults: .viT, tensors: .viTMAE,
    readout: .always(.classToken), preprocessing: .processor(.viT))

  /// `IJepaModel` and `IJepaForImageClassification`: no class token.
  package static let iJEPA = Family(
    name: "ijepa", title: "I-JEPA", defaults: .viT, tensors: .iJEPA, readout: .always(.normThenPatchMean),
    preprocessing: .processor(.viT))

  /// `Dinov2Model` and `Dinov2ForImageClassification`
  package static let dinoV2 = Family(
    name: "dinov2", title: "DINOv2, with SwiGLU or not", defaults: .dinoV2(patchSize: 14),
    tensors: .dinoV2(prefix: "dinov2."), readout: .withHead(.classTokenAndPatchMean, without: .classToken),
    preprocessing: .processor(.bit))

  /// `Dinov2WithRegistersModel` and its classification head
  package static let dinoV2WithRegisters = Family(
    name: "dinov2_with_registers", title: "DINOv2 with registers, with SwiGLU or not", defaults: .dinoV2WithRegisters,
    tensors: .dinoV2WithRegisters, antialiasesPositions: true,
    readout: .withHead(.classTokenAndPatchMean, without: .classToken), preprocessing: .processor(.bit))
}

extension ConfigurationDefaults {
  /// Of `ViTConfig`, `DeiTConfig`, `ViTMAEConfig` and `IJepaConfig`: ViT-Base.
  static let viT = ConfigurationDefaults(
    width: 768, imageSide: 224, patchSize: 16, depth: 12, heads: 12, mlpWidth: .width(3072), layerNormEpsilon: 1e-12,
    labelsDecideClasses: true,
    refusals: [
      .init(key: "use_swiglu_ffn", value: true, variant: "SwiGLU (true)"),
      .init(key: "apply_layernorm", value: false, variant: "false"),
    ])

  /// Of `ViTMSNConfig`.
  fileprivate static var viTMSN: ConfigurationDefaults {
    var defaults = viT
    defaults.layerNormEpsilon = 1e-6
    return defaults
  }

  /// Of `Dinov2Config`.
  fileprivate static func dinoV2(patchSize: Int) -> ConfigurationDefaults {
    var defaults = viT
    defaults.patchSize = patchSize
    defaults.mlpWidth = .ratio(4)
    defaults.layerNormEpsilon = 1e-6
    defaults.gate = .init(key: "use_swiglu_ffn", activation: .silu)
    defaults.refusals.removeFirst()
    return defaults
  }

  /// Of `Dinov2WithRegistersConfig`.
  fileprivate static var dinoV2WithRegisters: ConfigurationDefaults {
    var defaults = dinoV2(patchSize: 16)
    defaults.registers = .init(key: "num_register_tokens", count: 4)
    return defaults
  }
}

extension TensorNames {
  fileprivate static func viT(prefix: String) -> TensorNames {
    TensorNames(
      prefix: prefix, patchEmbedding: "embeddings.patch_embeddings.projection",
      classToken: .init(name: "embeddings.cls_token"),
      positions: .init(name: "embeddings.position_embeddings", prefix: .tokensBeforeRegisters),
      blocks: "encoder.layer.",
      block: .init(
        norm1: "layernorm_before",
        qkv: [
          .separate(
            query: "attention.attention.query", key: "attention.attention.key", value: "attention.attention.value")
        ],
        projection: "attention.output.dense", norm2: "layernorm_after",
        mlp: [.init(up: "intermediate.dense", down: "output.dense")]),
      norm: "layernorm", pooler: "pooler.dense", heads: ["classifier"],
      ignored: ["embeddings.mask_token", "embeddings.position_ids"])
  }

  fileprivate static var deiT: TensorNames {
    var names = viT(prefix: "deit.")
    names.distillationToken = .init(name: "embeddings.distillation_token")
    names.heads = ["cls_classifier", "classifier"]
    names.distillationHead = "distillation_classifier"
    return names
  }

  fileprivate static var viTMAE: TensorNames {
    var names = viT(prefix: "vit.")
    names.ignored.append("decoder.")
    return names
  }

  fileprivate static var iJEPA: TensorNames {
    var names = viT(prefix: "ijepa.")
    names.classToken.isRequired = false
    return names
  }

  fileprivate static func dinoV2(prefix: String) -> TensorNames {
    var names = viT(prefix: prefix)
    names.block.norm1 = "norm1"
    names.block.norm2 = "norm2"
    names.block.mlp = [
      .init(up: "mlp.fc1", down: "mlp.fc2"), .init(up: "mlp.weights_in", down: "mlp.weights_out"),
    ]
    names.block.layerScale = ("layer_scale1.lambda1", "layer_scale2.lambda1")
    names.pooler = nil
    return names
  }

  fileprivate static var dinoV2WithRegisters: TensorNames {
    var names = dinoV2(prefix: "dinov2_with_registers.")
    names.registers = "embeddings.register_tokens"
    return names
  }
}
