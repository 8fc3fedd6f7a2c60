import CKernels

/// LayerNorm in fixed point: `round(d * m * gain / 2^shift) + bias` with `d` the centered row and `m` the reciprocal
/// of its deviation.
package struct IntegerNorm: Sendable {
  /// `gain * sqrt(width)` in output units, times `2^shift`; -32767 to 32767.
  package let gain: Vector<Int32>
  /// In output units.
  package let bias: Vector<Int32>
  /// -15 to 16
  package let shift: Int32
  /// `epsilon * width` in squared units of the input.
  package let epsilon: Int64

  /// False for a mean of 0, in an RMSNorm.
  package let subtractsMean: Bool

  package var width: Int { gain.count }

  package init(gain: Vector<Int32>, bias: Vector<Int32>, shift: Int32, epsilon: Int64, subtractsMean: Bool = true) {
    precondition(gain.count == bias.count && Self.validShifts.contains(shift), "a gain and a bias for each channel")
    self.gain = gain
    self.bias = bias
    self.shift = shift
    self.epsilon = epsilon
    self.subtractsMean = subtractsMean
  }

  /// The norm of some of the channels, by themselves.
  package func channels(_ range: Range<Int>) -> IntegerNorm {
    IntegerNorm(
      gain: gain.extracting(range), bias: bias.extracting(range), shift: shift, epsilon: epsilon,
      subtractsMean: subtractsMean)
  }

  /// The range of `shift` in which a row's whole shift stays within 0 to 62.
  package static let validShifts: ClosedRange<Int32> = -15...16
}

// LayerNorm and the quantization of activations, row by row.
extension Kernels {
  /// Rows that LayerNorm takes at a time.
  ///
  /// The steps of one row depend on each other, slow divisions among them; those of several rows do not, so that the
  /// processor works on them at the same time.
  package static let normalizedRows = 4

