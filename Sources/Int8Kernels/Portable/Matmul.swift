import CKernels

/// Portable kernels: the definition of every kernel, which the instruction sets must equal bit for bit.
enum Portable {
  /// `vq_kernels.matmul`: uint8 rows times packed int8 columns, requantized.
  @unsafe
  static func matmul(_ arguments: UnsafePointer<vq_matmul>) {
    unsafe multiply(arguments.pointee, of: UInt8.self, by: Int8.self)
  }

  /// `vq_kernels.matmul_wide`: int16 rows times packed int16 columns, requantized.
  @unsafe
  static func matmulWide(_ arguments: UnsafePointer<vq_matmul>) {
    unsafe multiply(arguments.pointee, of: Int16.self, by: Int16.self)
  }

  @inline(__always) @unsafe
  private static func multiply<Input: FixedWidthInteger, Weight: FixedWidthInteger>(
    _ product: vq_matmul, of: Input.Type, by: Weight.Type
  ) {
    let a = unsafe product.a.assumingMemoryBound(to: Input.self)
    let groupInputs = 32 / Weight.bitWidth
    let groups = unsafe Int(product.k) / groupInputs
    for first in unsafe stride(from: 0, to: Int(product.columns), by: 16) {
      // A group of 16 columns is 64 bytes.
      let panel = unsafe product.b + first / 16 * groups * 64
      let count = unsafe min(16, Int(product.columns) - first)
      for row in unsafe 0..<Int(product.rows) {
        let sums = unsafe accumulate(a + row * product.a_stride, panel, groups: groups, Weight.self)
        for lane in 0..<count { unsafe store(sums[lane], product, row: row, column: first + lane) }
      }
    }
  }

  /// The 16 dot products of one row with one panel, a lane for each column.
  @inline(__always) @unsafe
  private static func accumulate<Input: FixedWidthInteger, Weight: FixedWidthInteger>(
    _ a: UnsafePointer<Input>, _ panel: UnsafeRawPointer, groups: Int, _: Weight.Type
  ) -> SIMD16<Int32> {
    var sums = SIMD16<Int32>()
    let (bits, groupInputs) = (Weight.bitWidth, 32 / Weight.bitWidth)
    for group in 0..<groups {
      let inputs = unsafe a + group &* groupInputs
      // A lane's four bytes are the weights of four inputs, or of two, that of the first the lowest. A shift to the left
      // and an arithmetic one to the right extract a weight with its sign. The compiler uses vector instructions for this
      // where the processor has them.
      let weights = unsafe (panel + group &* 64).loadUnaligned(as: SIMD16<Int32>.self)
      for input in 0..<groupInputs {
        let column =
          (weights &<< Int32(truncatingIfNeeded: 32 &- bits &* (input &+ 1)))
          &>> Int32(truncatingIfNeeded: 32 &- bits)
        unsafe sums &+= column &* SIMD16(repeating: Int32(truncatingIfNeeded: inputs[input]))
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
    var value = unsafe FixedPoint.requantize(
      accumulator, row: product.row_multiplier[row], column: product.column_multiplier[column], shift: product.shift)
    unsafe value &+= product.bias[column]
    switch unsafe product.output {
    case vq_output_int16:
      unsafe product.out.assumingMemoryBound(to: Int16.self)[index] = FixedPoint.saturateToInt16(value)
    case vq_output_accumulate:
      let out = unsafe product.out.assumingMemoryBound(to: Int32.self)
      let limit = FixedPoint.residualLimit
      unsafe out[index] = min(max(out[index] &+ value, -limit), limit)
    default:
      unsafe product.out.assumingMemoryBound(to: Int32.self)[index] = value
    }
  }
}
