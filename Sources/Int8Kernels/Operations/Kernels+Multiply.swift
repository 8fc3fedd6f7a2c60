import CKernels

/// The precision of a wide layer: int16 weights and 15-bit activations, each as two planes of 8 and 7 bits, so that the
/// int8 product serves. The product of the two low planes, under 2^-14 of the range, is left out.
package enum WideLayer {
  /// Bits of a low plane.
  package static let lowBits: Int32 = 7
  /// Largest magnitude of a weight.
  package static let weightLimit = 127 * 128 + 63
}

// Products `x W^T` with their requantization, of the planes that the operands have: for wide layers high x high, low x high
// (where the activations have a low plane) and high x low, in one call of the kernel.
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

  /// The plain sums of products with the high plane, without scales, zero points or bias.
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
      x.columns == matrix.inputs && x.rows == rows && matrix.outputs == columns, "operands and output of one shape")
    guard rows > 0, columns > 0 else { return }
    let inputs = WeightLayout.paddedInputs(matrix.inputs)
    let low = unsafe kind == vq_output_sums ? nil : matrix.low
    var product = unsafe vq_matmul(
      a: x.high, a_stride: x.stride, b: matrix.weights, rows: Int32(truncatingIfNeeded: rows),
      columns: Int32(truncatingIfNeeded: columns), k: Int32(truncatingIfNeeded: inputs), shift: matrix.shift,
      row_multiplier: x.multiplier, row_zero_point: x.zeroPoint, column_multiplier: matrix.multiplier,
      column_sum: matrix.columnSum, bias: matrix.bias, out: out, out_stride: stride, output: kind,
      a_low: low == nil ? nil : UnsafePointer(x.low), b_low: low?.weights, column_sum_low: low?.columnSum)
    unsafe table.matmul(&product)
  }
}
