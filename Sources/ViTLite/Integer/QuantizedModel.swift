import Int8Kernels
import Quant

/// A linear layer as calibration makes it and the file holds it; see `PackedLinear`.
public struct QuantizedLinear: Sendable, Equatable {
  /// Packed: `[outputs/16][inputs/4][16][4]`.
  public var weights: [Int8]
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
  public var projection: QuantizedLinear
  public var norm2: QuantizedNorm
  public var norm2Quantizer: ActivationQuantizer
  public var fc1: QuantizedLinear
  /// Fraction bits of the MLP's hidden layer, before and after GELU.
  public var geluFractionBits: Int32
  public var geluQuantizer: ActivationQuantizer
  public var fc2: QuantizedLinear
}

/// How activations get their scales.
public enum ActivationMode: String, Sendable, CaseIterable {
  /// A scale for each token, from the row's own range.
  case dynamic
  /// All scales from calibration.
  case `static`
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
