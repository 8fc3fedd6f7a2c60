import Int8Kernels
import ViTLite

/// A linear layer as calibration makes it and the file holds it; see `PackedLinear`.
public struct QuantizedLinear: Sendable, Equatable {
  /// Packed: `[outputs/16][inputs/4][16][4]`.
  public var weights: [Int8]
  /// The low plane of a wide layer, packed likewise, and its column sums; nil for a layer of 8 bits.
  public var low: [Int8]?
  public var lowColumnSum: [Int32]?
  /// One for each output, padded to whole panels.
  public var multiplier: [Int32]
  public var columnSum: [Int32]
  public var bias: [Int32]
  public var outputs: Int
  public var inputs: Int
  public var shift: Int32
  /// The largest magnitude that an accumulator can reach with any input.
  public var accumulatorBound: Int64
  /// The largest magnitude of a requantized output with any input.
  public var outputBound: Int64
  /// Of queries, keys and values: what rounding took from the values' biases, as the projection's outputs miss it.
  var projectionBias: [Int32] = []
}

/// A LayerNorm as the file holds it; see `IntegerNorm`.
public struct QuantizedNorm: Sendable, Equatable {
  public var gain: [Int32]
  public var bias: [Int32]
  public var shift: Int32
  public var epsilon: Int64
}

/// One block; every number is an integer in the units that the fields before it define.
public struct QuantizedBlock: Sendable, Equatable {
  public var norm1: QuantizedNorm
  public var norm1Quantizer: ActivationQuantizer
  /// Queries, keys and values; the queries carry the attention scale, so that scores are in base 2.
  public var qkv: QuantizedLinear
  /// One for each head.
  public var queryQuantizers: [ActivationQuantizer]
  public var keyQuantizers: [ActivationQuantizer]
  public var scoreShift: Int32
  /// Scale of each value channel in units of the attention output, times `2^valueShift`; padded to whole panels.
  public var valueMultiplier: [Int32]
  public var valueShift: Int32
  public var attentionQuantizer: ActivationQuantizer
  /// Without what it makes up for, which depends on whether `qkv` is wide.
  public var projection: QuantizedLinear
  public var norm2: QuantizedNorm
  public var norm2Quantizer: ActivationQuantizer
  public var fc1: QuantizedLinear
  /// Fraction bits of the MLP's hidden layer, before and after GELU.
  public var geluFractionBits: Int32
  public var geluQuantizer: ActivationQuantizer
  public var fc2: QuantizedLinear
}

/// A calibrated int8 model, ready to be written.
public struct QuantizedModel: Sendable {
  public var configuration: ModelConfiguration
  public var preprocessing: Preprocessing?
  public var readout: Readout
  public var activations: ActivationMode
  public var pixelMapping: PixelMapping
  /// 1 or 2 planes of 8 bits for the softmax's output.
  public var softmaxPlanes: Int
  public var residualFractionBits: Int
  /// Reads 8-bit pixels.
  public var patchEmbedding: QuantizedLinear
  /// `tokens x width` in the residual stream's units: prefix tokens, then the patches' positions.
  public var positions: [Int32]
  public var blocks: [QuantizedBlock]
  public var finalNorm: QuantizedNorm
  /// Fraction bits of the final norm's output.
  public var finalFractionBits: Int
  /// From the final norm's output to the 16 bits that the head's input is quantized from.
  public var headInputShift: Int32
  public var headInputQuantizer: ActivationQuantizer
  /// The head or, in a model without one, the pooler.
  public var head: QuantizedLinear?
  public var pooler: QuantizedLinear?
  /// Fraction bits of logits and pooler outputs.
  public var outputFractionBits: Int
}

extension QuantizedModel {
  /// Names of the linear layers, in order.
  public var layerNames: [String] {
    var names = ["patch_embd"]
    for index in blocks.indices {
      names += ["attn_qkv", "attn_out", "ffn_up", "ffn_down"].map { ModelKey.block(index, $0) }
    }
    if head != nil { names.append("output") }
    if pooler != nil { names.append("pooler") }
    return names
  }

  /// A linear layer by its name; nil where there is none of that name, and setting such does nothing.
  public subscript(layer name: String) -> QuantizedLinear? {
    get {
      switch name {
      case "patch_embd": return patchEmbedding
      case "output": return head
      case "pooler": return pooler
      default:
        guard let (index, part) = Self.blockPart(name), blocks.indices.contains(index) else { return nil }
        return blocks[index][part: part]
      }
    }
    set {
      guard let newValue, self[layer: name] != nil else { return }
      switch name {
      case "patch_embd": patchEmbedding = newValue
      case "output": head = newValue
      case "pooler": pooler = newValue
      default: if let (index, part) = Self.blockPart(name) { blocks[index][part: part] = newValue }
      }
    }
  }

  /// Splits `blk.3.ffn_up`.
  private static func blockPart(_ name: String) -> (index: Int, part: String)? {
    let parts = name.split(separator: ".")
    guard parts.count == 3, parts[0] == "blk", let index = Int(parts[1]) else { return nil }
    return (index, String(parts[2]))
  }
}

extension QuantizedBlock {
  /// The projection with what it makes up for, as the file has it.
  public var compensatedProjection: QuantizedLinear {
    var layer = projection
    for output in qkv.projectionBias.indices { layer.bias[output] &+= qkv.projectionBias[output] }
    layer.outputBound += qkv.projectionBias.reduce(0) { max($0, Int64($1.magnitude)) }
    return layer
  }

  fileprivate subscript(part name: String) -> QuantizedLinear? {
    get {
      switch name {
      case "attn_qkv": qkv
      case "attn_out": projection
      case "ffn_up": fc1
      case "ffn_down": fc2
      default: nil
      }
    }
    set {
      guard let newValue else { return }
      switch name {
      case "attn_qkv": qkv = newValue
      case "attn_out": projection = newValue
      case "ffn_up": fc1 = newValue
      case "ffn_down": fc2 = newValue
      default: break
      }
    }
  }
}
