import Int8Kernels
import ViTLite

/// The triangular factor `R` of a symmetric positive definite matrix `H = R^T R`, in blocks, so that nearly all of the work
/// is matrix products, and the work on different rows is shared among threads.
struct TriangularFactor {
  private static let block = 64
  /// Rows that one piece of work updates.
  private static let pieceRows = 96

  private let n: Int
  private let threads: Int

  /// The lower triangular `R`, row-major, each row divided by its element on the diagonal, which stays; nil when `H` is
  /// not positive definite. What is above the diagonal means nothing.
  ///
  /// With `J` the reversal of the order, `J H J = L L^T` gives `R = J L^T J`.
  /// - Parameter reversed: `J H J`, of which the lower triangle is read, `n x n`; it is overwritten.
  static func scaled(reversed: FloatBuffer, n: Int, threads: Int) -> FloatBuffer? {
    precondition(reversed.count == n * n, "a square matrix")
    let task = TriangularFactor(n: n, threads: threads)
    guard task.factor(reversed) else { return nil }
    task.reflect(reversed)
    task.divideRows(reversed)
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

  // MARK: The order of the rows

  /// Swaps each element of the lower triangle with its mirror image in the other diagonal.
  private func reflect(_ a: FloatBuffer) {
    let (n, block) = (n, Self.block)
    _ = concurrentMap(count: (n + block - 1) / block, threads: threads) { piece in
      let columns = piece * block..<min((piece + 1) * block, n)
      // Of each pair the element nearer to the first column.
      for first in stride(from: columns.lowerBound, to: n, by: block) {
        for column in columns {
          let mirrored = unsafe a.base + (n - 1 - column) * n
          for row in max(first, column)..<max(min(first + block, n - 1 - column), first, column) {
            unsafe (a.base[row * n + column], mirrored[n - 1 - row]) = (mirrored[n - 1 - row], a.base[row * n + column])
          }
        }
      }
    }
  }

  private func divideRows(_ a: FloatBuffer) {
    let n = n
    _ = concurrentMap(count: (n + Self.block - 1) / Self.block, threads: threads) { piece in
      for row in piece * Self.block..<min((piece + 1) * Self.block, n) {
        let values = unsafe a.base + row * n
        let inverse = unsafe 1 / values[row]
        for column in 0..<row { unsafe values[column] *= inverse }
      }
    }
  }
}
