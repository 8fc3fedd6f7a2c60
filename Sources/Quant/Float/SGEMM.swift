import CFloatKernels
import CKernels
import Int8Kernels
import ViTLite

/// Single-precision matrix products `C = A B + bias` with B packed in panels of 32 columns (`vq_sgemm` in CFloatKernels.h).
@safe struct SGEMM: Sendable {
  typealias Kernel = @convention(c) (UnsafePointer<vq_sgemm>) -> Void

  static let panelColumns = 32

  /// A function for this processor's vector instructions; nil for the portable code.
  private let kernel: Kernel?

  /// The fastest one that this processor has, found once.
  static let fastest = SGEMM()

  /// The portable code.
  static let portable = unsafe SGEMM(kernel: nil)

  init(kernel: Kernel?) { unsafe self.kernel = kernel }

  private init() {
    #if arch(x86_64)
      let isas = vq_detect_isas()
      if isas & UInt32(vq_isa_avx512f) != 0 {
        unsafe kernel = vq_sgemm_avx512
        return
      }
      if isas & UInt32(vq_isa_avx2_fma) != 0 {
        unsafe kernel = vq_sgemm_avx2
        return
      }
    #endif
    unsafe kernel = nil
  }

  /// Floats that the packed form of a `k x n` matrix takes.
  static func packedCount(k: Int, n: Int) -> Int {
    (n + panelColumns - 1) / panelColumns * panelColumns * k
  }

  /// Packs a matrix whose element (row, column) lies at `row * rowStride + column * columnStride`.
  @unsafe static func pack(
    _ source: UnsafePointer<Float>, rowStride: Int, columnStride: Int, k: Int, n: Int,
    into packed: UnsafeMutablePointer<Float>
  ) {
    unsafe FloatRows.fastest.pack(source, rowStride, columnStride, k, n, packed)
  }

  @unsafe static func packPortably(
    _ source: UnsafePointer<Float>, rowStride: Int, columnStride: Int, k: Int, n: Int,
    into packed: UnsafeMutablePointer<Float>
  ) {
    for panel in 0..<(n + panelColumns - 1) / panelColumns {
      let columns = min(panelColumns, n - panel * panelColumns)
      let target = unsafe packed + panel * panelColumns * k
      let start = unsafe source + panel * panelColumns * columnStride
      for row in 0..<k {
        for column in 0..<columns {
          unsafe target[row * panelColumns + column] = start[row * rowStride + column * columnStride]
        }
        for column in columns..<panelColumns { unsafe target[row * panelColumns + column] = 0 }
      }
    }
  }

  /// Multiplies `m x k` by a packed `k x n`. `bias` is readable up to the next multiple of 32.
  ///
  /// - Parameter accumulating: whether the product is added to what C holds, instead of the bias.
  @unsafe func multiply(
    _ a: UnsafePointer<Float>, lda: Int, _ b: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int, accumulating: Bool = false
  ) {
    guard let kernel = unsafe kernel else {
      return unsafe Self.multiplyPortably(
        a, lda: lda, b, bias: bias, into: c, ldc: ldc, m: m, n: n, k: k, accumulating: accumulating)
    }
    // Blocks of about the same size.
    let blocks = (k + Self.mostInputs - 1) / Self.mostInputs
    let size = blocks > 1 ? ((k + blocks - 1) / blocks + 15) / 16 * 16 : k
    for first in stride(from: 0, to: k, by: max(size, 1)) {
      var product = unsafe vq_sgemm(
        a: a + first, lda: lda, b: b + first * Self.panelColumns, panel_stride: k * Self.panelColumns,
        bias: first == 0 ? bias : nil, c: c, ldc: ldc, m: Int32(m), n: Int32(n), k: Int32(min(size, k - first)),
        accumulates: accumulating || first > 0 ? 1 : 0)
      if size < k, n > Self.panelColumns {
        unsafe Self.multiplyPacked(&product, kernel)
      } else {
        unsafe kernel(&product)
      }
    }
  }

  /// So many inputs at a time that their 32 columns of B (96 KB) stay in the second-level cache beside the rows of A.
  private static let mostInputs = 768
  /// Rows of A that are packed at a time: a multiple of the tiles of every kernel.
  private static let blockRows = 204

