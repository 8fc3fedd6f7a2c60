import CKernels

/// LayerNorm in fixed point: `round(d * m * gain / 2^shift) + bias` with `d` the centered row and `m` the reciprocal
/// of its deviation.
@unsafe
public struct IntegerNorm {
  /// `gain * sqrt(width)` in output units, times `2^shift`; -32767 to 32767.
  public var gain: UnsafePointer<Int32>
  /// In output units.
  public var bias: UnsafePointer<Int32>
  public var width: Int
  /// -15 to 16
  public var shift: Int32
  /// `epsilon * width` in squared units of the input.
  public var epsilon: Int64

  public init(gain: UnsafePointer<Int32>, bias: UnsafePointer<Int32>, width: Int, shift: Int32, epsilon: Int64) {
    unsafe self.gain = gain
    unsafe self.bias = bias
    unsafe self.width = width
    unsafe self.shift = shift
    unsafe self.epsilon = epsilon
  }

  /// The range of `shift` in which a row's whole shift stays within 0 to 62.
  public static let validShifts: ClosedRange<Int32> = -15...16
}

extension Kernels {
  /// What a row is centered by.
  private struct RowCenter {
    var mean: Int32 = 0
    /// Brings the centered row to at most 21 bits.
    var shift: Int32 = 0
  }

  private func center(_ row: UnsafePointer<Int32>, _ norm: IntegerNorm) -> RowCenter {
    let count = unsafe Int32(truncatingIfNeeded: norm.width)
    var sum: Int64 = 0
    var minimum: Int32 = 0
    var maximum: Int32 = 0
    unsafe table.row_range_i32(row, count, &sum, &minimum, &maximum)
    let mean = FixedPoint.mean(ofSum: sum, count: count)
    let reach = max(Int64(maximum) &- Int64(mean), Int64(mean) &- Int64(minimum), 1)
    let bits = Int32(truncatingIfNeeded: 64 &- reach.leadingZeroBitCount)
    return RowCenter(mean: mean, shift: max(0, bits &- 20))
  }

  /// The sum of the centered row's squares, with epsilon.
  private func spread(_ row: UnsafePointer<Int32>, _ center: RowCenter, _ norm: IntegerNorm) -> UInt64 {
    let squares = unsafe table.row_square_sum(row, Int32(truncatingIfNeeded: norm.width), center.mean, center.shift)
    return unsafe UInt64(bitPattern: squares &+ (norm.epsilon &>> Int64(2 &* center.shift)))
  }

  /// Rows that `normalize` takes at a time.
  public static let normalizedRows = 4

  /// LayerNorm of up to `normalizedRows` rows that follow each other, to int16.
  ///
  /// With `d` the centered row, `V` the sum of its squares and `n` its length, the normalised row is
  /// `d sqrt(n) / sqrt(V + n epsilon)`; `sqrt(n)` is in the gain. Step by step for all rows: one row's steps wait for
  /// each other, with divisions between them, but several rows' go side by side.
  @unsafe
  public func normalize(
    _ rows: UnsafePointer<Int32>, count: Int, _ norm: IntegerNorm, into out: UnsafeMutablePointer<Int16>
  ) {
    let width = unsafe norm.width
    let count = min(count, Self.normalizedRows)
    var centers = InlineArray<4, RowCenter>(repeating: RowCenter())
    var spreads = InlineArray<4, UInt64>(repeating: 0)
    for row in 0..<count { unsafe centers[row] = center(rows + row * width, norm) }
    for row in 0..<count { unsafe spreads[row] = spread(rows + row * width, centers[row], norm) }
    for row in 0..<count {
      let (multiplier, shift) = FixedPoint.reciprocalSquareRoot(spreads[row])
      unsafe table.row_normalize_i16(
        rows + row * width, Int32(truncatingIfNeeded: width), centers[row].mean, centers[row].shift, multiplier,
        norm.gain, norm.bias, shift &+ norm.shift, out + row * width)
    }
  }

  /// LayerNorm of one row, to int32.
  @unsafe
  public func normalize(_ row: UnsafePointer<Int32>, _ norm: IntegerNorm, into out: UnsafeMutablePointer<Int32>) {
    let center = unsafe center(row, norm)
    let (multiplier, shift) = unsafe FixedPoint.reciprocalSquareRoot(spread(row, center, norm))
    unsafe table.row_normalize_i32(
      row, Int32(truncatingIfNeeded: norm.width), center.mean, center.shift, multiplier, norm.gain, norm.bias,
      shift &+ norm.shift, out)
  }

  /// GELU in place; returns the range of the result.
  @unsafe
  public func gelu(
    _ row: UnsafeMutablePointer<Int16>, count: Int, fractionBits: Int32
  ) -> (minimum: Int32, maximum: Int32) {
    var minimum: Int32 = 0
    var maximum: Int32 = 0
    unsafe table.row_gelu(row, Int32(truncatingIfNeeded: count), fractionBits, &minimum, &maximum)
    return (minimum, maximum)
  }

  /// The range of a row; 0 and 0 for an empty one.
  @unsafe
  public func range(_ row: UnsafePointer<Int16>, count: Int) -> (minimum: Int32, maximum: Int32) {
    var minimum: Int32 = 0
    var maximum: Int32 = 0
    unsafe table.row_range_i16(row, Int32(truncatingIfNeeded: count), &minimum, &maximum)
    return (minimum, maximum)
  }

  /// A row's scale and zero point: fixed, or from its range.
  @unsafe @inline(__always)
  func rowQuantizer(
    _ quantizer: ActivationQuantizer, for row: UnsafePointer<Int16>, count: Int,
    range known: (minimum: Int32, maximum: Int32)?
  ) -> RowQuantizer {
    switch quantizer {
    case .fixed(let fixed): return fixed
    case .dynamic:
      let range = unsafe known ?? range(row, count: count)
      return RowQuantizer(minimum: range.minimum, maximum: range.maximum)
    }
  }

  /// Quantizes a row to uint8 as row `index` of `rows`; `range` is the row's own, where it is known already.
  @unsafe
  public func quantize(
    _ row: UnsafePointer<Int16>, count: Int, _ quantizer: ActivationQuantizer,
    range known: (minimum: Int32, maximum: Int32)? = nil, into rows: QuantizedRows, at index: Int
  ) {
    let rowQuantizer = unsafe rowQuantizer(quantizer, for: row, count: count, range: known)
    var cValue = rowQuantizer.cValue
    unsafe table.row_quantize_u8(
      row, Int32(truncatingIfNeeded: count), &cValue, rows.values + index * rows.stride)
    unsafe rows.multiplier[index] = rowQuantizer.multiplier
    unsafe rows.zeroPoint[index] = rowQuantizer.zeroPoint
  }
}
