import Int8Kernels
import Quant
import ViTLite

/// The layers of a model as torchsummary lists them: type, output shape, parameters.
///
/// The rows are those of the family's own modules, Dropout included where its own summary lists it.
struct LayerTable {
  struct Row {
    let type: String
    /// Of one image; shown after a -1 for the batch.
    let shape: [Int]
    let parameters: Int
  }

  /// Parameters that belong to no layer, such as the class token.
  struct Remainder {
    let name: String
    let parameters: Int
  }

  private(set) var rows: [Row] = []
  let remainders: [Remainder]
  private let configuration: ModelConfiguration
  private let facts: Facts
  private let listsDropout: Bool

  /// What the configuration alone does not tell.
  struct Facts {
    var hasQKVBias = true
    var hasLayerScale = false
    var hasPooler = false
    var remainders: [Remainder]
  }

  init(_ configuration: ModelConfiguration, _ facts: Facts) {
    self.configuration = configuration
    self.facts = facts
    remainders = facts.remainders
    listsDropout = Family(named: configuration.family)?.listsDropout ?? false
    addEmbedding()
    for _ in 0..<configuration.depth { addBlock() }
    addReadout()
  }

  /// The table of a preset: what its random weights are.
  init(_ preset: Preset) {
    let configuration = preset.configuration
    let facts = Facts(
      remainders: [
        Remainder(name: "class token", parameters: configuration.prefixTokens * configuration.width),
        Remainder(
          name: "positions",
          parameters: configuration.positions == .rotary ? 0 : configuration.tokens * configuration.width),
      ])
    self.init(configuration, facts)
  }

  /// Parameters of all layers, without the remainders.
  var total: Int { rows.reduce(0) { $0 + $1.parameters } }

  var remainder: Int { remainders.reduce(0) { $0 + $1.parameters } }

  private mutating func add(_ type: String, _ shape: [Int], _ parameters: Int = 0) {
    rows.append(Row(type: type, shape: shape, parameters: parameters))
  }

  private mutating func addDropout(_ shape: [Int]) {
    if listsDropout { add("Dropout", shape) }
  }

  private mutating func addLinear(_ shape: [Int], inputs: Int, outputs: Int, hasBias: Bool = true) {
    add("Linear", Array(shape.dropLast()) + [outputs], outputs * inputs + (hasBias ? outputs : 0))
  }

  private mutating func addEmbedding() {
    let (width, patchInputs) = (configuration.width, configuration.patchInputs)
    add("Conv2d", [width, configuration.gridHeight, configuration.gridWidth], width * patchInputs + width)
    add("Rearrange", [configuration.patches, width])
    add("PatchEmbedding", [configuration.tokens, width])
    if configuration.normBeforeBlocks { addNorm([configuration.tokens, width]) }
  }

  private mutating func addBlock() {
    let (width, tokens) = (configuration.width, configuration.tokens)
    let stream = [tokens, width]
    addNorm(stream)
    addLinear(stream, inputs: width, outputs: 3 * width, hasBias: facts.hasQKVBias)
    if configuration.normsQueriesAndKeys {
      for _ in 0..<2 {
        addNorm([configuration.heads, tokens, configuration.headWidth], width: configuration.headWidth)
      }
    }
    if configuration.positions.isRotary {
      add("RotaryEmbedding", [configuration.heads, tokens, configuration.headWidth])
    }
    addDropout([configuration.heads, tokens, tokens])
    if configuration.normsAttention { addNorm(stream) }
    addLinear(stream, inputs: width, outputs: width)
    add("MultiHeadAttention", stream)
    addDropout(stream)
    if facts.hasLayerScale { add("LayerScale", stream, width) }
    add("ResidualAdd", stream)
    let hidden = [tokens, configuration.mlpWidth]
    addNorm(stream)
    addLinear(stream, inputs: width, outputs: BlockLayer.ffnUp.shape(in: configuration).outputs)
    add(Self.name(of: configuration.activation), hidden)
    if configuration.isGated { add("Gate", hidden) }
    if configuration.normsHidden { addNorm(hidden, width: configuration.mlpWidth) }
    addDropout(hidden)
    addLinear(hidden, inputs: configuration.mlpWidth, outputs: width)
    addDropout(stream)
    if facts.hasLayerScale { add("LayerScale", stream, width) }
    add("ResidualAdd", stream)
  }

