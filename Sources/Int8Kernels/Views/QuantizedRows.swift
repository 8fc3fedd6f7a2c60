import CKernels

/// Rows of quantized activations, each with a scale of its own.
///
/// Narrow rows are uint8 with a zero point, `x = (level - zeroPoint) * multiplier` times a constant, which is a part of the
/// column multipliers of the layer that reads them. Wide rows are int16 within `WideLayer.levelLimit`, without one:
/// `x = level * multiplier` times a smaller constant.
@safe
package struct QuantizedRows: @unchecked Sendable {
  /// `rows x columns` levels; those from `columns` to `stride` are readable.
  @usableFromInline let levels: UnsafeMutableRawPointer
  package let isWide: Bool
  /// One for each row, 0 to 32767.
  @usableFromInline let multiplier: UnsafeMutablePointer<Int32>
  /// One for each row, 0 to 255; 0 of wide rows.
  @usableFromInline let zeroPoint: UnsafeMutablePointer<Int32>
  package let rows: Int
  package let columns: Int
  /// Levels from one row to the next.
  package let stride: Int

  /// - Parameters:
  ///   - levels: uint8, or int16 of wide rows.
  ///   - stride: at least `columns` rounded up to a multiple of 4, which is what the kernels read of a row.
  @unsafe
  package init(
    levels: UnsafeMutableRawPointer, isWide: Bool = false, multiplier: UnsafeMutablePointer<Int32>,
    zeroPoint: UnsafeMutablePointer<Int32>, rows: Int, columns: Int, stride: Int
  ) {
    precondition(rows >= 0 && stride >= WeightLayout.paddedInputs(columns), "rows that hold whole groups of 4 inputs")
    unsafe self.levels = levels
    self.isWide = isWide
    unsafe self.multiplier = multiplier
    unsafe self.zeroPoint = zeroPoint
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// The same memory for activations of another precision and width.
  ///
  /// - Parameters:
  ///   - columns: at most the stride.
  ///   - isWide: only where these rows are.
  package func reshaped(columns: Int, isWide: Bool) -> QuantizedRows {
    precondition(!isWide || self.isWide, "room for wide activations")
    return unsafe QuantizedRows(
      levels: levels, isWide: isWide, multiplier: multiplier, zeroPoint: zeroPoint, rows: rows, columns: columns,
      stride: stride)
  }

  /// Some of the rows.
  package func rows(_ range: Range<Int>) -> QuantizedRows {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows of the activations")
    let first = range.lowerBound
    return unsafe QuantizedRows(
      levels: levels + first * stride * (isWide ? 2 : 1), isWide: isWide, multiplier: multiplier + first,
      zeroPoint: zeroPoint + first, rows: range.count, columns: columns, stride: stride)
  }

  /// Sets levels of a row that are pixels: their scale is 1 and their zero point 0.
  ///
  /// - Parameters:
  ///   - column: where in the row they go.
  ///   - fractions: of wide rows, what lies between pixels in units of 2^-4, as many, 0 to 15 each and 0 beside 255;
  ///     nil for zeros.
  package func setPixels(row: Int, column: Int, _ pixels: Vector<UInt8>, fractions: Vector<UInt8>? = nil) {
    precondition(column >= 0 && column + pixels.count <= columns, "a place in the row")
    precondition((fractions?.count ?? pixels.count) == pixels.count, "a fraction for each pixel")
    if isWide {
      let target = unsafe wideRow(row) + column
      for index in 0..<pixels.count {
        unsafe target[index] = Int16(pixels.base[index]) &<< Int16(WideLayer.pixelBits)
      }
      if let fractions {
        for index in 0..<pixels.count {
          let level = unsafe target[index] &+ Int16(fractions.base[index])
          unsafe target[index] = min(level, Int16(truncatingIfNeeded: WideLayer.levelLimit))
        }
      }
    } else {
      unsafe (self.row(row) + column).update(from: pixels.base, count: pixels.count)
    }
    clearTail(ofRow: row)
    unsafe multiplier[row] = 1
    unsafe zeroPoint[row] = 0
  }

  /// Sets what the kernels read of a row beyond its columns, up to a whole group of 4, to 0. The weights there are 0
  /// too, so a result does not depend on it; this way none can, whatever the weights are.
  @inline(__always)
  func clearTail(ofRow index: Int) {
    for column in columns..<WeightLayout.paddedInputs(columns) {
      if isWide {
        unsafe wideRow(index)[column] = 0
      } else {
        unsafe row(index)[column] = 0
      }
    }
  }

  /// The first level of a narrow row.
  @unsafe @inline(__always)
  func row(_ index: Int) -> UnsafeMutablePointer<UInt8> {
    precondition(!isWide && index >= 0 && index < rows, "a narrow row of the activations")
    return unsafe (levels + index * stride).bindMemory(to: UInt8.self, capacity: stride)
  }

  /// The first level of a wide row.
  @unsafe @inline(__always)
  func wideRow(_ index: Int) -> UnsafeMutablePointer<Int16> {
    precondition(isWide && index >= 0 && index < rows, "a wide row of the activations")
    return unsafe (levels + 2 * index * stride).bindMemory(to: Int16.self, capacity: stride)
  }
}

/// How a row of activations gets its scale.
package enum ActivationQuantizer: Sendable, Equatable {
  /// From the row's own range.
  case dynamic
  /// Always the same, from calibration.
  case fixed(RowQuantizer)
}
