/// The arithmetic that every integer operation of the project is defined by. Each rounding exists once, here.
///
/// Overflow wraps, so that portable and vector code agree on every input. The bounds in a model file show that its
/// layers never overflow.
@usableFromInline
package enum FixedPoint {
  /// `floor(x / 2^shift + 1/2)`: a right shift that rounds half up, towards positive infinity.
  ///
  /// - Parameter shift: 0 to 62.
  @inlinable @inline(__always)
  package static func roundHalfUp(_ x: Int64, shift: Int32) -> Int64 {
    (x &+ ((1 &<< Int64(shift)) &>> 1)) &>> Int64(shift)
  }

  /// `floor(x / 2^shift + 1/2)`.
  ///
  /// - Parameter shift: 0 to 30.
  @inlinable @inline(__always)
  package static func roundHalfUp(_ x: Int32, shift: Int32) -> Int32 {
    (x &+ ((1 &<< shift) &>> 1)) &>> shift
  }

  /// The product of two Q15 numbers, `floor(a * b / 2^15 + 1/2)`: `pmulhrsw` on x86, `sqrdmulh` on arm64.
  ///
  /// Not for `a == b == -32768`, where those two differ.
  @inlinable @inline(__always)
  package static func multiplyQ15(_ a: Int16, _ b: Int16) -> Int16 {
    Int16(truncatingIfNeeded: (Int32(a) &* Int32(b) &+ (1 << 14)) &>> 15)
  }

  /// The requantization that every kernel uses: `floor(accumulator * row * column / 2^shift + 1/2)`, its low 32 bits;
  /// within 1/2 of the exact quotient where that fits them.
  ///
  /// - Parameters:
  ///   - row: the row's multiplier, 0 to 32767.
  ///   - column: the column's multiplier, -32767 to 32767.
  ///   - shift: 0 to 62.
  @inlinable @inline(__always)
  package static func requantize(_ accumulator: Int32, row: Int32, column: Int32, shift: Int32) -> Int32 {
    Int32(truncatingIfNeeded: roundHalfUp(Int64(accumulator) &* Int64(row &* column), shift: shift))
  }

  @inlinable @inline(__always)
  package static func saturateToInt16(_ x: Int32) -> Int16 {
    Int16(truncatingIfNeeded: min(max(x, -32768), 32767))
  }

  /// The residual stream's range: sums are held within `-residualLimit ... residualLimit`.
  package static let residualLimit: Int32 = (1 << 30) - 1
}
