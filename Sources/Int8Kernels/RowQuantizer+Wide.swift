// Rows of 15 bits in two planes. Sixteen numbers at a time, in steps that every processor's vectors have: the products of
// int16 fit 32 bits, and levels fit 16.
extension RowQuantizer {
  /// `level * 2^7` of 16 values, rounded: `wideLevel` without the zero point and the limits of a level.
  @inline(__always)
  private func wideDistances(_ x: SIMD16<Int16>) -> SIMD16<Int32> {
    // The range is one of int16 values, and a value in it times 2^exponent is at most twice 2^14.
    let clamped = x.clamped(
      lowerBound: SIMD16(repeating: Int16(truncatingIfNeeded: low)),
      upperBound: SIMD16(repeating: Int16(truncatingIfNeeded: high)))
    let scaled = exponent < 0 ? clamped &>> 1 : clamped &<< SIMD16(repeating: Int16(truncatingIfNeeded: exponent))
    let factor = SIMD16<Int16>(repeating: Int16(truncatingIfNeeded: inverse))
    let products = SIMD16<Int32>(truncatingIfNeeded: scaled) &* SIMD16<Int32>(truncatingIfNeeded: factor)
    return (products &+ SIMD16(repeating: 1 << 13)) &>> 14
  }

  /// Quantizes a row to 15 bits as two planes: the scale and zero point are those of the high plane.
  @unsafe
  func quantizeWide(
    _ row: UnsafePointer<Int16>, count: Int, high: UnsafeMutablePointer<UInt8>, low: UnsafeMutablePointer<UInt8>
  ) {
    let zero = SIMD16<Int32>(repeating: zeroPoint &<< WideLayer.lowBits)
    let vectors = count / 16 * 16
    for column in stride(from: 0, to: vectors, by: 16) {
      let x = unsafe UnsafeRawPointer(row + column).loadUnaligned(as: SIMD16<Int16>.self)
      let levels = (wideDistances(x) &+ zero).clamped(lowerBound: SIMD16(), upperBound: SIMD16(repeating: 32767))
      let narrowed = SIMD16<UInt16>(truncatingIfNeeded: levels)
      unsafe UnsafeMutableRawPointer(high + column).storeBytes(
        of: SIMD16<UInt8>(truncatingIfNeeded: narrowed &>> 7), as: SIMD16<UInt8>.self)
      unsafe UnsafeMutableRawPointer(low + column).storeBytes(
        of: SIMD16<UInt8>(truncatingIfNeeded: narrowed & 127), as: SIMD16<UInt8>.self)
    }
    for column in vectors..<count {
      let level = unsafe wideLevel(row[column])
      unsafe high[column] = UInt8(truncatingIfNeeded: level &>> WideLayer.lowBits)
      unsafe low[column] = UInt8(truncatingIfNeeded: level & 127)
    }
  }

  /// `wideSymmetricLevel` of 16 values.
  @inline(__always)
  func wideSymmetricLevels(_ x: SIMD16<Int16>) -> SIMD16<Int16> {
    let limit = SIMD16<Int32>(repeating: Int32(WideLayer.weightLimit))
    return SIMD16(truncatingIfNeeded: wideDistances(x).clamped(lowerBound: 0 &- limit, upperBound: limit))
  }
}

/// Levels of 15 bits and a sign in two planes: `level = high * 2^7 + low`, with `low` from -64 to 63.
enum WidePlanes {
  /// - Parameter level: within `WideLayer.weightLimit`.
  @inline(__always)
  static func split(_ level: Int32) -> (high: Int8, low: Int8) {
    let upper = (level &+ 64) &>> WideLayer.lowBits
    return (Int8(truncatingIfNeeded: upper), Int8(truncatingIfNeeded: level &- upper &<< WideLayer.lowBits))
  }

  /// The same of 16 levels.
  @inline(__always)
  static func split(_ levels: SIMD16<Int16>) -> (high: SIMD16<Int16>, low: SIMD16<Int16>) {
    let upper = (levels &+ SIMD16(repeating: 64)) &>> 7
    return (upper, levels &- upper &<< 7)
  }
}
