import Int8Kernels
import ViTLite

// What calibration does with rows of values: the portable forms of the functions in `vq_float_rows`.
extension FloatRows {
  /// Values clipped to a range and rounded to multiples of `step`, in place.
  @unsafe static func round(_ x: UnsafeMutablePointer<Float>, count: Int, low: Float, high: Float, step: Float) {
    for index in 0..<count {
      let clamped = unsafe min(max(x[index], low), high)
      unsafe x[index] = rounded(clamped / step) * step
    }
  }

  /// Each value of each row times the number at its column.
  @unsafe static func multiply(
    _ x: UnsafePointer<Float>, by factors: UnsafePointer<Float>, rows: Int, columns: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    for start in stride(from: 0, to: rows * columns, by: max(columns, 1)) {
      for column in 0..<columns { unsafe y[start + column] = x[start + column] * factors[column] }
    }
  }

  /// Each value of each row divided by the number at its column.
  @unsafe static func divide(
    _ x: UnsafePointer<Float>, by factors: UnsafePointer<Float>, rows: Int, columns: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    for start in stride(from: 0, to: rows * columns, by: max(columns, 1)) {
      for column in 0..<columns { unsafe y[start + column] = x[start + column] / factors[column] }
    }
  }

  @unsafe static func subtract(_ y: UnsafePointer<Float>, from x: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count { unsafe x[index] -= y[index] }
  }

  /// The least and the largest of each column, and of what was there before.
  @unsafe static func columnRange(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, least: UnsafeMutablePointer<Float>,
    largest: UnsafeMutablePointer<Float>
  ) {
    for start in stride(from: 0, to: rows * columns, by: max(columns, 1)) {
      for column in 0..<columns {
        let value = unsafe x[start + column]
        unsafe least[column] = min(least[column], value)
        unsafe largest[column] = max(largest[column], value)
      }
    }
  }

  @unsafe static func addColumns(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, to sums: UnsafeMutablePointer<Double>
  ) {
    for start in stride(from: 0, to: rows * columns, by: max(columns, 1)) {
      for column in 0..<columns { unsafe sums[column] += Double(x[start + column]) }
    }
  }

  /// The largest of the values' bits without their signs: floats without a sign and their bits have the same order, NaN
  /// beyond infinity.
  @unsafe static func magnitude(_ x: UnsafePointer<Float>, count: Int) -> UInt32 {
    var largest: UInt32 = 0
    for index in 0..<count { unsafe largest = max(largest, x[index].bitPattern & 0x7FFF_FFFF) }
    return largest
  }

  /// The extremes of the finite values and of what was there before, in the order of `ordered`.
  @unsafe static func extremes(
    _ x: UnsafePointer<Float>, count: Int, least: UnsafeMutablePointer<Int32>, largest: UnsafeMutablePointer<Int32>
  ) {
    var (low, high) = unsafe (least.pointee, largest.pointee)
    for index in 0..<count {
      let value = unsafe ordered(x[index])
      let isFinite = unsafe x[index].bitPattern & 0x7F80_0000 != 0x7F80_0000
      low = min(low, isFinite ? value : Int32.max)
      high = max(high, isFinite ? value : Int32.min)
    }
    unsafe (least.pointee, largest.pointee) = (low, high)
  }

  /// `sums[row] += (x - y)^2` over the columns, one after another.
  @unsafe static func addSquaredErrors(
    _ x: UnsafePointer<Float>, stride xStride: Int, _ y: UnsafePointer<Float>, stride yStride: Int, rows: Int,
    columns: Int, to sums: UnsafeMutablePointer<Double>
  ) {
    for row in 0..<rows {
      var sum = unsafe sums[row]
      for column in 0..<columns {
        let difference = unsafe Double(x[row * xStride + column] - y[row * yStride + column])
        sum += difference * difference
      }
      unsafe sums[row] = sum
    }
  }

  /// Rounds rows of 32 values one after another to `-limit ... limit`, each less what the changes of the rows before it
  /// ask for.
  ///
  /// - Parameters:
  ///   - changes: what rows become less `exact`.
  ///   - factors: lower triangular: the change of row j takes `factors[i * stride + j]` times itself from row i.
  ///   - losses: for each row the square of the rounding error times `factors[i * stride + i]` and the step is added,
  ///     lane by lane.
  @unsafe static func roundPanel(
    _ values: UnsafeMutablePointer<Float>, exact: UnsafePointer<Float>, changes: UnsafeMutablePointer<Float>,
    levels: UnsafeMutablePointer<Float>, factors: UnsafePointer<Float>, stride: Int, rows: Int, limit: Float,
    steps: UnsafePointer<Float>, losses: UnsafeMutablePointer<Float>
  ) {
    let width = SGEMM.panelColumns
    for row in 0..<rows {
      let factors = unsafe factors + row * stride
      for previous in 0..<row {
        for lane in 0..<width {
          unsafe values[row * width + lane] -= changes[previous * width + lane] * factors[previous]
        }
      }
      for lane in 0..<width {
        let index = row * width + lane
        let level = unsafe min(max(rounded(values[index]), -limit), limit)
        unsafe levels[index] = level
        unsafe changes[index] = level - exact[index]
        let loss = unsafe (values[index] - level) * factors[row] * steps[lane]
        unsafe losses[lane] += loss * loss
      }
    }
  }

  /// Divides each row of `x` by an upper triangular matrix, `count x count`.
  @unsafe static func solve(
    _ x: UnsafeMutablePointer<Float>, stride: Int, rows: Int, upper: UnsafePointer<Float>, count: Int
  ) {
    for row in 0..<rows {
      let values = unsafe x + row * stride
      for column in 0..<count {
        let factors = unsafe upper + column * count
        let value = unsafe values[column] / factors[column]
        unsafe values[column] = value
        for later in column + 1..<max(count, column + 1) { unsafe values[later] -= value * factors[later] }
      }
    }
  }
}
