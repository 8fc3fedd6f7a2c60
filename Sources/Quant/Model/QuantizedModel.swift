import Int8Kernels
import ViTLite

/// A linear layer as calibration makes it and the file holds it; see `PackedLinear`.
package struct QuantizedLinear: Sendable, Equatable {
  package var weights: PackedWeights
  /// One for each output, padded to whole panels.
  package var multiplier: [Int32]
  package var columnSum: [Int32]
  package var bias: [Int32]
  package var outputs: Int
  package var inputs: Int
  package var shift: Int32
  /// The largest magnitude that an accumulator can reach with any input.
  package var accumulatorBound: Int64
  /// The largest magnitude of a requantized output with any input.
  package var outputBound: Int64
  /// Only of `attn_qkv`: what cancels the rounding errors of the values' biases when added to the bias of `attn_out`.
  var projectionBias: [Int32] = []
  /// Only of `attn_qkv`: what takes the place of its scales where the block's attention is wide.
  var forWideAttention: WideAttention<Int32>?
}

/// The weights of a linear layer as the kernels read them.
package enum PackedWeights: Sendable, Equatable {
  /// `[outputs/16][inputs/4][16][4]`
  case int8([Int8])
  /// `[outputs/16][inputs/2][16][2]`
  case int16([Int16])

  package var isWide: Bool {
    switch self {
    case .int8: false
    case .int16: true
    }
  }
}

extension QuantizedLinear {
  package var isWide: Bool { weights.isWide }

  /// The level of a weight.
  package func level(output: Int, input: Int) -> Int {
    let index = WeightLayout.index(output: output, input: input, inputs: inputs, isWide: isWide)
    return switch weights {
    case .int8(let levels): Int(levels[index])
    case .int16(let levels): Int(levels[index])
    }
  }
}

/// What changes in a block whose attention is wide: the weights that give queries, keys and values stay, but the values
/// are in units that are smaller by a power of two.
///
/// - Bias: integers in the units of the residual stream, or real numbers before these are known.
package struct WideAttention<Bias: Sendable & Equatable>: Sendable, Equatable {
  /// Of `attn_qkv`.
  var scales: OutputScales
  /// The largest magnitude of an output of `attn_qkv` with any input.
  var outputBound: Int64
  /// What cancels the rounding errors of the values' biases when added to the bias of `attn_out`.
  var projectionBias: [Bias]
  /// Of the values' scales.
  var valueShift: Int32
}

/// A LayerNorm as the file holds it; see `IntegerNorm`.
package struct QuantizedNorm: Sendable, Equatable {
  package var gain: [Int32]
  package var bias: [Int32]
  package var shift: Int32
  package var epsilon: Int64
}

/// One block; every number is an integer in the units that the fields before it define.
package struct QuantizedBlock: Sendable, Equatable {
  package var ln1: QuantizedNorm
  package var ln2: QuantizedNorm
  /// The queries include the attention scale, so that scores are in base 2. The projection's bias does not yet include
  /// `projectionBias`, which depends on whether `attn_qkv` is wide; see `compensatedProjection`.
  package var layers: BlockLayers<QuantizedLinear>
  /// Of what each layer reads.
  package var quantizers: BlockLayers<ActivationQuantizer>
  /// One for each head.
  package var queryQuantizers: [ActivationQuantizer]
  package var keyQuantizers: [ActivationQuantizer]
  package var scoreShift: Int32
  /// Whether queries and keys have 13 bits, values and probabilities 15.
  package var hasWideAttention = false
  /// Scale of each value channel in units of the attention output, times `2^valueShift`; padded to whole panels.
  package var valueMultiplier: [Int32]
  package var valueShift: Int32
  /// Fraction bits of the MLP's hidden layer, before and after GELU.
  package var geluFractionBits: Int32
  /// Bits by which the product of the gate's activation and the rest is shifted; 0 without a gate.
  package var gateShift: Int32 = 0
  /// Of each head's queries and keys: numbers for all heads.
  package var queryNorm: QuantizedNorm?
  package var keyNorm: QuantizedNorm?
  package var attentionNorm: QuantizedNorm?
  package var hiddenNorm: QuantizedNorm?
  /// What the activation's results are multiplied by, channel by channel, in units of 2^-15; nil for nothing.
  package var hiddenFactors: [Int16]?
}

