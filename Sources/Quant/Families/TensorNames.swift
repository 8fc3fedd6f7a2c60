import ViTLite

/// What a family of checkpoints calls its tensors. Layers and norms are named without `.weight` and `.bias`.
struct TensorNames: Sendable {
  /// Queries, keys and values.
  enum QKV: Sendable {
    /// Three layers.
    case separate(query: String, key: String, value: String)
    /// One layer: the rows of all queries, then keys, then values. Its bias is `NAME.bias`, or two tensors for queries
    /// and values where keys have none.
    case fused(String, queryBias: String? = nil, valueBias: String? = nil)
    /// One layer whose rows are split (head, dimension, qkv), as in the seed implementation.
    case interleaved(String)

    /// A layer that a checkpoint with these names has.
    var anyLayer: String {
      switch self {
      case .separate(let name, key: _, value: _), .fused(let name, queryBias: _, valueBias: _), .interleaved(let name):
        name
      }
    }

    func map(_ whole: (String) -> String) -> QKV {
      switch self {
      case .separate(let query, let key, let value):
        .separate(query: whole(query), key: whole(key), value: whole(value))
      case .fused(let name, let query, let value):
        .fused(whole(name), queryBias: query.map(whole), valueBias: value.map(whole))
      case .interleaved(let name): .interleaved(whole(name))
      }
    }
  }

  /// The layers of an MLP. A gate may be a layer of its own, or the first half of the rows of `up`.
  struct MLP: Sendable {
    var gate: String?
    var up: String
    var down: String
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
    /// Whether all models of the family have the table.
    var isRequired = true
  }

  /// Names within a block.
  struct Block: Sendable {
    var norm1: String
    /// Ways to write queries, keys and values; a checkpoint has one of them.
    var qkv: [QKV]
    var queryNorm: String?
    var keyNorm: String?
    /// The norm of the heads' results.
    var attentionNorm: String?
    var projection: String
    var norm2: String
    /// Ways to write the MLP; a checkpoint has one of them.
    var mlp: [MLP]
    /// The norm of the MLP's hidden layer.
    var hiddenNorm: String?
    /// Of the attention and of the MLP.
    var layerScale: (attention: String, mlp: String)?
    /// Whether all models of the family have LayerScale.
    var layerScaleIsRequired = true
  }

  /// A head in which a learned query attends to the tokens.
  struct AttentionPooling: Sendable {
    enum Projections: Sendable {
      /// One tensor of the rows of queries, keys and values, and one of their biases.
      case packed(weight: String, bias: String)
      case queryAndKeysValues(query: String, keysValues: String)
    }

    /// `1 x 1 x width`
    var query: String
    var projections: Projections
    var projection: String
    var norm: String
    var mlp: MLP
  }

  /// Before every name but the heads', where the backbone was saved under a head.
  var prefix = ""
  var patchEmbedding: String
  var classToken: Token
  var distillationToken: Token?
  var registers: String?
  /// Nil in a family whose positions are rotary.
  var positions: Positions?
  /// The norm between the embeddings and the first block.
  var preNorm: String?
  /// Before the number of a block; a dot comes after it.
  var blocks: String
  var block: Block
  /// The norm of all tokens, or of their mean in the seed implementation.
  var norm: String
  /// timm's norm after the mean.
  var pooledNorm: String?
  var attentionPooling: AttentionPooling?
  var pooler: String?
  /// The first that the checkpoint has.
  var heads: [String]
  /// The head of the distillation token.
  var distillationHead: String?
  /// Of the pooled vector, without a bias.
  var projection: String?
  /// Tensors that inference does not need; a name that ends with a dot stands for all that begin with it.
  var ignored: [String] = []
}

extension TensorNames {
  /// The whole names in a checkpoint, whose backbone may or may not have the prefix. transformers writes blocks without
  /// it under the head of ViT-MSN.
  func resolved(contains: (String) -> Bool) -> TensorNames {
    var names = self
    names.prefix = ""
    guard contains(prefix + patchEmbedding + ".weight") else { return names }
    func whole(_ name: String) -> String { prefix + name }
    names.patchEmbedding = whole(patchEmbedding)
    names.classToken.name = whole(classToken.name)
    names.distillationToken?.name = whole(distillationToken?.name ?? "")
    names.registers = registers.map(whole)
    names.positions?.name = whole(positions?.name ?? "")
    names.preNorm = preNorm.map(whole)
    if !contains(self.block(0).norm1 + ".weight") { names.blocks = whole(blocks) }
    names.norm = whole(norm)
    names.pooledNorm = pooledNorm.map(whole)
    names.attentionPooling = attentionPooling?.map(whole)
    names.pooler = pooler.map(whole)
    names.ignored = ignored + ignored.map(whole)
    return names
  }

  /// The whole names of a block.
  func block(_ index: Int) -> Block {
    func whole(_ name: String) -> String { "\(blocks)\(index).\(name)" }
    var names = block
    names.norm1 = whole(block.norm1)
    names.qkv = block.qkv.map { $0.map(whole) }
    names.queryNorm = block.queryNorm.map(whole)
    names.keyNorm = block.keyNorm.map(whole)
    names.attentionNorm = block.attentionNorm.map(whole)
    names.projection = whole(block.projection)
    names.norm2 = whole(block.norm2)
    names.mlp = block.mlp.map { $0.map(whole) }
    names.hiddenNorm = block.hiddenNorm.map(whole)
    names.layerScale = block.layerScale.map { (whole($0.attention), whole($0.mlp)) }
    return names
  }

  /// Whether inference needs no tensor of this name.
  func ignores(_ name: String) -> Bool { ignored.contains { $0.hasSuffix(".") ? name.hasPrefix($0) : name == $0 } }
}

extension TensorNames.MLP {
  func map(_ whole: (String) -> String) -> Self {
    Self(gate: gate.map(whole), up: whole(up), down: whole(down))
  }
}

extension TensorNames.AttentionPooling {
  func map(_ whole: (String) -> String) -> Self {
    var names = self
    names.query = whole(query)
    switch projections {
    case .packed(let weight, let bias): names.projections = .packed(weight: whole(weight), bias: whole(bias))
    case .queryAndKeysValues(let query, let keysValues):
      names.projections = .queryAndKeysValues(query: whole(query), keysValues: whole(keysValues))
    }
    names.projection = whole(projection)
    names.norm = whole(norm)
    names.mlp = mlp.map(whole)
    return names
  }
}
