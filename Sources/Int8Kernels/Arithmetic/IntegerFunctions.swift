extension FixedPoint {
  /// Fraction bits of the argument of `exp2Negative`.
  package static let exp2FractionBits: Int32 = 10

  /// `32640 * 2^(-x / 2^10)`, rounded to an integer. 32640 is 255 * 128, so that the upper 8 of its 15 bits are at most
  /// 255.
  ///
  /// A minimax polynomial of degree 4 for `2^-f` on `0 ..< 1` (error 2.1e-6), evaluated in Q15, then a rounded shift by
  /// the integer part. The result is within 3 of the exact value: a relative error under 2^-13 of the row's largest.
  /// - Parameter x: 0 to 32767; 16 octaves and more give 0.
  @inlinable @inline(__always)
  package static func exp2Negative(_ x: Int16) -> Int32 {
    let octaves = Int32(x) &>> 10
    let fraction = (x & 1023) &<< 5
    var value: Int16 = 226
    value = multiplyQ15(fraction, value) &- 1742
    value = multiplyQ15(fraction, value) &+ 7819
    value = multiplyQ15(fraction, value) &- 22622
    value = multiplyQ15(fraction, value) &+ 32640
    return octaves >= 16 ? 0 : roundHalfUp(Int32(value), shift: octaves)
  }

  /// `gelu(x) = x * Phi(x)` in fixed point, from and to `fractionBits`.
  ///
  /// With `g(a) = a * Phi(-a)`, `gelu(x) = max(x, 0) - g(|x|)`. On `0 ..< 4`, `2 g` is a minimax polynomial of degree 10
  /// in `|x| / 2 - 1`, evaluated in Q15; beyond, `g` stays at its value there, 1.3e-4. The error before the last
  /// rounding is at most 1.3e-4.
  /// - Parameter fractionBits: 5 to 12.
  @inlinable @inline(__always)
  package static func gelu(_ x: Int16, fractionBits: Int32) -> Int16 {
    let bounded = max(x, -32767)
    let magnitude = min(abs(bounded), Int16(truncatingIfNeeded: (4 &<< fractionBits) &- 1))
    let centered = ((magnitude &<< Int16(truncatingIfNeeded: 13 &- fractionBits)) &- 16384) &<< 1
    var value: Int16 = -1114
    value = multiplyQ15(centered, value) &+ 1707
    value = multiplyQ15(centered, value) &+ 4005
    value = multiplyQ15(centered, value) &- 9378
    value = multiplyQ15(centered, value) &- 948
    value = multiplyQ15(centered, value) &+ 18840
    value = multiplyQ15(centered, value) &- 19094
    value = multiplyQ15(centered, value) &+ 8
    value = multiplyQ15(centered, value) &+ 14173
    value = multiplyQ15(centered, value) &- 11172
    value = multiplyQ15(centered, value) &+ 2982
    let tail = roundHalfUp(Int32(max(value, 0)), shift: 16 &- fractionBits)
    return max(bounded, 0) &- Int16(truncatingIfNeeded: tail)
  }
}
