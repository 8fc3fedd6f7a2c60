/// The linear layers of a block, by their names in the model file.
public enum BlockLayer: String, Sendable, CaseIterable {
  /// Queries, keys and values: width to 3 x width.
  case attnQKV = "attn_qkv"
  /// The projection of the attention output: width to width.
  case attnOut = "attn_out"
  /// The first layer of the MLP: width to MLP width, or to twice that with a gate, whose rows come first.
  case ffnUp = "ffn_up"
  /// The second layer of the MLP: MLP width to width.
  case ffnDown = "ffn_down"

  /// Rows and columns of the weight matrix.
  package func shape(in configuration: ModelConfiguration) -> (outputs: Int, inputs: Int) {
    let (width, mlpWidth) = (configuration.width, configuration.mlpWidth)
    return switch self {
    case .attnQKV: (3 * width, width)
    case .attnOut: (width, width)
    case .ffnUp: (configuration.isGated ? 2 * mlpWidth : mlpWidth, width)
    case .ffnDown: (width, mlpWidth)
    }
  }
}

/// A layer of a model, by its name in the model file and in reports.
public enum LayerName: Sendable, Hashable {
  case patchEmbedding
  /// A linear layer of a block.
  case block(Int, BlockLayer)
  /// A block's products of queries, keys and values, with the softmax between them. It has no weights.
  case attention(Int)
  /// The classification head.
  case output
  case pooler
  /// Of the pooled vector, in a model of image and text.
  case projection

  /// All linear layers of a model, in the order of the forward pass.
  ///
  /// - Parameter blocks: with the one that pools by attention.
  package static func all(blocks: Int, hasOutput: Bool, hasPooler: Bool, hasProjection: Bool) -> [LayerName] {
    var names = [LayerName.patchEmbedding]
    for index in 0..<blocks { names += BlockLayer.allCases.map { .block(index, $0) } }
    if hasOutput { names.append(.output) }
    if hasPooler { names.append(.pooler) }
    if hasProjection { names.append(.projection) }
    return names
  }

  /// A model's linear layers with the attention of each block behind the layer that gives its queries, keys and values.
  package static func withAttention(_ linear: [LayerName]) -> [LayerName] {
    linear.flatMap { name in
      if case .block(let index, .attnQKV) = name { [name, .attention(index)] } else { [name] }
    }
  }
}

extension LayerName {
  /// Whether the layer reads the MLP's hidden layer rather than rows of the model's width.
  var readsHiddenLayer: Bool {
    if case .block(_, .ffnDown) = self { true } else { false }
  }
}

extension LayerName: LosslessStringConvertible {
  /// The layer of a name such as `blk.3.ffn_up`; nil where no model has a layer of that name.
  public init?(_ name: String) {
    switch name {
    case "patch_embd": self = .patchEmbedding
    case "output": self = .output
    case "pooler": self = .pooler
    case "projection": self = .projection
    default:
      let parts = name.split(separator: ".")
      guard parts.count == 3, parts[0] == "blk", let index = Int(parts[1]), index >= 0,
        name == ModelKey.block(index, String(parts[2]))
      else { return nil }
      if parts[2] == ModelKey.attention {
        self = .attention(index)
      } else if let layer = BlockLayer(rawValue: String(parts[2])) {
        self = .block(index, layer)
      } else {
        return nil
      }
    }
  }

  /// `patch_embd`, `blk.3.ffn_up`, `blk.3.attn`, `output`, `pooler`, `projection`
  public var description: String {
    switch self {
    case .patchEmbedding: "patch_embd"
    case .block(let index, let layer): ModelKey.block(index, layer.rawValue)
    case .attention(let index): ModelKey.block(index, ModelKey.attention)
    case .output: "output"
    case .pooler: "pooler"
    case .projection: "projection"
    }
  }
}

/// A value for each linear layer of a block.
package struct BlockLayers<Value> {
  package var attnQKV: Value
  package var attnOut: Value
  package var ffnUp: Value
  package var ffnDown: Value

  /// Calls `value` for each layer, in the order of the forward pass.
  package init<Failure: Error>(_ value: (BlockLayer) throws(Failure) -> Value) throws(Failure) {
    attnQKV = try value(.attnQKV)
    attnOut = try value(.attnOut)
    ffnUp = try value(.ffnUp)
    ffnDown = try value(.ffnDown)
  }

  package subscript(layer: BlockLayer) -> Value {
    get {
      switch layer {
      case .attnQKV: attnQKV
      case .attnOut: attnOut
      case .ffnUp: ffnUp
      case .ffnDown: ffnDown
      }
    }
    // Not a setter, with which a change of a part would copy the whole.
    _modify {
      switch layer {
      case .attnQKV: yield &attnQKV
      case .attnOut: yield &attnOut
      case .ffnUp: yield &ffnUp
      case .ffnDown: yield &ffnDown
      }
    }
  }

  package func map<Other, Failure: Error>(
    _ transform: (Value) throws(Failure) -> Other
  ) throws(Failure) -> BlockLayers<Other> {
    try BlockLayers<Other> { (layer) throws(Failure) in try transform(self[layer]) }
  }
}

extension BlockLayers: Sendable where Value: Sendable {}
extension BlockLayers: Equatable where Value: Equatable {}
