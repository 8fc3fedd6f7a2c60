import Int8Kernels
import ViTLite

// The layers of a block.
extension CheckpointLoader {
  mutating func block(
    _ block: TensorNames.Block, _ architecture: ModelConfiguration
  ) throws(CheckpointError) -> FloatBlock {
    let biases = configuration.biases
    let mlp = mlp(of: block)
    var result = FloatBlock(
      ln1: try norm(block.norm1, architecture), ln2: try norm(block.norm2, architecture),
      layers: try BlockLayers { (layer) throws(CheckpointError) in
        switch layer {
        case .attnQKV: try qkv(chosen(of: block.qkv))
        case .attnOut: try linear(block.projection, outputs: width, inputs: width, hasBias: biases.projection)
        case .ffnUp: try up(mlp, isGated: architecture.isGated)
        case .ffnDown: try linear(mlp.down, outputs: width, inputs: configuration.mlpWidth, hasBias: biases.mlp)
        }
      },
      layerScale1: try layerScale(block.layerScale?.attention, isRequired: block.layerScaleIsRequired),
      layerScale2: try layerScale(block.layerScale?.mlp, isRequired: block.layerScaleIsRequired))
    if architecture.normsQueriesAndKeys, let query = block.queryNorm, let key = block.keyNorm {
      result.queryNorm = try headNorm(query, architecture)
      result.keyNorm = try headNorm(key, architecture)
    }
    if architecture.normsAttention, let name = block.attentionNorm {
      result.attentionNorm = try norm(name, architecture)
    }
    if architecture.normsHidden, let name = block.hiddenNorm {
      result.hiddenNorm = try norm(name, architecture, width: configuration.mlpWidth)
    }
    if configuration.rotation?.pairsNeighbours == true { result.separatePairs(headWidth: architecture.headWidth) }
    return result
  }

  /// The first way to write queries, keys and values of which the checkpoint has a layer; the first of all where it has
  /// none, whose name the message then says.
  private func chosen(of ways: [TensorNames.QKV]) -> TensorNames.QKV {
    ways.first { hasLayer($0.anyLayer) } ?? ways.first ?? .fused("")
  }

  private func mlp(of block: TensorNames.Block) -> TensorNames.MLP {
    let found = block.mlp.first { hasLayer($0.up) && ($0.gate == nil || hasLayer($0.gate)) }
    return found ?? block.mlp.first { $0.gate == nil } ?? .init(up: "", down: "")
  }

  /// Whether MLPs are gated, where the configuration does not say: they are with a layer for the gate, or where the
  /// first layer has twice the outputs that the second has inputs.
  func isGated(_ block: TensorNames.Block) -> Bool {
    if let isGated = configuration.isGated { return isGated }
    let mlp = mlp(of: block)
    guard mlp.gate == nil else { return true }
    return tensors.shape(mlp.up + ".weight")?.first == 2 * configuration.mlpWidth
  }

  /// The MLP's first layer; with a gate, the gate's outputs come first.
  private mutating func up(_ mlp: TensorNames.MLP, isGated: Bool) throws(CheckpointError) -> FloatLinear {
    let (mlpWidth, hasBias) = (configuration.mlpWidth, configuration.biases.mlp)
    guard isGated, let gate = mlp.gate else {
      return try linear(mlp.up, outputs: isGated ? 2 * mlpWidth : mlpWidth, inputs: width, hasBias: hasBias)
    }
    var both = try linear(gate, outputs: mlpWidth, inputs: width, hasBias: hasBias)
    both.append(try linear(mlp.up, outputs: mlpWidth, inputs: width, hasBias: hasBias))
    return both
  }

  private mutating func layerScale(_ name: String?, isRequired: Bool) throws(CheckpointError) -> [Float]? {
    guard let name, isRequired || tensors.contains(name) else { return nil }
    return try tensors.floats(name, shape: [width])
  }

  /// A norm that all heads share, as one of the model's width.
  private mutating func headNorm(
    _ name: String, _ architecture: ModelConfiguration
  ) throws(CheckpointError) -> FloatNorm {
    let shared = try norm(name, architecture, width: architecture.headWidth)
    func repeated(_ values: [Float]) -> [Float] { (0..<architecture.heads).flatMap { _ in values } }
    return FloatNorm(gain: repeated(shared.gain), bias: repeated(shared.bias))
  }

