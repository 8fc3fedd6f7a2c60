import Int8Kernels
import ViTLite

/// A point of the network at which the two models are compared.
package struct DriftPoint: Sendable, Equatable {
  package enum Kind: String, Sendable {
    /// A linear layer: what it gives, with the norm, activation function or gate before it.
    case linear
    /// The products of queries, keys and values, with the softmax between them; the norms and the rotation of queries
    /// and keys before them.
    case attention
    /// The residual stream leaving a block; the pooled vector leaving the one that pools by attention.
    case stream
    /// A norm's output, where no layer has it as its input: the tokens before the blocks and after them, and each head's
    /// queries and keys, with their rotation.
    case norm
  }

  /// As in the model file: `patch_embd`, `blk.0.attn_qkv`; `blk.0.attn` for attention, `blk.0` for what leaves a block.
  package let name: String
  package let kind: Kind
  /// Nil for what has no weights of its own.
  package let layer: LayerName?
  /// Of a layer's operands, 8 or 16; nil for what is no layer.
  package fileprivate(set) var bits: Int?

  /// The block that a point belongs to; nil outside of the blocks.
  package var block: Int? {
    guard name.hasPrefix("blk.") else { return nil }
    return Int(name.split(separator: ".")[1])
  }

  /// Whether what the point shows by itself is a part of what another point shows: norms of queries and keys are a part
  /// of attention.
  package var isPart: Bool { kind == .norm && block != nil }
}

/// The points of a model, in the order of the forward pass.
package struct DriftPoints: Sendable {
  /// Where in the forward pass a point is.
  enum Place: Hashable {
    case embedding
    case preNorm
    case block(Int, InBlock)
    case finalNorm
    /// The layer that makes the output of the pooled vector.
    case output
  }

  /// The points within a block, in order.
  enum InBlock: Hashable {
    case qkv
    case queryNorm
    case keyNorm
    case attention
    case projection
    case up
    case down
    case stream
  }

  package private(set) var all: [DriftPoint] = []
  private var indices: [Place: Int] = [:]

  package init(_ model: IntegerModel) {
    let configuration = model.configuration
    add(.embedding, .patchEmbedding)
    if configuration.normBeforeBlocks { add(.preNorm, ModelKey.preNorm, .norm) }
    for index in 0..<configuration.depth { addBlock(index, normsHeads: configuration.normsQueriesAndKeys) }
    add(.finalNorm, ModelKey.outputNorm, .norm)
    // The one that pools by attention.
    if configuration.blockCount > configuration.depth { addBlock(configuration.depth, normsHeads: false) }
    if let layer = model.outputLayerName { add(.output, layer) }
    let wide = Set(model.wideLayerNames.map(\.description))
    for index in all.indices where all[index].kind == .linear || all[index].kind == .attention {
      all[index].bits = wide.contains(all[index].name) ? 16 : 8
    }
  }

  private mutating func addBlock(_ index: Int, normsHeads: Bool) {
    add(.block(index, .qkv), .block(index, .attnQKV))
    if normsHeads {
      add(.block(index, .queryNorm), ModelKey.block(index, "attn_q_norm"), .norm)
      add(.block(index, .keyNorm), ModelKey.block(index, "attn_k_norm"), .norm)
    }
    add(.block(index, .attention), ModelKey.block(index, ModelKey.attention), .attention)
    add(.block(index, .projection), .block(index, .attnOut))
    add(.block(index, .up), .block(index, .ffnUp))
    add(.block(index, .down), .block(index, .ffnDown))
    add(.block(index, .stream), ModelKey.block(index), .stream)
  }

  private mutating func add(_ place: Place, _ layer: LayerName) { add(place, "\(layer)", .linear, layer) }

  private mutating func add(_ place: Place, _ name: String, _ kind: DriftPoint.Kind, _ layer: LayerName? = nil) {
    indices[place] = all.count
    all.append(DriftPoint(name: name, kind: kind, layer: layer))
  }

  /// The place of a point in `all`; nil where the model has none there.
  subscript(place: Place) -> Int? { indices[place] }
}
