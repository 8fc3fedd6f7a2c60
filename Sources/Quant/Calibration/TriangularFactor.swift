import Int8Kernels
import ViTLite

/// The triangular factor of a symmetric positive definite matrix's inverse, in blocks, so that nearly all of the work
/// is matrix products, and the work on different rows or columns is shared among threads.
struct TriangularFactor {
  private static let block = 64
  /// Rows that one piece of work updates.
  private static let pieceRows = 96
  /// Panels of columns that one piece of work inverts.
  private static let piecePanels = 4
  private typealias Vector = SIMD16<Float>

  private let n: Int
  private let threads: Int

  /// With `inverse(H) = U^T U` and `U` upper triangular, the lower triangular transpose of `U`, row-major; nil when `H`
  /// is not positive definite.
  ///
  /// With `J` the reversal of the order, `J H J = L L^T` gives `U = J inverse(L) J`.
  /// - Parameter reversed: `J H J`, of which the lower triangle is read, `n x n`; it is overwritten.
  static func inverse(reversed: FloatBuffer, n: Int, threads: Int) -> FloatBuffer? {
    precondition(reversed.count == n * n, "a square matrix")
    let task = TriangularFactor(n: n, threads: threads)
    guard task.factor(reversed) else { return nil }
    let inverse = task.invert(reversed)
    task.reverse(inverse, into: reversed)
    return reversed
  }

  // MARK: Cholesky's factorization

  /// Factors the lower triangle in place.
  private func factor(_ a: FloatBuffer) -> Bool {
    for first in stride(from: 0, to: n, by: Self.block) {
      let end = min(first + Self.block, n)
      guard factorSquare(a, first..<end) else { return false }
      let pieces = (n - end + Self.pieceRows - 1) / Self.pieceRows
      guard pieces > 0 else { continue }
      solveRows(a, first..<end, pieces)
      subtractProduct(a, first..<end, pieces)
    }
    return true
  }

  /// The square on the diagonal.
  private func factorSquare(_ a: FloatBuffer, _ range: Range<Int>) -> Bool {
    let base = unsafe a.base
    for column in range {
      for row in column..<range.upperBound {
        var sum = unsafe base[row * n + column]
        for index in range.lowerBound..<column { unsafe sum -= base[row * n + index] * base[column * n + index] }
        if row == column {
          guard sum > 0, sum.isFinite else { return false }
          unsafe base[row * n + column] = sum.squareRoot()
        } else {
          unsafe base[row * n + column] = sum / base[column * n + column]
        }
      }
    }
    return true
  }

  /// The rows below the square: each is divided by the square's transpose.
  private func solveRows(_ a: FloatBuffer, _ range: Range<Int>, _ pieces: Int) {
    let (n, count) = (n, range.count)
    let square = FloatBuffer(count: count * count)
    for row in 0..<count {
      for column in 0...row {
        unsafe square.base[column * count + row] = a.base[(range.lowerBound + row) * n + range.lowerBound + column]
      }
    }
    _ = concurrentMap(count: pieces, threads: threads) { piece in
      let first = range.upperBound + piece * Self.pieceRows
      unsafe FloatRows.fastest.solve(
        a.base + first * n + range.lowerBound, n, min(Self.pieceRows, n - first), square.base, count)
    }
  }

