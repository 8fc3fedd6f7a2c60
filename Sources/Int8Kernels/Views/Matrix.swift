/// A matrix in memory that it does not own: `rows x columns` numbers, `stride` numbers from one row to the next.
///
/// A view refers to memory; copies of it refer to the same numbers. Code that makes a view promises that the memory
/// lives as long as the view is used, and that no thread writes an element while another uses it. Given that, all
/// members are safe: they check their arguments.
@safe @frozen @usableFromInline
package struct Matrix<Element: BitwiseCopyable>: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<Element>
  @usableFromInline package let rows: Int
  @usableFromInline package let columns: Int
  @usableFromInline package let stride: Int

  /// - Parameters:
  ///   - base: the first of `(rows - 1) * stride + columns` numbers.
  ///   - stride: at least `columns`, which it is when not given.
  @unsafe @inlinable
  package init(base: UnsafeMutablePointer<Element>, rows: Int, columns: Int, stride: Int? = nil) {
    precondition(rows >= 0 && columns >= 0 && (stride ?? columns) >= columns, "a matrix whose rows do not overlap")
    unsafe self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? columns
  }

  /// Numbers that are only read, as a matrix without gaps between its rows; it must not be written to.
  @unsafe @inlinable
  package init(reading vector: Vector<Element>, rows: Int, columns: Int) {
    precondition(rows * columns <= vector.count, "as many numbers as the matrix has")
    unsafe self.init(base: UnsafeMutablePointer(mutating: vector.base), rows: rows, columns: columns)
  }

  /// Some of the rows.
  @inlinable @inline(__always)
  package func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows of the matrix")
    return unsafe Matrix(base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
  }

  /// Some of the columns.
  @inlinable @inline(__always)
  package func columns(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns of the matrix")
    return unsafe Matrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }

  @inlinable
  package subscript(row: Int, column: Int) -> Element {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "an element of the matrix")
      return unsafe base[row * stride + column]
    }
    nonmutating set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "an element of the matrix")
      unsafe base[row * stride + column] = newValue
    }
  }

  /// The first number of a row.
  @unsafe @inlinable @inline(__always)
  func row(_ index: Int) -> UnsafeMutablePointer<Element> {
    precondition(index >= 0 && index < rows, "a row of the matrix")
    return unsafe base + index * stride
  }

  /// Copies some rows from a matrix of the same width.
  @inlinable
  package func copyRows(_ range: Range<Int>, from other: Matrix) {
    precondition(columns == other.columns, "matrices of one width")
    for index in range { unsafe row(index).update(from: other.row(index), count: columns) }
  }

  /// Calls `body` with the bytes of a row.
  @inlinable
  package func withBytes<Result>(ofRow index: Int, _ body: (RawSpan) -> Result) -> Result {
    unsafe body(UnsafeRawBufferPointer(UnsafeBufferPointer(start: row(index), count: columns)).bytes)
  }

  /// All rows, one after the other.
  @inlinable
  package func array() -> [Element] {
    var elements: [Element] = []
    elements.reserveCapacity(rows * columns)
    for index in 0..<rows { unsafe elements.append(contentsOf: UnsafeBufferPointer(start: row(index), count: columns)) }
    return elements
  }
}

/// Numbers that are read only: one for each output of a layer, or for each channel.
@safe @frozen @usableFromInline
package struct Vector<Element: BitwiseCopyable>: @unchecked Sendable {
  @usableFromInline let base: UnsafePointer<Element>
  @usableFromInline package let count: Int

  @unsafe @inlinable
  package init(base: UnsafePointer<Element>, count: Int) {
    precondition(count >= 0, "a count")
    unsafe self.base = base
    self.count = count
  }

  @inlinable
  package subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "an element of the vector")
    return unsafe base[index]
  }

  /// Some of the numbers.
  @inlinable @inline(__always)
  package func extracting(_ range: Range<Int>) -> Vector {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a part of the vector")
    return unsafe Vector(base: base + range.lowerBound, count: range.count)
  }

  @inlinable @inline(__always)
  package func dropFirst(_ first: Int) -> Vector {
    precondition(first >= 0 && first <= count, "a part of the vector")
    return unsafe Vector(base: base + first, count: count - first)
  }
}
