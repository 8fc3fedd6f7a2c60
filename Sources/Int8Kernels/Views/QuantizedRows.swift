/// Rows of uint8 activations, each with a scale and a zero point of its own: `x = (level - zeroPoint) * multiplier`
/// times a constant, which is a part of the column multipliers of the layer that reads them.
///
/// With a low plane the activations have 15 bits: `level = high * 2^7 + low`.
@safe
package struct QuantizedRows: @unchecked Sendable {
  /// `rows x columns` levels; the bytes from `columns` to `stride` are readable.
  @usableFromInline let high: UnsafeMutablePointer<UInt8>
  @usableFromInline let low: UnsafeMutablePointer<UInt8>?
  /// One for each row, 0 to 32767.
  @usableFromInline let multiplier: UnsafeMutablePointer<Int32>
  /// One for each row, 0 to 255.
  @usableFromInline let zeroPoint: UnsafeMutablePointer<Int32>
  package let rows: Int
  package let columns: Int
  /// Bytes from one row to the next, in either plane.
  package let stride: Int

  /// - Parameter stride: at least `columns` rounded up to a multiple of 4, which is what the kernels read of a row.
  @unsafe
  package init(
    high: UnsafeMutablePointer<UInt8>, low: UnsafeMutablePointer<UInt8>? = nil,
    multiplier: UnsafeMutablePointer<Int32>, zeroPoint: UnsafeMutablePointer<Int32>, rows: Int, columns: Int,
    stride: Int
  ) {
    precondition(rows >= 0 && stride >= WeightLayout.paddedInputs(columns), "rows that hold whole groups of 4 inputs")
    unsafe self.high = high
    unsafe self.low = low
    unsafe self.multiplier = multiplier
    unsafe self.zeroPoint = zeroPoint
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// Whether there is a low plane.
  package var isWide: Bool { unsafe low != nil }

  /// The same memory for activations of another precision and width.
  ///
  /// - Parameters:
  ///   - columns: at most the stride.
  ///   - isWide: whether to use the low plane, which must be there.
  package func reshaped(columns: Int, isWide: Bool) -> QuantizedRows {
    precondition(!isWide || self.isWide, "a low plane for 15-bit activations")
    return unsafe QuantizedRows(
      high: high, low: isWide ? low : nil, multiplier: multiplier, zeroPoint: zeroPoint, rows: rows, columns: columns,
      stride: stride)
  }

  /// Some of the rows.
  package func rows(_ range: Range<Int>) -> QuantizedRows {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows of the activations")
    let first = range.lowerBound
    return unsafe QuantizedRows(
      high: high + first * stride, low: low.map { unsafe $0 + first * stride }, multiplier: multiplier + first,
      zeroPoint: zeroPoint + first, rows: range.count, columns: columns, stride: stride)
  }

  /// Sets the bytes of a row that are exact 8-bit levels, such as pixels: their scale is 1 and their zero point 0.
  ///
  /// - Parameters:
  ///   - column: where in the row the bytes go.
  ///   - lowSource: of the low plane, where there is one: as many, 0 to 127 each.
  package func setExact(row: Int, column: Int, _ source: Vector<UInt8>, low lowSource: Vector<UInt8>? = nil) {
    precondition(row >= 0 && row < rows && column >= 0 && column + source.count <= columns, "a place in the row")
    unsafe (high + row * stride + column).update(from: source.base, count: source.count)
    precondition((lowSource?.count ?? source.count) == source.count, "a low part for each level")
    if let low = unsafe low, let lowSource {
      unsafe (low + row * stride + column).update(from: lowSource.base, count: source.count)
    }
    clearTail(ofRow: row)
    unsafe multiplier[row] = 1
    unsafe zeroPoint[row] = 0
  }

  /// Sets what the kernels read of a row beyond its columns, up to a whole group of 4, to 0. The weights there are 0
  /// too, so a result does not depend on it; this way none can, whatever the weights are.
  @inline(__always)
  func clearTail(ofRow index: Int) {
    precondition(index >= 0 && index < rows, "a row of the activations")
    for column in columns..<WeightLayout.paddedInputs(columns) {
      unsafe high[index * stride + column] = 0
      if let low = unsafe low { unsafe low[index * stride + column] = 0 }
    }
  }

  /// The first byte of a row of the high plane.
  @unsafe @inline(__always)
  func highRow(_ index: Int) -> UnsafeMutablePointer<UInt8> {
    precondition(index >= 0 && index < rows, "a row of the activations")
    return unsafe high + index * stride
  }
}

/// How a row of activations gets its scale.
package enum ActivationQuantizer: Sendable, Equatable {
  /// From the row's own range.
  case dynamic
  /// Always the same, from calibration.
  case fixed(RowQuantizer)
}
