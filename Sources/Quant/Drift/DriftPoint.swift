import Int8Kernels
import ViTLite

/// A point of the network at which the two models are compared.
package struct DriftPoint: Sendable, Equatable {
  package enum Kind: String, Sendable {
    /// A linear layer: what it gives, with the norm or activation function before it.
    case linear
    /// The products of queries, keys and values, with the softmax between them.
    case attention
    /// The residual stream leaving a block.
    case stream
    /// The tokens after the final norm.
    case norm
  }

  /// As in the model file: `patch_embd`, `blk.0.attn_qkv`; `blk.0.attn` for attention, `blk.0` for what leaves a block.
  package let name: String
  package let kind: Kind
  /// Nil for what has no weights of its own.
  package let layer: LayerName?

  /// All points of a model, in the order of the forward pass.
  package static func all(_ model: IntegerModel) -> [DriftPoint] {
    var points = [DriftPoint(name: "\(LayerName.patchEmbedding)", kind: .linear, layer: .patchEmbedding)]
    for index in 0..<model.configuration.depth {
      func linear(_ layer: BlockLayer) -> DriftPoint {
        DriftPoint(name: "\(LayerName.block(index, layer))", kind: .linear, layer: .block(index, layer))
      }
      points += [
        linear(.attnQKV), DriftPoint(name: ModelKey.block(index, "attn"), kind: .attention, layer: nil),
        linear(.attnOut), linear(.ffnUp), linear(.ffnDown),
        DriftPoint(name: ModelKey.block(index), kind: .stream, layer: nil),
      ]
    }
    points.append(DriftPoint(name: ModelKey.outputNorm, kind: .norm, layer: nil))
    for layer in model.layerNames {
      if layer == .output || layer == .pooler {
        points.append(DriftPoint(name: "\(layer)", kind: .linear, layer: layer))
      }
    }
    return points
  }

  /// The points within a block, in order.
  enum InBlock: Int {
    case qkv
    case attention
    case projection
    case up
    case down
    case stream
    static let count = 6
  }

  static func index(_ point: InBlock, block: Int) -> Int { 1 + InBlock.count * block + point.rawValue }
  static func norm(depth: Int) -> Int { 1 + InBlock.count * depth }
  static func output(depth: Int) -> Int { 2 + InBlock.count * depth }

  /// The block that a point belongs to; nil outside of the blocks.
  package var block: Int? {
    guard name.hasPrefix("blk.") else { return nil }
    return Int(name.split(separator: ".")[1])
  }
}
