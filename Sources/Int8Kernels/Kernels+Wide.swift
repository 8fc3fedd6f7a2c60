import CKernels

/// The precision of a wide layer: int16 weights and 15-bit activations, each as two planes of 8 and 7 bits, so that the
/// int8 product serves. The product of the two low planes, under 2^-14 of the range, is left out.
public enum WideLayer {
  /// Bits of a low plane.
  public static let lowBits: Int32 = 7
  /// Largest magnitude of a weight.
  public static let weightLimit = 127 * 128 + 63
}

extension Kernels {
  /// Quantizes a row to 15 bits as row `index` of two planes: the scale and zero point are those of the high plane.
  @unsafe
  public func quantizeWide(
    _ row: UnsafePointer<Int16>, count: Int, _ quantizer: ActivationQuantizer,
    range known: (minimum: Int32, maximum: Int32)? = nil, high: QuantizedRows, low: QuantizedRows, at index: Int
  ) {
    let rowQuantizer = unsafe rowQuantizer(quantizer, for: row, count: count, range: known)
    let highRow = unsafe high.values + index * high.stride
    let lowRow = unsafe low.values + index * low.stride
    for column in 0..<count {
      let level = unsafe rowQuantizer.wideLevel(row[column])
      unsafe highRow[column] = UInt8(truncatingIfNeeded: level &>> WideLayer.lowBits)
      unsafe lowRow[column] = UInt8(truncatingIfNeeded: level & 127)
    }
    unsafe high.multiplier[index] = rowQuantizer.multiplier
    unsafe high.zeroPoint[index] = rowQuantizer.zeroPoint
    unsafe low.multiplier[index] = rowQuantizer.multiplier
    unsafe low.zeroPoint[index] = 0
  }

  /// A wide layer's product added to int32: high x high, low x high and high x low, each requantized.
  ///
  /// - Parameters:
  ///   - low: the low plane of the rows; nil where the input has only 8 bits.
  ///   - isFirst: whether the output is set first, rather than added to.
  ///   - zeros: as many as the layer has outputs, padded to whole panels.
  @unsafe
  public func multiplyWide(
    _ high: QuantizedRows, low: QuantizedRows?, rows: Int, _ layer: PackedLinear, _ plane: LowPlane,
    columns: Range<Int>, into output: UnsafeMutablePointer<Int32>, stride: Int, isFirst: Bool,
    zeros: UnsafePointer<Int32>
  ) {
    unsafe multiply(
      high, rows: rows, layer, columns: columns,
      into: isFirst ? .int32(output, stride: stride) : .accumulate(output, stride: stride))
    var rest = unsafe layer
    unsafe rest.bias = zeros
    unsafe rest.shift = layer.shift &+ WideLayer.lowBits
    if let low = unsafe low {
      unsafe multiply(low, rows: rows, rest, columns: columns, into: .accumulate(output, stride: stride))
    }
    unsafe rest.weights = plane.weights
    unsafe rest.columnSum = plane.columnSum
    unsafe multiply(high, rows: rows, rest, columns: columns, into: .accumulate(output, stride: stride))
  }

  /// Saturates a row to int16.
  @unsafe
  public func narrow(_ row: UnsafePointer<Int32>, count: Int, into out: UnsafeMutablePointer<Int16>) {
    for column in 0..<count { unsafe out[column] = FixedPoint.saturateToInt16(row[column]) }
  }
}
