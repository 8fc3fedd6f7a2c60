import CKernels

/// The precision of a wide layer: int16 weights and activations, whose product is exact in int32.
package enum WideLayer {
  /// By how many bits the levels of a row, a query or a key are finer than those of 8 bits.
  package static let levelBits: Int32 = 5
  /// By how many bits the levels of pixels are finer than pixels.
  package static let pixelBits: Int32 = 4
  /// The largest magnitude of a level of either kind: 2^5 * 127.5 and 2^4 * 255.
  package static let levelLimit: Int64 = 4080
  /// The largest sum of the magnitudes of an output's weights: with any levels, the sum of products fits int32.
  package static let weightSumLimit = Int64(Int32.max) / levelLimit
  /// Channels that a head may have where attention is wide: so many products of a query's levels, within 4080, and a
  /// key's, within 4064, fit int32.
  package static let headWidthLimit = 128
}

/// The precision of a wide attention's values, in two planes of 8 and 7 bits.
package enum WideValues {
  /// Bits of the low plane.
  package static let lowBits: Int32 = 7
  package static let limit = 127 * 128 + 63
}

// Products `x W^T` with their requantization; the operands are both wide, or neither is.
extension Kernels {
  /// The product, saturated to int16.
  package func multiply(_ x: QuantizedRows, by matrix: PackedMatrix, into out: Matrix<Int16>) {
    unsafe product(x, matrix, vq_output_int16, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
  }

  /// The product as int32.
  package func multiply(_ x: QuantizedRows, by matrix: PackedMatrix, into out: Matrix<Int32>) {
    unsafe product(x, matrix, vq_output_int32, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
  }

  /// Adds the product to `out`; the sums are held within the residual stream's range.
  package func multiply(_ x: QuantizedRows, by matrix: PackedMatrix, addingTo out: Matrix<Int32>) {
    unsafe product(x, matrix, vq_output_accumulate, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
  }

  /// The plain sums of products, without scales, zero points or bias.
  package func sumProducts(_ x: QuantizedRows, with matrix: PackedMatrix, into out: Matrix<Int32>) {
    unsafe product(x, matrix, vq_output_sums, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
  }

  /// One call of the kernel.
  @unsafe
  private func product(
    _ x: QuantizedRows, _ matrix: PackedMatrix, _ kind: vq_output, _ out: UnsafeMutableRawPointer, rows: Int,
    columns: Int, stride: Int
  ) {
    precondition(
      x.columns == matrix.inputs && x.rows == rows && matrix.outputs == columns && x.isWide == matrix.isWide,
      "operands and output of one shape and precision")
    guard rows > 0, columns > 0 else { return }
    let inputs = WeightLayout.paddedInputs(matrix.inputs)
    var product = unsafe vq_matmul(
      a: x.levels, a_stride: x.stride, b: matrix.weights, rows: Int32(truncatingIfNeeded: rows),
      columns: Int32(truncatingIfNeeded: columns), k: Int32(truncatingIfNeeded: inputs), shift: matrix.shift,
      row_multiplier: x.multiplier, row_zero_point: x.zeroPoint, column_multiplier: matrix.multiplier,
      column_sum: matrix.columnSum, bias: matrix.bias, out: out, out_stride: stride, output: kind)
    if x.isWide {
      unsafe table.matmul_wide(&product)
    } else {
      unsafe table.matmul(&product)
    }
  }
}
