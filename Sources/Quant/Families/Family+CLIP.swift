// The image halves of models of image and text.
extension Family {
  /// `CLIPVisionModel` and `CLIPVisionModelWithProjection`
  package static let clipVision = Family(
    name: "clip_vision_model", title: "CLIP's image half, with its projection or not", defaults: .clip,
    tensors: .clip, normBeforeBlocks: true, readout: .always(.classTokenThenNorm), preprocessing: .processor(.clip))

  /// The image half of `CLIPModel`.
  package static let clip = Family(
    name: "clip", title: "the image half of a whole CLIP", defaults: .nested(.clip), tensors: .clip,
    normBeforeBlocks: true, readout: .always(.classTokenThenNorm), preprocessing: .processor(.clip))

  /// `MetaClip2VisionModel` and `MetaClip2VisionModelWithProjection`: CLIP, trained on texts of all languages.
  package static let metaCLIP2Vision = Family(
    name: "metaclip_2_vision_model", title: "MetaCLIP 2's image half, with its projection or not", defaults: .clip,
    tensors: .clip, normBeforeBlocks: true, readout: .always(.classTokenThenNorm), preprocessing: .processor(.clip))

  /// The image half of `MetaClip2Model`.
  package static let metaCLIP2 = Family(
    name: "metaclip_2", title: "the image half of a whole MetaCLIP 2", defaults: .nested(.clip), tensors: .clip,
    normBeforeBlocks: true, readout: .always(.classTokenThenNorm), preprocessing: .processor(.clip))

  /// `SiglipVisionModel`: no class token, and a head in which a learned query attends to the patches.
  package static let sigLIPVision = Family(
    name: "siglip_vision_model", title: "SigLIP's image half, and SigLIP 2's of one size", defaults: .sigLIP,
    tensors: .sigLIP, readout: .attentionPooling(other: .normThenPatchMean), preprocessing: .processor(.sigLIP))

  /// The image half of `SiglipModel`, which SigLIP 2's models of one size are too, and `SiglipForImageClassification`.
  package static let sigLIP = Family(
    name: "siglip", title: "the image half of a whole SigLIP, or SigLIP 2 of one size", defaults: .nested(.sigLIP),
    tensors: .sigLIP, readout: .attentionPooling(other: .normThenPatchMean), preprocessing: .processor(.sigLIP))
}

extension ConfigurationDefaults {
  /// Of `CLIPVisionConfig`.
  fileprivate static let clip = ConfigurationDefaults(
    width: 768, imageSide: 224, patchSize: 32, depth: 12, heads: 12, mlpWidth: .width(3072), layerNormEpsilon: 1e-5,
    activation: .quickGELU, biases: Biases(patchEmbedding: .never), labelsDecideClasses: true)

  /// Of `SiglipVisionConfig`.
  fileprivate static let sigLIP = ConfigurationDefaults(
    width: 768, imageSide: 224, patchSize: 16, depth: 12, heads: 12, mlpWidth: .width(3072), layerNormEpsilon: 1e-6,
    activation: .geluTanh, labelsDecideClasses: true)

  /// The same under `vision_config`.
  fileprivate static func nested(_ vision: ConfigurationDefaults) -> ConfigurationDefaults {
    var defaults = vision
    defaults.nestedKey = "vision_config"
    return defaults
  }
}

extension TensorNames {
  private static let encoder = TensorNames(
    prefix: "vision_model.", patchEmbedding: "embeddings.patch_embedding",
    classToken: .init(name: "embeddings.class_embedding"),
    positions: .init(
      name: "embeddings.position_embedding.weight", prefix: .tokensBeforeRegisters, hasBatchDimension: false),
    blocks: "encoder.layers.",
    block: .init(
      norm1: "layer_norm1",
      qkv: [.separate(query: "self_attn.q_proj", key: "self_attn.k_proj", value: "self_attn.v_proj")],
      projection: "self_attn.out_proj", norm2: "layer_norm2", mlp: [.init(up: "mlp.fc1", down: "mlp.fc2")]),
    norm: "post_layernorm", heads: [],
    ignored: ["embeddings.position_ids", "text_model.", "text_projection.weight", "logit_scale", "logit_bias"])

  fileprivate static var clip: TensorNames {
    var names = encoder
    // Spelled so.
    names.preNorm = "pre_layrnorm"
    names.projection = "visual_projection"
    return names
  }

  fileprivate static var sigLIP: TensorNames {
    var names = encoder
    names.classToken.isRequired = false
    names.heads = ["classifier"]
    // A classifier does not read it.
    names.ignored.append("head.")
    names.attentionPooling = .init(
      query: "head.probe",
      projections: .packed(weight: "head.attention.in_proj_weight", bias: "head.attention.in_proj_bias"),
      projection: "head.attention.out_proj", norm: "head.layernorm",
      mlp: .init(up: "head.mlp.fc1", down: "head.mlp.fc2"))
    return names
  }
}
