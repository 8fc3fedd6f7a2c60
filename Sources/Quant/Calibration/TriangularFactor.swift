import Int8Kernels
import ViTLite

/// The triangular factor of a symmetric positive definite matrix's inverse, in blocks, so that nearly all of the work
/// is matrix products.
enum TriangularFactor {
  private static let block = 64

  /// The upper triangular `U` with `inverse(H) = U^T U`, row-major; nil when `H` is not positive definite.
  ///
  /// With `J` the reversal of the order, `J H J = L L^T` gives `U = J inverse(L) J`.
  /// - Parameter matrix: `n x n`, symmetric.
  static func inverseUpper(_ matrix: [Float], n: Int) -> [Float]? {
    precondition(matrix.count == n * n, "a square matrix")
    let lower = FloatBuffer(count: n * n)
    for row in 0..<n {
      for column in 0...row { unsafe lower.base[row * n + column] = matrix[(n - 1 - row) * n + (n - 1 - column)] }
    }
    guard factor(lower, n: n) else { return nil }
    let inverse = invert(lower, n: n)
    var upper = [Float](repeating: 0, count: n * n)
    for row in 0..<n {
      for column in row..<n { unsafe upper[row * n + column] = inverse.base[(n - 1 - row) * n + (n - 1 - column)] }
    }
    return upper
  }

  /// Cholesky's factorization of the lower triangle, in place.
  private static func factor(_ a: FloatBuffer, n: Int) -> Bool {
    let base = unsafe a.base
    for first in stride(from: 0, to: n, by: block) {
      let end = min(first + block, n)
      for column in first..<end {
        for row in column..<n {
          var sum = unsafe base[row * n + column]
          for index in first..<column { unsafe sum -= base[row * n + index] * base[column * n + index] }
          if row == column {
            guard sum > 0, sum.isFinite else { return false }
            unsafe base[row * n + column] = sum.squareRoot()
          } else {
            unsafe base[row * n + column] = sum / base[column * n + column]
          }
        }
      }
      unsafe subtractProduct(
        base + end * n + first, rows: n - end, k: end - first, stride: n, from: base + end * n + end)
    }
    return true
  }

  /// `C -= A A^T` for the trailing square, whose rows are `stride` apart like those of `A`.
  @unsafe
  private static func subtractProduct(
    _ a: UnsafeMutablePointer<Float>, rows: Int, k: Int, stride: Int, from c: UnsafeMutablePointer<Float>
  ) {
    guard rows > 0 else { return }
    let packed = FloatBuffer(count: SGEMM.packedCount(k: k, n: rows))
    unsafe SGEMM.pack(a, rowStride: 1, columnStride: stride, k: k, n: rows, into: packed.base)
    let chunk = min(rows, 256)
    let product = FloatBuffer(count: chunk * rows)
    for first in Swift.stride(from: 0, to: rows, by: chunk) {
      let count = min(chunk, rows - first)
      // Columns beyond the chunk's last row are above the diagonal.
      let columns = first + count
      unsafe SGEMM.fastest.multiply(
        a + first * stride, lda: stride, packed.base, bias: nil, into: product.base, ldc: columns, m: count,
        n: columns, k: k)
      for row in 0..<count {
        let target = unsafe c + (first + row) * stride
        let source = unsafe product.base + row * columns
        for column in 0..<columns { unsafe target[column] -= source[column] }
      }
    }
  }

  /// The inverse of a lower triangular matrix: block row by block row, `X_i = inverse(L_ii) (E_i - L_i X)`.
  private static func invert(_ lower: FloatBuffer, n: Int) -> FloatBuffer {
    let inverse = FloatBuffer(count: n * n)
    let (l, x) = unsafe (lower.base, inverse.base)
    let product = FloatBuffer(count: block * n)
    for first in stride(from: 0, to: n, by: block) {
      let count = min(block, n - first)
      if first > 0 {
        let packed = FloatBuffer(count: SGEMM.packedCount(k: first, n: first))
        unsafe SGEMM.pack(x, rowStride: n, columnStride: 1, k: first, n: first, into: packed.base)
        unsafe SGEMM.fastest.multiply(
          l + first * n, lda: n, packed.base, bias: nil, into: product.base, ldc: first, m: count, n: first, k: first)
      }
      for row in 0..<count {
        let out = unsafe x + (first + row) * n
        for column in 0..<first { unsafe out[column] = -product.base[row * first + column] }
        unsafe out[first + row] = 1
        for previous in 0..<row {
          let factor = unsafe l[(first + row) * n + first + previous]
          let source = unsafe x + (first + previous) * n
          for column in 0...(first + previous) { unsafe out[column] -= factor * source[column] }
        }
        let scale = unsafe 1 / l[(first + row) * n + first + row]
        for column in 0...(first + row) { unsafe out[column] *= scale }
      }
    }
    return inverse
  }
}
