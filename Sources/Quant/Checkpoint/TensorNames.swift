import Int8Kernels
import ViTLite

/// What a family of checkpoints calls its tensors. Layers are named without `.weight` and `.bias`.
struct TensorNames {
  /// Queries, keys and values.
  enum QKV {
    /// Three layers.
    case separate(query: String, key: String, value: String)
    /// One layer: the rows of all queries, then keys, then values.
    case fused(String)
    /// One layer whose rows are split `(head, dimension, qkv)`, as in the seed implementation.
    case interleaved(String)
  }

  struct Block {
    var norm1: String
    var qkv: QKV
    var projection: String
    var layerScale1: String?
    var norm2: String
    var fc1: String
    var fc2: String
    var layerScale2: String?
  }

  var patchEmbedding: String
  var classToken: String
  var distillationToken: String?
  var registers: String?
  var positions: String
  var block: (Int) -> Block
  /// The norm of all tokens, or of their mean in the seed implementation.
  var norm: String
  /// timm's norm after the mean.
  var pooledNorm: String?
  var pooler: String?
  var head: String
  var distillationHead: String?
  /// Tensors that inference does not need.
  var ignored: [String] = []
}

extension TensorNames {
  /// The names of a family; `contains` tells whether the checkpoint has a tensor.
  init(_ family: ModelConfiguration.Family, contains: (String) -> Bool) {
    switch family {
    case .seedViT: self = .seed
    case .timmViT: self = .timm
    case .viT, .deiT, .dinoV2, .dinoV2WithRegisters: self = .huggingFace(family, contains: contains)
    }
  }

  /// `torch.nn.Sequential` of embedding, encoder and head, numbered.
  static var seed: TensorNames {
    TensorNames(
      patchEmbedding: "0.projection.0", classToken: "0.cls_token", positions: "0.positions",
      block: { index in
        Block(
          norm1: "1.\(index).0.fn.0", qkv: .interleaved("1.\(index).0.fn.1.qkv"),
          projection: "1.\(index).0.fn.1.projection", norm2: "1.\(index).1.fn.0", fc1: "1.\(index).1.fn.1.0",
          fc2: "1.\(index).1.fn.1.3")
      }, norm: "2.1", head: "2.2")
  }

  /// `timm.models.vision_transformer.VisionTransformer`, and its distilled variant in `deit.py`.
  static var timm: TensorNames {
    TensorNames(
      patchEmbedding: "patch_embed.proj", classToken: "cls_token", distillationToken: "dist_token",
      registers: "reg_token", positions: "pos_embed",
      block: { index in
        Block(
          norm1: "blocks.\(index).norm1", qkv: .fused("blocks.\(index).attn.qkv"),
          projection: "blocks.\(index).attn.proj", layerScale1: "blocks.\(index).ls1.gamma",
          norm2: "blocks.\(index).norm2", fc1: "blocks.\(index).mlp.fc1", fc2: "blocks.\(index).mlp.fc2",
          layerScale2: "blocks.\(index).ls2.gamma")
      }, norm: "norm", pooledNorm: "fc_norm", head: "head", distillationHead: "head_dist")
  }

  /// The four families of transformers. A base model saved alone has no prefix; under a head it has its family's.
  static func huggingFace(_ family: ModelConfiguration.Family, contains: (String) -> Bool) -> TensorNames {
    let withPrefix = family.rawValue + "."
    let prefix = contains(withPrefix + "embeddings.cls_token") ? withPrefix : ""
    let isDino = family == .dinoV2 || family == .dinoV2WithRegisters
    return TensorNames(
      patchEmbedding: prefix + "embeddings.patch_embeddings.projection", classToken: prefix + "embeddings.cls_token",
      distillationToken: family == .deiT ? prefix + "embeddings.distillation_token" : nil,
      registers: family == .dinoV2WithRegisters ? prefix + "embeddings.register_tokens" : nil,
      positions: prefix + "embeddings.position_embeddings",
      block: { index in
        let layer = prefix + "encoder.layer.\(index)."
        let attention = layer + "attention.attention."
        return Block(
          norm1: layer + (isDino ? "norm1" : "layernorm_before"),
          qkv: .separate(query: attention + "query", key: attention + "key", value: attention + "value"),
          projection: layer + "attention.output.dense", layerScale1: isDino ? layer + "layer_scale1.lambda1" : nil,
          norm2: layer + (isDino ? "norm2" : "layernorm_after"),
          fc1: layer + (isDino ? "mlp.fc1" : "intermediate.dense"),
          fc2: layer + (isDino ? "mlp.fc2" : "output.dense"),
          layerScale2: isDino ? layer + "layer_scale2.lambda1" : nil)
      }, norm: prefix + "layernorm", pooler: isDino ? nil : prefix + "pooler.dense",
      head: family == .deiT && contains("cls_classifier.weight") ? "cls_classifier" : "classifier",
      distillationHead: family == .deiT ? "distillation_classifier" : nil,
      ignored: [prefix + "embeddings.mask_token", prefix + "embeddings.position_ids"])
  }
}