  /// LayerNorm of some rows of `x`, each then quantized as the same row of `out`.
  ///
  /// - Parameter normalized: room for `normalizedRows` rows.
  package func normalize(
    _ x: Matrix<Int32>, rows: Range<Int>, _ norm: IntegerNorm, _ quantizer: ActivationQuantizer,
    through normalized: Matrix<Int16>, into out: QuantizedRows
  ) {
    precondition(normalized.rows >= Self.normalizedRows && normalized.columns == x.columns, "room for some rows")
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.normalizedRows) {
      let count = min(Self.normalizedRows, rows.upperBound - first)
      normalize(x.rows(first..<first + count), norm, into: normalized)
      for row in 0..<count { quantizeRow(normalized, row, quantizer, into: out, at: first + row) }
    }
  }

  /// LayerNorm of up to `normalizedRows` rows, to int16.
  ///
  /// With `d` the centered row, `V` the sum of its squares and `n` its length, the normalised row is
  /// `d sqrt(n) / sqrt(V + n epsilon)`; `sqrt(n)` is in the gain.
  private func normalize(_ x: Matrix<Int32>, _ norm: IntegerNorm, into out: Matrix<Int16>) {
    precondition(x.columns == norm.width, "a norm of the rows' width")
    var centers = InlineArray<4, RowCenter>(repeating: RowCenter())
    var spreads = InlineArray<4, UInt64>(repeating: 0)
    for row in 0..<x.rows { unsafe centers[row] = center(x.row(row), norm) }
    for row in 0..<x.rows { unsafe spreads[row] = spread(x.row(row), centers[row], norm) }
    for row in 0..<x.rows {
      let (multiplier, shift) = FixedPoint.reciprocalSquareRoot(spreads[row])
      unsafe table.row_normalize_i16(
        x.row(row), Int32(truncatingIfNeeded: norm.width), centers[row].mean, centers[row].shift, multiplier,
        norm.gain.base, norm.bias.base, shift &+ norm.shift, out.row(row))
    }
  }

  /// LayerNorm of one row, to int32.
  package func normalize(
    _ x: Matrix<Int32>, row: Int, _ norm: IntegerNorm, into out: Matrix<Int32>, at index: Int
  ) {
    precondition(x.columns == norm.width && out.columns == norm.width, "a norm of the rows' width")
    let center = unsafe center(x.row(row), norm)
    let (multiplier, shift) = unsafe FixedPoint.reciprocalSquareRoot(spread(x.row(row), center, norm))
    unsafe table.row_normalize_i32(
      x.row(row), Int32(truncatingIfNeeded: norm.width), center.mean, center.shift, multiplier, norm.gain.base,
      norm.bias.base, shift &+ norm.shift, out.row(index))
  }

  /// Quantizes some rows, each as the same row of `out`, to the planes that `out` has.
  package func quantize(
    _ x: Matrix<Int16>, rows: Range<Int>, _ quantizer: ActivationQuantizer, into out: QuantizedRows
  ) {
    for row in rows { quantizeRow(x, row, quantizer, into: out, at: row) }
  }

  /// The smallest and the largest value of a row.
  struct ValueRange {
    var minimum: Int32 = 0
    var maximum: Int32 = 0
  }

  func range(_ row: UnsafePointer<Int16>, count: Int) -> ValueRange {
    var range = ValueRange()
    unsafe table.row_range_i16(row, Int32(truncatingIfNeeded: count), &range.minimum, &range.maximum)
    return range
  }

  /// How a row is quantized. Its range and a division take tens of cycles, in which a processor can do other work where
  /// the row's levels are not wanted next.
  ///
  /// - Parameter known: the row's range, where it is known already.
  @inline(__always)
  func rowQuantizer(
    _ x: Matrix<Int16>, _ row: Int, _ quantizer: ActivationQuantizer, range known: ValueRange?, isWide: Bool
  ) -> RowQuantizer {
    switch quantizer {
    case .fixed(let fixed):
      return isWide ? RowQuantizer.wide(minimum: fixed.low, maximum: fixed.high) : fixed
    case .dynamic:
      let range = unsafe known ?? range(x.row(row), count: x.columns)
      return isWide
        ? RowQuantizer.wide(minimum: range.minimum, maximum: range.maximum)
        : RowQuantizer(minimum: range.minimum, maximum: range.maximum)
    }
  }

  @inline(__always)
  func quantizeRow(
    _ x: Matrix<Int16>, _ row: Int, _ quantizer: ActivationQuantizer, into out: QuantizedRows, at index: Int
  ) {
    let rowQuantizer = rowQuantizer(x, row, quantizer, range: nil, isWide: out.isWide)
    quantizeRow(x, row, rowQuantizer, into: out, at: index)
  }

  @inline(__always)
  func quantizeRow(
    _ x: Matrix<Int16>, _ row: Int, _ rowQuantizer: RowQuantizer, into out: QuantizedRows, at index: Int
  ) {
    precondition(x.columns == out.columns, "activations of one width")
    let values = unsafe x.row(row)
    let count = Int32(truncatingIfNeeded: x.columns)
    var cValue = rowQuantizer.cValue
    if out.isWide {
      unsafe table.row_quantize_wide(values, count, &cValue, out.wideRow(index))
    } else {
      unsafe table.row_quantize_u8(values, count, &cValue, out.row(index))
    }
    out.clearTail(ofRow: index)
    unsafe out.multiplier[index] = rowQuantizer.multiplier
    unsafe out.zeroPoint[index] = rowQuantizer.zeroPoint
  }
}

extension Kernels {
  /// The parameters of a row's centering.
  private struct RowCenter {
    var mean: Int32 = 0
    /// Brings the centered row to at most 21 bits.
    var shift: Int32 = 0
  }

  private func center(_ row: UnsafePointer<Int32>, _ norm: IntegerNorm) -> RowCenter {
    let count = Int32(truncatingIfNeeded: norm.width)
    var sum: Int64 = 0
    var minimum: Int32 = 0
    var maximum: Int32 = 0
    unsafe table.row_range_i32(row, count, &sum, &minimum, &maximum)
    let mean = norm.subtractsMean ? FixedPoint.mean(ofSum: sum, count: count) : 0
    let reach = max(Int64(maximum) &- Int64(mean), Int64(mean) &- Int64(minimum), 1)
    let bits = Int32(truncatingIfNeeded: 64 &- reach.leadingZeroBitCount)
    return RowCenter(mean: mean, shift: max(0, bits &- 20))
  }

  /// The sum of the centered row's squares, with epsilon.
  private func spread(_ row: UnsafePointer<Int32>, _ center: RowCenter, _ norm: IntegerNorm) -> UInt64 {
    let squares = unsafe table.row_square_sum(row, Int32(truncatingIfNeeded: norm.width), center.mean, center.shift)
    return UInt64(bitPattern: squares &+ (norm.epsilon &>> Int64(2 &* center.shift)))
  }
}