  private mutating func addNorm(_ shape: [Int], width: Int? = nil) {
    let width = width ?? configuration.width
    add(
      configuration.norm == .rms ? "RMSNorm" : "LayerNorm", shape, configuration.norm == .rms ? width : 2 * width)
  }

  /// A learned query's attention to the tokens, and an MLP.
  private mutating func addAttentionPooling() {
    let (width, mlpWidth) = (configuration.width, configuration.mlpWidth)
    let keysAndValues = [configuration.pooledTokens.count, 2 * width]
    addLinear([1, width], inputs: width, outputs: width)
    addLinear(keysAndValues, inputs: width, outputs: 2 * width)
    addLinear([1, width], inputs: width, outputs: width)
    add("MultiHeadAttention", [1, width])
    addNorm([1, width])
    addLinear([1, mlpWidth], inputs: width, outputs: mlpWidth)
    add(Self.name(of: configuration.activation), [1, mlpWidth])
    addLinear([1, width], inputs: mlpWidth, outputs: width)
    add("ResidualAdd", [1, width])
  }

  private static func name(of activation: ActivationFunction) -> String {
    switch activation {
    case .gelu: "GELU"
    case .geluTanh: "GELUTanh"
    case .quickGELU: "QuickGELU"
    case .silu: "SiLU"
    }
  }

  private mutating func addReadout() {
    let width = configuration.width
    let pooled = [configuration.readout.segments * width]
    switch configuration.readout.normFollowsPooling {
    case true:
      add("Reduce", pooled)
      addNorm(pooled)
    case false:
      addNorm([configuration.tokens, width])
      if configuration.readout.pooling == .attention { addAttentionPooling() } else { add("Reduce", pooled) }
    }
    if configuration.projectionWidth > 0 {
      addLinear(pooled, inputs: width, outputs: configuration.projectionWidth, hasBias: false)
    }
    if facts.hasPooler {
      addLinear(pooled, inputs: width, outputs: width)
      add("Tanh", pooled)
    }
    guard configuration.classes > 0 else { return }
    // A distilled model has one head for each of its two tokens.
    let heads = configuration.readout == .classAndDistillationToken ? 2 : 1
    for _ in 0..<heads {
      addLinear(pooled, inputs: pooled[0] / heads, outputs: configuration.classes)
    }
  }
}

extension LayerTable {
  /// `Conv2d-1 [-1, 768, 14, 14] 590,592`, a row a line, then the totals.
  var text: String {
    var lines = ["Layer (type) Output Shape Param #", String(repeating: "=", count: 64)]
    for (index, row) in rows.enumerated() {
      let shape = ([-1] + row.shape).map { String($0) }.joined(separator: ", ")
      lines.append("\(row.type)-\(index + 1) [\(shape)] \(NumberText.grouped(row.parameters))")
    }
    lines += [String(repeating: "=", count: 64), "Total params: \(NumberText.grouped(total))"]
    if remainder > 0 {
      let parts = remainders.map { "\($0.name) \(NumberText.grouped($0.parameters))" }.joined(separator: ", ")
      lines.append("Not in this total: \(NumberText.grouped(remainder)) (\(parts))")
      lines.append("All params: \(NumberText.grouped(total + remainder))")
    }
    return lines.joined(separator: "\n")
  }

  var json: JSON {
    let rows = rows.enumerated().map { index, row -> JSON in
      [
        "name": .string("\(row.type)-\(index + 1)"), "type": .string(row.type),
        "output_shape": .array(([-1] + row.shape).map { .integer($0) }), "parameters": .integer(row.parameters),
      ]
    }
    let left = remainders.map { JSON.Member(key: $0.name, value: .integer($0.parameters)) }
    return ["rows": .array(rows), "total_parameters": .integer(total), "not_in_total": .object(left)]
  }
}
