extension FixedPoint {
  /// `floor(sqrt(x))` for `x >= 2^62`, by Newton's iteration.
  ///
  /// The root of the upper 32 bits comes first, with divisions of 32 bits, which are fast. The first estimate is a
  /// tangent of the square root in the middle of `2^30 ..< 2^31` or of `2^31 ..< 2^32`, within 1.5%. Two steps of the
  /// iteration make 15 bits of it, and one of 64 bits makes 31. A step never ends below the floor, so the last loop
  /// only has to subtract 1, a few times at most.
  @inlinable
  static func squareRootOfNormalized(_ x: UInt64) -> UInt64 {
    let upper = UInt32(truncatingIfNeeded: x &>> 32)
    var estimate: UInt32 = upper < 1 &<< 31 ? 19484 &+ upper / 77936 : 27554 &+ upper / 110218
    estimate = (estimate &+ upper / estimate) &>> 1
    estimate = (estimate &+ upper / estimate) &>> 1
    let start = UInt64(estimate) &<< 16
    var root = min((start &+ x / start) &>> 1, 0xFFFF_FFFF)
    while root &* root > x { root &-= 1 }
    return root
  }

  /// `1 / sqrt(x)` as `mantissa * 2^-shift`.
  ///
  /// The mantissa has 15 bits (16384 to 32767), so the relative error is at most 2^-14.
  /// - Parameter x: at least 1; 0 counts as 1.
  /// - Returns: a shift from 15 to 46.
  @inlinable
  package static func reciprocalSquareRoot(_ x: UInt64) -> (mantissa: Int32, shift: Int32) {
    let x = max(x, 1)
    let halfLeading = Int32(truncatingIfNeeded: x.leadingZeroBitCount / 2)
    let root = squareRootOfNormalized(x &<< UInt64(2 &* halfLeading))
    // root is in 2^31 ..< 2^32, so the quotient is in 2^14 ... 2^15.
    let quotient = ((1 &<< 46) &+ (root &>> 1)) / root
    return (Int32(truncatingIfNeeded: min(quotient, 32767)), 46 &- halfLeading)
  }

  /// `1 / x` as `mantissa * 2^-shift`.
  ///
  /// The mantissa has 15 bits (16384 to 32767), so the relative error is at most 2^-14.
  /// - Parameter x: at least 1; smaller counts as 1.
  @inlinable
  package static func reciprocal(_ x: Int32) -> (mantissa: Int32, shift: Int32) {
    let x = UInt64(max(x, 1).magnitude)
    let bits = Int32(truncatingIfNeeded: 64 &- x.leadingZeroBitCount)
    // x is in 2^(bits - 1) ..< 2^bits, so the quotient is in 2^14 ... 2^15.
    let shift = bits &+ 14
    let quotient = ((1 &<< UInt64(shift)) &+ (x &>> 1)) / x
    return (Int32(truncatingIfNeeded: min(quotient, 32767)), shift)
  }

  /// `floor(sum / count + 1/2)`.
  ///
  /// - Parameter count: at least 1.
  @inlinable
  package static func mean(ofSum sum: Int64, count: Int32) -> Int32 {
    let numerator = 2 &* sum &+ Int64(count)
    let denominator = 2 &* Int64(max(count, 1))
    let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
    return Int32(truncatingIfNeeded: remainder < 0 ? quotient &- 1 : quotient)
  }
}
