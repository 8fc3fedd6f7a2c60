/// The one weight layout of every instruction set: `[N/16][K/4][16][4]`, zero-padded.
///
/// 64 bytes hold 16 output channels times 4 consecutive inputs: a 512-bit operand of `vpdpbusd`, a row of an AMX tile,
/// four operands of `sdot`.
public enum WeightLayout {
  /// Output channels in a panel.
  public static let panelColumns = 16

  /// `inputs` rounded up to what a row of activations must be readable to.
  @inlinable
  public static func paddedInputs(_ inputs: Int) -> Int { (inputs + 3) / 4 * 4 }

  /// `outputs` rounded up to whole panels.
  @inlinable
  public static func paddedOutputs(_ outputs: Int) -> Int { (outputs + 15) / 16 * 16 }

  /// Bytes of a packed `outputs x inputs` matrix.
  @inlinable
  public static func byteCount(outputs: Int, inputs: Int) -> Int {
    paddedOutputs(outputs) * paddedInputs(inputs)
  }

  /// Where the weight of an output and an input is stored.
  @inlinable
  public static func index(output: Int, input: Int, inputs: Int) -> Int {
    let groups = paddedInputs(inputs) / 4
    return ((output / 16 * groups + input / 4) * 16 + output % 16) * 4 + input % 4
  }

  /// Packs a row-major `outputs x inputs` matrix.
  public static func pack(_ weights: [Int8], outputs: Int, inputs: Int) -> [Int8] {
    precondition(weights.count == outputs * inputs, "weights must be outputs x inputs")
    var packed = [Int8](repeating: 0, count: byteCount(outputs: outputs, inputs: inputs))
    for output in 0..<outputs {
      for input in 0..<inputs {
        packed[index(output: output, input: input, inputs: inputs)] = weights[output * inputs + input]
      }
    }
    return packed
  }
}

/// Packed int8 weights of a linear layer with what its requantization needs, in place in a model's bytes.
///
/// Per output channel, in arrays padded to whole panels: `multiplier` (-32767 to 32767), `columnSum` (the sum of the
/// channel's weights) and `bias` (in output units).
@unsafe
public struct PackedLinear {
  public var weights: UnsafePointer<Int8>
  /// The low plane of a wide layer, whose weights are `weights * 2^7 + low` and whose `multiplier` is of `weights`; nil
  /// for a layer of 8 bits.
  public var low: LowPlane?
  public var multiplier: UnsafePointer<Int32>
  public var columnSum: UnsafePointer<Int32>
  public var bias: UnsafePointer<Int32>
  public var outputs: Int
  public var inputs: Int
  public var shift: Int32

  public init(
    weights: UnsafePointer<Int8>, low: LowPlane? = nil, multiplier: UnsafePointer<Int32>,
    columnSum: UnsafePointer<Int32>, bias: UnsafePointer<Int32>, outputs: Int, inputs: Int, shift: Int32
  ) {
    unsafe self.weights = weights
    unsafe self.low = low
    unsafe self.multiplier = multiplier
    unsafe self.columnSum = columnSum
    unsafe self.bias = bias
    unsafe self.outputs = outputs
    unsafe self.inputs = inputs
    unsafe self.shift = shift
  }
}

/// The lower 7 bits of a wide layer's weights, -64 to 63, packed like the upper ones.
@unsafe
public struct LowPlane {
  public var weights: UnsafePointer<Int8>
  public var columnSum: UnsafePointer<Int32>

  public init(weights: UnsafePointer<Int8>, columnSum: UnsafePointer<Int32>) {
    unsafe self.weights = weights
    unsafe self.columnSum = columnSum
  }
}

/// Rows of uint8 activations, each with its own scale and zero point.
@unsafe
public struct QuantizedRows {
  /// `rows x stride` bytes; `stride` is at least the padded number of inputs.
  public var values: UnsafeMutablePointer<UInt8>
  public var stride: Int
  public var multiplier: UnsafeMutablePointer<Int32>
  public var zeroPoint: UnsafeMutablePointer<Int32>

  public init(
    values: UnsafeMutablePointer<UInt8>, stride: Int, multiplier: UnsafeMutablePointer<Int32>,
    zeroPoint: UnsafeMutablePointer<Int32>
  ) {
    unsafe self.values = values
    unsafe self.stride = stride
    unsafe self.multiplier = multiplier
    unsafe self.zeroPoint = zeroPoint
  }

  /// The same rows from `first` on.
  public func dropFirst(_ first: Int) -> QuantizedRows {
    unsafe QuantizedRows(
      values: values + first * stride, stride: stride, multiplier: multiplier + first, zeroPoint: zeroPoint + first)
  }
}

/// How a row of activations gets its scale.
public enum ActivationQuantizer: Sendable, Equatable {
  /// From the row's own range.
  case dynamic
  /// Always the same, from calibration.
  case fixed(RowQuantizer)
}
