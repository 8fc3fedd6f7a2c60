import CKernels

/// How one row of int16 values becomes uint8: `q = round(x * 255 / (2 * multiplier)) + zeroPoint`.
///
/// The scale is an integer, which the next requantization uses as the row's multiplier without rounding it:
/// `x = (q - zeroPoint) * 2 * multiplier / 255`.
package struct RowQuantizer: Sendable, Equatable {
  /// Half the row's range, in units of its int16 values: 1 to 32767.
  package var multiplier: Int32
  /// The range that values are clamped to before they are quantized.
  package var low: Int32
  package var high: Int32
  /// Shift that brings the range into 14 bits; negative is to the right.
  var exponent: Int32
  /// `255 * 2^(20 - exponent) / multiplier`, 16320 to 32640.
  var inverse: Int32
  /// The level of 0: 0 to 255.
  package var zeroPoint: Int32

  /// The smallest scale with which 8 bits hold a row of this range, and its zero point. 0 is always represented
  /// exactly.
  package init(minimum: Int32, maximum: Int32) {
    let low = min(minimum, 0)
    let high = max(maximum, 0)
    let multiplier = min(max((high &- low &+ 1) &>> 1, 1), 32767)
    self.init(step: multiplier, levels: 255, low: low, high: high)
    let scaled = exponent < 0 ? (0 &- low) &>> 1 : (0 &- low) &<< exponent
    zeroPoint = min(((scaled &* inverse &+ (1 << 14)) &>> 15 &+ 32) &>> 6, 255)
  }

  /// A symmetric scale, `q = round(x * 127 / multiplier)`, for a row whose magnitudes reach `magnitude`.
  package init(magnitude: Int32) {
    let multiplier = min(max(magnitude, 1), 32767)
    self.init(step: multiplier, levels: 254, low: 0 &- multiplier, high: multiplier)
  }

  /// For a wide row of this range: symmetric, `level = round(x * 32 * 255 / (2 * multiplier))`.
  package static func wide(minimum: Int32, maximum: Int32) -> RowQuantizer {
    let multiplier = min(max(maximum, 0 &- minimum, 1), 32767)
    return RowQuantizer(step: multiplier, levels: 255, low: 0 &- multiplier, high: multiplier)
  }

  /// - Parameter levels: the number of quantization steps in `2 * step`.
  init(step: Int32, levels: Int32, low: Int32, high: Int32) {
    multiplier = step
    self.low = low
    self.high = high
    // step * 2^exponent is in 2^13 ..< 2^14: a value of up to twice the step still fits 16 bits.
    exponent = Int32(truncatingIfNeeded: step.leadingZeroBitCount) &- 18
    // At most 255 * 2^21, so a division of 32 bits, which is the fastest.
    let numerator = UInt32(truncatingIfNeeded: levels) &<< UInt32(truncatingIfNeeded: 20 &- exponent)
    let divisor = UInt32(truncatingIfNeeded: max(step, 1))
    inverse = Int32(truncatingIfNeeded: (numerator &+ divisor / 2) / divisor)
    zeroPoint = 0
  }

  /// A value clamped to the row's range and shifted to 14 bits.
  @inline(__always)
  private static func scale(_ x: Int16, _ quantizer: vq_row_quantizer) -> Int16 {
    let clamped = min(max(Int32(x), quantizer.low), quantizer.high)
    return Int16(truncatingIfNeeded: quantizer.exponent < 0 ? clamped &>> 1 : clamped &<< quantizer.exponent)
  }

  /// The level of one value; the definition of `row_quantize_u8` and `pack_keys`.
  @inline(__always)
  static func level(_ x: Int16, _ quantizer: vq_row_quantizer) -> Int32 {
    let product = FixedPoint.multiplyQ15(scale(x, quantizer), Int16(truncatingIfNeeded: quantizer.inverse))
    return (Int32(product) &+ 32) &>> 6 &+ quantizer.zero_point
  }

  /// The level of one value in a wide row, 32 times as fine and without a zero point; the definition of
  /// `row_quantize_wide` and `pack_key_wide`. For values within the multiplier it is within `WideLayer.levelLimit`.
  @inline(__always)
  static func wideLevel(_ x: Int16, _ quantizer: vq_row_quantizer) -> Int16 {
    let product = FixedPoint.multiplyQ15(scale(x, quantizer), Int16(truncatingIfNeeded: quantizer.inverse))
    return Int16(truncatingIfNeeded: (Int32(product) &+ 1) &>> 1)
  }

  var cValue: vq_row_quantizer {
    vq_row_quantizer(
      low: low, high: high, exponent: exponent, inverse: inverse, zero_point: zeroPoint)
  }
}