  private mutating func qkv(_ qkv: TensorNames.QKV) throws(CheckpointError) -> FloatLinear {
    let biases = configuration.biases
    switch qkv {
    case .fused(let name, let queryBias, let valueBias):
      var fused = try linear(name, outputs: 3 * width, inputs: width, hasBias: biases.query)
      if let queryBias, let valueBias, tensors.contains(queryBias) {
        fused.bias.replaceSubrange(0..<width, with: try tensors.floats(queryBias, shape: [width]))
        fused.bias.replaceSubrange(2 * width..<3 * width, with: try tensors.floats(valueBias, shape: [width]))
      }
      return fused
    case .separate(let query, let key, let value):
      var fused = try linear(query, outputs: width, inputs: width, hasBias: biases.query)
      fused.append(try linear(key, outputs: width, inputs: width, hasBias: biases.key))
      fused.append(try linear(value, outputs: width, inputs: width, hasBias: biases.value))
      return fused
    case .interleaved(let name):
      let mixed = try linear(name, outputs: 3 * width, inputs: width, hasBias: biases.query)
      var fused = mixed
      for part in 0..<3 {
        for channel in 0..<width {
          let (to, from) = (part * width + channel, channel * 3 + part)
          fused.bias[to] = mixed.bias[from]
          fused.weight.replaceSubrange(
            to * width..<(to + 1) * width, with: mixed.weight[from * width..<(from + 1) * width])
        }
      }
      return fused
    }
  }

  // MARK: Attention pooling

  /// The pooling head as a block whose queries do not depend on its input: their weights are 0 and their bias is the
  /// projected query. It reads the tokens after the final norm, which is its first norm.
  mutating func poolingBlock(
    _ names: TensorNames.AttentionPooling, _ finalNorm: FloatNorm, _ architecture: ModelConfiguration
  ) throws(CheckpointError) -> FloatBlock {
    let learned = try tensors.floats(names.query, shape: [1, 1, width])
    var query: FloatLinear
    let keysValues: FloatLinear
    switch names.projections {
    case .queryAndKeysValues(let queryName, let keysValuesName):
      query = try linear(queryName, outputs: width, inputs: width, hasBias: nil)
      keysValues = try linear(keysValuesName, outputs: 2 * width, inputs: width, hasBias: nil)
    case .packed(let weightName, let biasName):
      let weight = try tensors.floats(weightName, shape: [3 * width, width])
      let bias = try tensors.floats(biasName, shape: [3 * width])
      query = FloatLinear(
        weight: Array(weight[..<(width * width)]), bias: Array(bias[..<width]), outputs: width, inputs: width)
      keysValues = FloatLinear(
        weight: Array(weight[(width * width)...]), bias: Array(bias[width...]), outputs: 2 * width, inputs: width)
    }
    for output in 0..<width {
      let row = query.weight[output * width..<(output + 1) * width]
      query.bias[output] = Float(
        zip(row, learned).reduce(Double(query.bias[output])) { $0 + Double($1.0) * Double($1.1) })
    }
    query.weight = [Float](repeating: 0, count: query.weight.count)
    query.append(keysValues)
    let mlp = names.mlp
    return FloatBlock(
      ln1: finalNorm, ln2: try norm(names.norm, architecture),
      layers: try BlockLayers { (layer) throws(CheckpointError) in
        switch layer {
        case .attnQKV: query
        case .attnOut: try linear(names.projection, outputs: width, inputs: width)
        case .ffnUp: try linear(mlp.up, outputs: configuration.mlpWidth, inputs: width)
        case .ffnDown: try linear(mlp.down, outputs: width, inputs: configuration.mlpWidth)
        }
      })
  }
}

extension FloatLinear {
  /// Adds the outputs of another layer that reads the same inputs.
  fileprivate mutating func append(_ other: FloatLinear) {
    weight += other.weight
    bias += other.bias
    outputs += other.outputs
  }
}

extension FloatBlock {
  /// Moves the queries' and keys' channels so that those that are rotated together, neighbours before, are one of a
  /// head's first half and one of its second; the scores stay.
  fileprivate mutating func separatePairs(headWidth: Int) {
    let width = layers.attnOut.inputs
    let order = (0..<width).map { channel -> Int in
      let (head, place) = (channel / headWidth * headWidth, channel % headWidth)
      return head + (place < headWidth / 2 ? 2 * place : 2 * (place - headWidth / 2) + 1)
    }
    let qkv = layers.attnQKV
    for channel in 0..<2 * width {
      let from = channel / width * width + order[channel % width]
      layers.attnQKV.bias[channel] = qkv.bias[from]
      layers.attnQKV.weight.replaceSubrange(
        channel * qkv.inputs..<(channel + 1) * qkv.inputs, with: qkv.weight[from * qkv.inputs..<(from + 1) * qkv.inputs]
      )
    }
    queryNorm = queryNorm.map { norm in FloatNorm(gain: order.map { norm.gain[$0] }, bias: order.map { norm.bias[$0] })
    }
    keyNorm = keyNorm.map { norm in FloatNorm(gain: order.map { norm.gain[$0] }, bias: order.map { norm.bias[$0] }) }
  }
}