/// A calibrated int8 model, ready to be written.
public struct QuantizedModel: Sendable {
  package var configuration: ModelConfiguration
  package var preprocessing: Preprocessing?
  package var activations: ActivationMode
  package var pixelMapping: PixelMapping
  /// 1 or 2 planes of 8 bits for the softmax's output.
  package var softmaxPlanes: Int
  package var residualFractionBits: Int
  /// Reads 8-bit pixels.
  package var patchEmbedding: QuantizedLinear
  /// `tokens x width` in the residual stream's units: prefix tokens, then the patches' positions.
  package var positions: [Int32]
  package var blocks: [QuantizedBlock]
  package var finalNorm: QuantizedNorm
  /// Fraction bits of the final norm's output.
  package var finalFractionBits: Int
  /// From the final norm's output to the 16 bits that the head's input is quantized from.
  package var headInputShift: Int32
  package var headInputQuantizer: ActivationQuantizer
  /// The head or, in a model without one, the pooler.
  package var head: QuantizedLinear?
  package var pooler: QuantizedLinear?
  /// Fraction bits of logits and pooler outputs.
  package var outputFractionBits: Int
  /// How the model came about; nil for one that no calibration made.
  package var calibration: CalibrationRecord?
  /// Its output is in the unit of the residual stream, as its input.
  package var preNorm: QuantizedNorm?
  /// Cosines of `patches x head width / 2`, then as many sines, in units of 2^-15; empty without rotary positions.
  package var rotation: [Int16] = []
  package var projection: QuantizedLinear?
  /// Of the residual stream between the embeddings and the readout.
  package var hadamard: HadamardRotation?
}

extension QuantizedModel {
  /// What a plan for this model depends on.
  var outline: ModelOutline {
    ModelOutline(
      configuration: configuration, softmaxPlanes: softmaxPlanes,
      blocks: blocks.map { BlockWidths(layers: $0.layers.map(\.isWide), attention: $0.hasWideAttention) },
      hasWidePatchEmbedding: patchEmbedding.isWide, hasWideOutput: (head ?? projection ?? pooler)?.isWide ?? false)
  }

  /// The names of the linear layers, in order.
  package var layerNames: [LayerName] {
    LayerName.all(
      blocks: blocks.count, hasOutput: head != nil, hasPooler: pooler != nil, hasProjection: projection != nil)
  }

  /// The names of all that can be wide, in order.
  package var widthNames: [LayerName] {
    configuration.headWidth <= WideLayer.headWidthLimit ? LayerName.withAttention(layerNames) : layerNames
  }

  /// A linear layer; nil where the model has none of that name, and setting such does nothing.
  package subscript(layer: LayerName) -> QuantizedLinear? {
    get {
      switch layer {
      case .patchEmbedding: patchEmbedding
      case .block(let index, let layer): blocks.indices.contains(index) ? blocks[index].layers[layer] : nil
      case .attention: nil
      case .output: head
      case .pooler: pooler
      case .projection: projection
      }
    }
    set {
      guard let newValue, self[layer] != nil else { return }
      switch layer {
      case .patchEmbedding: patchEmbedding = newValue
      case .block(let index, let layer): blocks[index].layers[layer] = newValue
      case .attention: break
      case .output: head = newValue
      case .pooler: pooler = newValue
      case .projection: projection = newValue
      }
    }
  }

  /// A linear layer as the file has it; nil where the model has none of that name.
  package func fileLayer(_ layer: LayerName) -> QuantizedLinear? {
    guard case .block(let index, let name) = layer, blocks.indices.contains(index) else { return self[layer] }
    return blocks[index].fileLayer(name)
  }
}

extension QuantizedBlock {
  /// A layer as the file has it.
  package func fileLayer(_ name: BlockLayer) -> QuantizedLinear {
    switch name {
    case .attnQKV: scaledQKV
    case .attnOut: compensatedProjection
    case .ffnUp, .ffnDown: layers[name]
    }
  }

  /// What is different because attention is wide; nil where it is not.
  private var wideAttention: WideAttention<Int32>? { hasWideAttention ? layers.attnQKV.forWideAttention : nil }

  /// The shift of the values' scales as the file has it.
  package var fileValueShift: Int32 { wideAttention?.valueShift ?? valueShift }

  /// The layer that gives queries, keys and values, in the units that attention reads.
  private var scaledQKV: QuantizedLinear {
    guard let wideAttention else { return layers.attnQKV }
    var layer = layers.attnQKV
    layer.multiplier = wideAttention.scales.multiplier
    layer.bias = wideAttention.scales.bias
    layer.shift = wideAttention.scales.shift
    layer.outputBound = wideAttention.outputBound
    return layer
  }

  /// The projection as the file has it: `projectionBias` is added to its bias.
  package var compensatedProjection: QuantizedLinear {
    var layer = layers.attnOut
    let added = wideAttention?.projectionBias ?? layers.attnQKV.projectionBias
    for output in added.indices { layer.bias[output] &+= added[output] }
    layer.outputBound += added.reduce(0) { max($0, Int64($1.magnitude)) }
    return layer
  }
}
