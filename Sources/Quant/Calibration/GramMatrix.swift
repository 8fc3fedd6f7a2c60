import Int8Kernels
import ViTLite

/// `X^T X` of a layer's sampled inputs `X`, summed over some rows at a time in their order.
struct GramMatrix: Sendable {
  /// Rows of the matrix that one piece of work computes: a multiple of the tiles of every product and of its panels.
  private static let blockRows = 96
  /// Rows of `X` at a time.
  private static let depth = 512

  let inputs: Int
  /// `inputs x inputs`; of each block of rows only the columns from its first on, for the matrix is symmetric.
  private let upper: FloatBuffer

  /// - Parameter rows: `count x inputs`.
  init(_ rows: [Float], inputs: Int, threads: Int) {
    self.inputs = inputs
    upper = FloatBuffer(count: inputs * inputs)
    let count = rows.count / max(inputs, 1)
    let packed = FloatBuffer(count: SGEMM.packedCount(k: min(Self.depth, count), n: inputs))
    for first in stride(from: 0, to: count, by: Self.depth) {
      add(rows, first..<min(first + Self.depth, count), packed, threads)
    }
  }

  subscript(row: Int, column: Int) -> Float {
    unsafe upper.base[min(row, column) * inputs + max(row, column)]
  }

  private func add(_ rows: [Float], _ range: Range<Int>, _ packed: FloatBuffer, _ threads: Int) {
    let (inputs, upper, depth) = (inputs, upper, range.count)
    let blocks = (inputs + Self.blockRows - 1) / Self.blockRows
    _ = concurrentMap(count: blocks, threads: threads) { block in
      let first = block * Self.blockRows
      unsafe rows.withUnsafeBufferPointer { rows in
        guard let start = rows.baseAddress else { return }
        unsafe SGEMM.pack(
          start + range.lowerBound * inputs + first, rowStride: inputs, columnStride: 1, k: depth,
          n: min(Self.blockRows, inputs - first), into: packed.base + first * depth)
      }
    }
    _ = concurrentMap(count: blocks, threads: threads) { block in
      let first = block * Self.blockRows
      let count = min(Self.blockRows, inputs - first)
      let transposed = FloatBuffer(count: count * depth)
      for panel in stride(from: 0, to: count, by: SGEMM.panelColumns) {
        let source = unsafe packed.base + (first + panel) * depth
        let target = unsafe transposed.base + panel * depth
        for column in 0..<min(SGEMM.panelColumns, count - panel) {
          for row in 0..<depth { unsafe target[column * depth + row] = source[row * SGEMM.panelColumns + column] }
        }
      }
      unsafe SGEMM.fastest.multiply(
        transposed.base, lda: depth, packed.base + first * depth, bias: nil, into: upper.base + first * inputs + first,
        ldc: inputs, m: count, n: inputs - first, k: depth, accumulating: range.lowerBound > 0)
    }
  }
}
