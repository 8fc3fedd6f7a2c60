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
        let place = unsafe row * product.a_stride
        let sums = unsafe accumulate(product.a + place, panel, groups: groups)
        var (lowInputs, lowWeights) = (SIMD16<Int32>(), SIMD16<Int32>())
        if let lowPanel = unsafe product.b_low {
          if let low = unsafe product.a_low { unsafe lowInputs = accumulate(low + place, panel, groups: groups) }
          unsafe lowWeights = accumulate(product.a + place, lowPanel + first * groups * 4, groups: groups)
        }
        for lane in 0..<count {
          unsafe store(
            Sums(high: sums[lane], lowInputs: lowInputs[lane], lowWeights: lowWeights[lane]), product, row: row,
            column: first + lane)
        }
      }
    }
  }

  /// Sums over k of one row and one column.
  private struct Sums {
    var high: Int32
    /// Of the low plane of the activations and the high one of the weights, and the other way round: in a wide product.
    var lowInputs: Int32
    var lowWeights: Int32
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
  private static func store(_ sums: Sums, _ product: vq_matmul, row: Int, column: Int) {
    let index = unsafe row * product.out_stride + column
    guard unsafe product.output != vq_output_sums else {
      unsafe product.out.assumingMemoryBound(to: Int32.self)[index] = sums.high
      return
    }
    let zeroPoint = unsafe product.row_zero_point[row]
    func requantize(_ accumulator: Int32, shift: Int32) -> Int32 {
      unsafe FixedPoint.requantize(
        accumulator, row: product.row_multiplier[row], column: product.column_multiplier[column], shift: shift)
    }
    var value = unsafe requantize(sums.high &- zeroPoint &* product.column_sum[column], shift: product.shift)
    unsafe value &+= product.bias[column]
    if unsafe product.output == vq_output_accumulate {
      unsafe value = withinResidualLimit(product.out.assumingMemoryBound(to: Int32.self)[index] &+ value)
    }
    if let lowColumnSum = unsafe product.column_sum_low, unsafe product.b_low != nil {
      let shift = unsafe product.shift &+ WideLayer.lowBits
      value = withinResidualLimit(value &+ requantize(sums.lowInputs, shift: shift))
      let accumulator = unsafe sums.lowWeights &- zeroPoint &* lowColumnSum[column]
      value = withinResidualLimit(value &+ requantize(accumulator, shift: shift))
    }
    if unsafe product.output == vq_output_int16 {
      unsafe product.out.assumingMemoryBound(to: Int16.self)[index] = FixedPoint.saturateToInt16(value)
    } else {
      unsafe product.out.assumingMemoryBound(to: Int32.self)[index] = value
    }
  }

  @inline(__always)
  private static func withinResidualLimit(_ x: Int32) -> Int32 {
    min(max(x, -FixedPoint.residualLimit), FixedPoint.residualLimit)
  }
}
