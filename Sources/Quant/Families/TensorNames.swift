import ViTLite

/// What a family of checkpoints calls its tensors. Layers and norms are named without `.weight` and `.bias`.
struct TensorNames: Sendable {
  /// Queries, keys and values.
  enum QKV: Sendable {
    /// Three layers.
    case separate(query: String, key: String, value: String)
    /// One layer: the rows of all queries, then keys, then values.
    case fused(String)
    /// One layer whose rows are split (head, dimension, qkv), as in the seed implementation.
    case interleaved(String)
  }

  /// A tensor that models of the family always have, or only some of them.
  struct Token: Sendable {
    var name: String
    var isRequired = true
  }

  /// The learned table of positions: `1 x positions x width`.
  struct Positions: Sendable {
    /// What comes before the patches in the table.
    enum Prefix: Sendable {
      /// Class and distillation token; registers have no position.
      case tokensBeforeRegisters
      /// All tokens or, where the table has a row for each patch and no more, none: timm's `no_embed_class`.
      case allTokensOrNone
    }

    var name: String
    var prefix: Prefix
    /// Whether the shape begins with a 1.
    var hasBatchDimension = true
  }

  /// Names within a block.
  struct Block: Sendable {
    var norm1: String
    var qkv: QKV
    var projection: String
    var norm2: String
    var fc1: String
    var fc2: String
    /// Of the attention and of the MLP.
    var layerScale: (attention: String, mlp: String)?
    /// Whether all models of the family have LayerScale.
    var layerScaleIsRequired = true
  }

  /// Before every name but the heads', where the backbone was saved under a head.
  var prefix = ""
  var patchEmbedding: String
  var classToken: Token
  var distillationToken: Token?
  var registers: String?
  var positions: Positions
  /// Before the number of a block; a dot comes after it.
  var blocks: String
  var block: Block
  /// The norm of all tokens, or of their mean in the seed implementation.
  var norm: String
  /// timm's norm after the mean.
  var pooledNorm: String?
  var pooler: String?
  /// The first that the checkpoint has.
  var heads: [String]
  /// The head of the distillation token.
  var distillationHead: String?
  /// Tensors that inference does not need.
  var ignored: [String] = []
}

extension TensorNames {
  /// The whole names in a checkpoint, whose backbone may or may not have the prefix.
  func resolved(contains: (String) -> Bool) -> TensorNames {
    var names = self
    names.prefix = ""
    guard contains(prefix + patchEmbedding + ".weight") else { return names }
    func whole(_ name: String) -> String { prefix + name }
    names.patchEmbedding = whole(patchEmbedding)
    names.classToken.name = whole(classToken.name)
    names.distillationToken?.name = whole(distillationToken?.name ?? "")
    names.registers = registers.map(whole)
    names.positions.name = whole(positions.name)
    names.blocks = whole(blocks)
    names.norm = whole(norm)
    names.pooledNorm = pooledNorm.map(whole)
    names.pooler = pooler.map(whole)
    names.ignored = ignored.map(whole)
    return names
  }

  /// The whole names of a block.
  func block(_ index: Int) -> Block {
    func whole(_ name: String) -> String { "\(blocks)\(index).\(name)" }
    var names = block
    names.norm1 = whole(block.norm1)
    names.projection = whole(block.projection)
    names.norm2 = whole(block.norm2)
    names.fc1 = whole(block.fc1)
    names.fc2 = whole(block.fc2)
    names.layerScale = block.layerScale.map { (whole($0.attention), whole($0.mlp)) }
    switch block.qkv {
    case .separate(let query, let key, let value):
      names.qkv = .separate(query: whole(query), key: whole(key), value: whole(value))
    case .fused(let name): names.qkv = .fused(whole(name))
    case .interleaved(let name): names.qkv = .interleaved(whole(name))
    }
    return names
  }
}