  /// `C -= A A^T` for the trailing square, with `A` the rows below the square on the diagonal.
  private func subtractProduct(_ matrix: FloatBuffer, _ range: Range<Int>, _ pieces: Int) {
    let (n, k) = (n, range.count)
    let rows = n - range.upperBound
    let a = unsafe matrix.base + range.upperBound * n + range.lowerBound
    let packed = FloatBuffer(count: SGEMM.packedCount(k: k, n: rows))
    unsafe SGEMM.pack(a, rowStride: 1, columnStride: n, k: k, n: rows, into: packed.base)
    _ = concurrentMap(count: pieces, threads: threads) { piece in
      let first = piece * Self.pieceRows
      let count = min(Self.pieceRows, rows - first)
      // Columns beyond the piece's last row are above the diagonal.
      let columns = first + count
      let product = FloatBuffer(count: count * columns)
      let start = unsafe matrix.base + (range.upperBound + first) * n
      unsafe SGEMM.fastest.multiply(
        start + range.lowerBound, lda: n, packed.base, bias: nil, into: product.base, ldc: columns, m: count,
        n: columns, k: k)
      for row in 0..<count {
        let target = unsafe start + row * n + range.upperBound
        let source = unsafe product.base + row * columns
        for column in 0..<columns { unsafe target[column] -= source[column] }
      }
    }
  }

  // MARK: The inverse

  /// The inverse of a lower triangular matrix, in panels of 32 columns as products read them: block row by block row,
  /// `X_i = inverse(L_ii) (E_i - L_i X)`.
  private func invert(_ lower: FloatBuffer) -> FloatBuffer {
    let (n, width) = (n, SGEMM.panelColumns)
    let panels = (n + width - 1) / width
    let inverse = FloatBuffer(count: panels * width * n)
    for first in stride(from: 0, to: n, by: Self.block) {
      let count = min(Self.block, n - first)
      // Panels beyond are zero.
      let active = (first + count + width - 1) / width
      _ = concurrentMap(count: (active + Self.piecePanels - 1) / Self.piecePanels, threads: threads) { piece in
        let product = FloatBuffer(count: count * width)
        for panel in piece * Self.piecePanels..<min((piece + 1) * Self.piecePanels, active) {
          Self.invertPanel(panel, of: lower, rows: first..<first + count, n: n, product, into: inverse)
        }
      }
    }
    return inverse
  }

  /// Some rows of one panel; its rows above them are done.
  private static func invertPanel(
    _ panel: Int, of lower: FloatBuffer, rows: Range<Int>, n: Int, _ product: FloatBuffer, into inverse: FloatBuffer
  ) {
    let width = SGEMM.panelColumns
    let column = panel * width
    let base = unsafe inverse.base + column * n
    let isBelow = column < rows.lowerBound
    if isBelow {
      // A panel's rows before its own columns are zero.
      unsafe SGEMM.fastest.multiply(
        lower.base + rows.lowerBound * n + column, lda: n, base + column * width, bias: nil, into: product.base,
        ldc: width, m: rows.count, n: width, k: rows.lowerBound - column)
    }
    for row in rows {
      let factors = unsafe lower.base + row * n
      let scale = unsafe 1 / factors[row]
      for part in stride(from: 0, to: width, by: 16) {
        var sum = Vector.zero
        if isBelow {
          unsafe sum = -load(product.base + (row - rows.lowerBound) * width + part)
        } else if (column + part..<column + part + 16).contains(row) {
          sum[row - column - part] = 1
        }
        for previous in rows.lowerBound..<row {
          unsafe sum -= factors[previous] * load(base + previous * width + part)
        }
        unsafe UnsafeMutableRawPointer(base + row * width + part).storeBytes(of: sum * scale, as: Vector.self)
      }
    }
  }

  @unsafe @inline(__always)
  private static func load(_ x: UnsafePointer<Float>) -> Vector {
    unsafe UnsafeRawPointer(x).loadUnaligned(as: Vector.self)
  }

  /// The transpose of a panelled matrix with rows and columns in the reversed order.
  private func reverse(_ panels: FloatBuffer, into result: FloatBuffer) {
    let (n, width) = (n, SGEMM.panelColumns)
    _ = concurrentMap(count: (n + width - 1) / width, threads: threads) { panel in
      for column in panel * width..<min((panel + 1) * width, n) {
        let source = unsafe panels.base + panel * width * n + column - panel * width
        let target = unsafe result.base + (n - 1 - column) * n
        for row in column..<n { unsafe target[n - 1 - row] = source[row * width] }
      }
    }
  }
}