  /// The same, with the block of inputs of some rows at a time side by side: rows that are far apart, often by a power of
  /// two, meet in few lines of the first-level cache.
  @unsafe private static func multiplyPacked(_ product: inout vq_sgemm, _ kernel: Kernel) {
    let (a, c, lda, m, k) = unsafe (product.a, product.c, product.lda, Int(product.m), Int(product.k))
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: min(m, blockRows) * k) { packed in
      guard let base = packed.baseAddress else { return }
      unsafe (product.a, product.lda) = (UnsafePointer(base), k)
      for first in stride(from: 0, to: m, by: blockRows) {
        let count = min(blockRows, m - first)
        for row in 0..<count { unsafe (base + row * k).update(from: a + (first + row) * lda, count: k) }
        unsafe (product.c, product.m) = (c + first * product.ldc, Int32(count))
        unsafe kernel(&product)
      }
    }
  }

  private typealias Vector = SIMD8<Float>

  @unsafe private static func load(_ source: UnsafePointer<Float>, lanes: Int) -> Vector {
    var vector = Vector.zero
    for lane in 0..<lanes { unsafe vector[lane] = source[lane] }
    return vector
  }

  /// Tiles of 4 rows x 8 columns: the sums of one fill half of sixteen 128-bit registers.
  @unsafe private static func multiplyPortably(
    _ a: UnsafePointer<Float>, lda: Int, _ b: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    into c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int, accumulating: Bool
  ) {
    let lanes = Vector.scalarCount
    for column in stride(from: 0, to: n, by: lanes) {
      let inPanel = column % panelColumns
      let b = unsafe UnsafeRawPointer(b + (column - inPanel) * k + inPanel)
      let start = unsafe bias.map { unsafe UnsafeRawPointer($0 + column).loadUnaligned(as: Vector.self) } ?? .zero
      let columns = min(lanes, n - column)
      for row in stride(from: 0, to: m, by: 4) {
        // Rows beyond the last repeat it; their sums are not stored.
        let (row1, row2, row3) = (min(row + 1, m - 1), min(row + 2, m - 1), min(row + 3, m - 1))
        let (a0, a1) = unsafe (a + row * lda, a + row1 * lda)
        let (a2, a3) = unsafe (a + row2 * lda, a + row3 * lda)
        var (sum0, sum1, sum2, sum3) = (start, start, start, start)
        if accumulating {
          let c = unsafe c + column
          unsafe sum0 = load(c + row * ldc, lanes: columns)
          unsafe sum1 = load(c + row1 * ldc, lanes: columns)
          unsafe sum2 = load(c + row2 * ldc, lanes: columns)
          unsafe sum3 = load(c + row3 * ldc, lanes: columns)
        }
        for index in 0..<k {
          let weights = unsafe b.loadUnaligned(fromByteOffset: index * panelColumns * 4, as: Vector.self)
          unsafe sum0 += a0[index] * weights
          unsafe sum1 += a1[index] * weights
          unsafe sum2 += a2[index] * weights
          unsafe sum3 += a3[index] * weights
        }
        let sums = [sum0, sum1, sum2, sum3]
        for index in 0..<min(4, m - row) {
          for lane in 0..<columns { unsafe c[(row + index) * ldc + column + lane] = sums[index][lane] }
        }
      }
    }
  }
}

/// A fully connected layer with its weights packed for `SGEMM`.
@safe struct PackedFloatLinear: Sendable {
  let inputs: Int
  let outputs: Int
  private let weights: FloatBuffer
  private let bias: FloatBuffer

  init(_ linear: FloatLinear) {
    inputs = linear.inputs
    outputs = linear.outputs
    precondition(linear.weight.count == inputs * outputs && linear.bias.count == outputs, "a layer of consistent size")
    weights = FloatBuffer(count: SGEMM.packedCount(k: inputs, n: outputs))
    bias = FloatBuffer(count: SGEMM.packedCount(k: 1, n: outputs))
    bias.copy(from: linear.bias)
    unsafe linear.weight.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      unsafe SGEMM.pack(start, rowStride: 1, columnStride: inputs, k: inputs, n: outputs, into: weights.base)
    }
  }

  /// `rows x inputs` to `rows x outputs`.
  func apply(_ x: FloatBuffer, rows: Int, into y: FloatBuffer, with gemm: SGEMM) {
    precondition(x.count >= rows * inputs && y.count >= rows * outputs, "buffers must hold all rows")
    unsafe gemm.multiply(
      x.base, lda: inputs, weights.base, bias: bias.base, into: y.base, ldc: outputs, m: rows, n: outputs, k: inputs)
  }

  /// The same for the outputs of one panel: `rows x 32`.
  ///
  /// - Parameter first: the panel's first output, a multiple of 32.
  func applyPanel(from first: Int, to x: FloatBuffer, rows: Int, into y: FloatBuffer, with gemm: SGEMM) {
    let width = SGEMM.panelColumns
    precondition(x.count >= rows * inputs && y.count >= rows * width, "buffers must hold all rows")
    precondition(first >= 0 && first < outputs && first % width == 0, "a panel of the layer")
    unsafe gemm.multiply(
      x.base, lda: inputs, weights.base + first * inputs, bias: bias.base + first, into: y.base, ldc: width, m: rows,
      n: min(width, outputs - first), k: inputs)
  }
}
