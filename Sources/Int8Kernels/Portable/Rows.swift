import CKernels

// The row kernels that LayerNorm, GELU and the quantization of activations are made of.
extension Portable {
  /// `vq_kernels.row_range_i32`
  @unsafe
  static func rowRange(
    _ x: UnsafePointer<Int32>, _ count: Int32, _ sum: UnsafeMutablePointer<Int64>,
    _ minimum: UnsafeMutablePointer<Int32>, _ maximum: UnsafeMutablePointer<Int32>
  ) {
    var total: Int64 = 0
    var low = Int32.max
    var high = Int32.min
    for index in 0..<Int(count) {
      let value = unsafe x[index]
      total &+= Int64(value)
      low = min(low, value)
      high = max(high, value)
    }
    unsafe sum.pointee = total
    unsafe minimum.pointee = low
    unsafe maximum.pointee = high
  }

  /// `vq_kernels.row_square_sum`
  @unsafe
  static func rowSquareSum(_ x: UnsafePointer<Int32>, _ count: Int32, _ mean: Int32, _ shift: Int32) -> Int64 {
    var total: Int64 = 0
    for index in 0..<Int(count) {
      let centered = unsafe Int64(FixedPoint.roundHalfUp(x[index] &- mean, shift: shift))
      total &+= centered &* centered
    }
    return total
  }

  @inline(__always)
  private static func normalize(
    _ x: Int32, mean: Int32, centerShift: Int32, multiplier: Int32, gain: Int32, bias: Int32, shift: Int32
  ) -> Int32 {
    let centered = FixedPoint.roundHalfUp(x &- mean, shift: centerShift)
    return FixedPoint.requantize(centered, row: multiplier, column: gain, shift: shift) &+ bias
  }

  /// `vq_kernels.row_normalize_i16`
  @unsafe
  static func rowNormalize16(
    _ x: UnsafePointer<Int32>, _ count: Int32, _ mean: Int32, _ centerShift: Int32, _ multiplier: Int32,
    _ gain: UnsafePointer<Int32>, _ bias: UnsafePointer<Int32>, _ shift: Int32, _ out: UnsafeMutablePointer<Int16>
  ) {
    for index in 0..<Int(count) {
      unsafe out[index] = FixedPoint.saturateToInt16(
        normalize(
          x[index], mean: mean, centerShift: centerShift, multiplier: multiplier, gain: gain[index],
          bias: bias[index], shift: shift))
    }
  }

  /// `vq_kernels.row_normalize_i32`
  @unsafe
  static func rowNormalize32(
    _ x: UnsafePointer<Int32>, _ count: Int32, _ mean: Int32, _ centerShift: Int32, _ multiplier: Int32,
    _ gain: UnsafePointer<Int32>, _ bias: UnsafePointer<Int32>, _ shift: Int32, _ out: UnsafeMutablePointer<Int32>
  ) {
    for index in 0..<Int(count) {
      unsafe out[index] = normalize(
        x[index], mean: mean, centerShift: centerShift, multiplier: multiplier, gain: gain[index],
        bias: bias[index], shift: shift)
    }
  }

  /// `vq_kernels.row_range_i16`
  @unsafe
  static func rowRange16(
    _ x: UnsafePointer<Int16>, _ count: Int32, _ minimum: UnsafeMutablePointer<Int32>,
    _ maximum: UnsafeMutablePointer<Int32>
  ) {
    var low = Int16.max
    var high = Int16.min
    for index in 0..<Int(count) {
      unsafe low = min(low, x[index])
      unsafe high = max(high, x[index])
    }
    unsafe minimum.pointee = Int32(low)
    unsafe maximum.pointee = Int32(high)
  }

  /// `vq_kernels.row_gelu`
  @unsafe
  static func rowGELU(
    _ x: UnsafeMutablePointer<Int16>, _ count: Int32, _ fractionBits: Int32, _ factors: UnsafePointer<Int16>?,
    _ minimum: UnsafeMutablePointer<Int32>, _ maximum: UnsafeMutablePointer<Int32>
  ) {
    for index in 0..<Int(count) {
      unsafe x[index] = FixedPoint.gelu(x[index], fractionBits: fractionBits)
      if let factors = unsafe factors { unsafe x[index] = FixedPoint.multiplyQ15(x[index], factors[index]) }
    }
    unsafe rowRange16(x, count, minimum, maximum)
  }

  /// `vq_kernels.row_quantize_u8`
  @unsafe
  static func rowQuantize(
    _ x: UnsafePointer<Int16>, _ count: Int32, _ quantizer: UnsafePointer<vq_row_quantizer>,
    _ out: UnsafeMutablePointer<UInt8>
  ) {
    let quantizer = unsafe quantizer.pointee
    for index in 0..<Int(count) {
      let level = unsafe RowQuantizer.level(x[index], quantizer)
      unsafe out[index] = UInt8(truncatingIfNeeded: min(max(level, 0), 255))
    }
  }

  /// `vq_kernels.rows_quantize_u8`
  @unsafe
  static func rowsQuantize(
    _ x: UnsafePointer<Int16>, _ stride: Int, _ rows: Int32, _ count: Int32, _ out: UnsafeMutablePointer<UInt8>,
    _ outStride: Int, _ multiplier: UnsafeMutablePointer<Int32>, _ zeroPoint: UnsafeMutablePointer<Int32>
  ) {
    for row in 0..<Int(rows) {
      let values = unsafe x + row * stride
      var (minimum, maximum) = (Int32(0), Int32(0))
      unsafe rowRange16(values, count, &minimum, &maximum)
      let quantizer = RowQuantizer(minimum: minimum, maximum: maximum)
      var cValue = quantizer.cValue
      unsafe rowQuantize(values, count, &cValue, out + row * outStride)
      unsafe multiplier[row] = quantizer.multiplier
      unsafe zeroPoint[row] = quantizer.zeroPoint
    }
  }

  /// `vq_kernels.row_quantize_wide`
  @unsafe
  static func rowQuantizeWide(
    _ x: UnsafePointer<Int16>, _ count: Int32, _ quantizer: UnsafePointer<vq_row_quantizer>,
    _ out: UnsafeMutablePointer<Int16>
  ) {
    let quantizer = unsafe quantizer.pointee
    for index in 0..<Int(count) {
      unsafe out[index] = RowQuantizer.wideLevel(x[index], quantizer)
    }
  }
}
