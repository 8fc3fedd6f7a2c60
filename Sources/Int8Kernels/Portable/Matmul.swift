import CKernels

/// Portable kernels: the definition of every kernel, which the instruction sets must equal bit for bit.
enum Portable {
  /// `vq_kernels.matmul`: uint8 rows times packed int8 columns, requantized.
  @unsafe
  static func matmul(_ arguments: UnsafePointer<vq_matmul>) {
    let product = unsafe arguments.pointee
    let groups = unsafe Int(product.k) / 4
    for first in unsafe stride(from: 0, to: Int(product.columns), by: 16) {
      let panel = unsafe product.b + first * groups * 4
      let count = unsafe min(16, Int(product.columns) - first)
      for row in unsafe 0..<Int(product.rows) {
        let sums = unsafe accumulate(product.a + row * product.a_stride, panel, groups: groups)
        for lane in 0..<count {
          unsafe store(sums[lane], product, row: row, column: first + lane)
        }
      }
    }
  }

  /// The 16 dot products of one row with one panel, a lane for each column.
  @inline(__always) @unsafe
  private static func accumulate(
    _ a: UnsafePointer<UInt8>, _ panel: UnsafePointer<Int8>, groups: Int
  ) -> SIMD16<Int32> {
    var sums = SIMD16<Int32>()
    for group in 0..<groups {
      let inputs = unsafe a + group &* 4
      // A lane's four bytes are the weights of four inputs, that of the first the lowest. A shift to the left and an
      // arithmetic one to the right extract a weight with its sign. The compiler uses vector instructions for this
      // where the processor has them.
      let weights = unsafe UnsafeRawPointer(panel + group &* 64).loadUnaligned(as: SIMD16<Int32>.self)
      for input in 0..<4 {
        let column = (weights &<< Int32(truncatingIfNeeded: 24 &- 8 &* input)) &>> 24
        unsafe sums &+= column &* SIMD16(repeating: Int32(inputs[input]))
      }
    }
    return sums
  }

  @inline(__always) @unsafe
  private static func store(_ sum: Int32, _ product: vq_matmul, row: Int, column: Int) {
    let index = unsafe row * product.out_stride + column
    guard unsafe product.output != vq_output_sums else {
      unsafe product.out.assumingMemoryBound(to: Int32.self)[index] = sum
      return
    }
    let accumulator = unsafe sum &- product.row_zero_point[row] &* product.column_sum[column]
    let value =
      unsafe FixedPoint.requantize(
        accumulator, row: product.row_multiplier[row], column: product.column_multiplier[column],
        shift: product.shift) &+ product.bias[column]
    switch unsafe product.output {
    case vq_output_int16:
      unsafe product.out.assumingMemoryBound(to: Int16.self)[index] = FixedPoint.saturateToInt16(value)
    case vq_output_accumulate:
      let out = unsafe product.out.assumingMemoryBound(to: Int32.self) + index
      let limit = FixedPoint.residualLimit
      unsafe out.pointee = min(max(out.pointee &+ value, -limit), limit)
    default:
      unsafe product.out.assumingMemoryBound(to: Int32.self)[index] = value
    }
  }
}
