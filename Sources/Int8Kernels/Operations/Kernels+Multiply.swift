import CKernels

/// The precision of a wide layer: int16 weights and 15-bit activations, each as two planes of 8 and 7 bits, so that the
/// int8 product serves. The product of the two low planes, under 2^-14 of the range, is left out.
package enum WideLayer {
  /// Bits of a low plane.
  package static let lowBits: Int32 = 7
  /// Largest magnitude of a weight.
  package static let weightLimit = 127 * 128 + 63
}

/// Memory that the products of wide layers need beside their operands.
package struct WideScratch: Sendable {
  /// int32 results before they are saturated to int16, with the shape of the product's output; empty where no layer is
  /// wide.
  package var sums: Matrix<Int32>
  /// Zeros: at least as many as any layer has outputs and any product rows.
  package var zeros: Vector<Int32>

  package init(sums: Matrix<Int32>, zeros: Vector<Int32>) {
    self.sums = sums
    self.zeros = zeros
  }
}

// Products `x W^T` with their requantization. Each method takes the planes that its operands have: one product for
// 8-bit weights; for wide layers high x high, low x high (where the activations have a low plane) and high x low.
extension Kernels {
  /// The product, saturated to int16.
  package func multiply(
    _ x: QuantizedRows, by matrix: PackedMatrix, into out: Matrix<Int16>, _ scratch: WideScratch
  ) {
    guard matrix.isWide else {
      unsafe product(x, matrix, vq_output_int16, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
      return
    }
    let sums = scratch.sums
    multiply(x, by: matrix, into: sums, scratch)
    precondition(sums.rows == out.rows && sums.columns == out.columns, "sums of the output's shape")
    for row in 0..<out.rows {
      let (source, target) = unsafe (sums.row(row), out.row(row))
      for column in 0..<out.columns { unsafe target[column] = FixedPoint.saturateToInt16(source[column]) }
    }
  }

  /// The product as int32.
  package func multiply(
    _ x: QuantizedRows, by matrix: PackedMatrix, into out: Matrix<Int32>, _ scratch: WideScratch
  ) {
    unsafe product(x, matrix, vq_output_int32, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
    if matrix.isWide { addLowPlanes(x, matrix, to: out, scratch.zeros) }
  }

  /// Adds the product to `out`; the sums are held within the residual stream's range.
  package func multiply(
    _ x: QuantizedRows, by matrix: PackedMatrix, addingTo out: Matrix<Int32>, _ scratch: WideScratch
  ) {
    unsafe product(x, matrix, vq_output_accumulate, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
    if matrix.isWide { addLowPlanes(x, matrix, to: out, scratch.zeros) }
  }

  /// The plain sums of products, without scales, zero points or bias.
  package func sumProducts(_ x: QuantizedRows, with matrix: PackedMatrix, into out: Matrix<Int32>) {
    unsafe product(x, matrix, vq_output_sums, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
  }

  /// The products that a wide layer adds to that of the high planes, each in units 2^7 smaller.
  private func addLowPlanes(_ x: QuantizedRows, _ matrix: PackedMatrix, to out: Matrix<Int32>, _ zeros: Vector<Int32>) {
    precondition(zeros.count >= WeightLayout.paddedOutputs(matrix.outputs), "a bias of zero for each output")
    let shift = matrix.shift &+ WideLayer.lowBits
    if let low = unsafe x.lowPlane(zeros: zeros) {
      let high = unsafe PackedMatrix(
        weights: matrix.weights, multiplier: matrix.multiplier, columnSum: matrix.columnSum, bias: zeros.base,
        outputs: matrix.outputs, inputs: matrix.inputs, shift: shift)
      unsafe product(
        low, high, vq_output_accumulate, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
    }
    guard let plane = unsafe matrix.low else { return }
    let low = unsafe PackedMatrix(
      weights: plane.weights, multiplier: matrix.multiplier, columnSum: plane.columnSum, bias: zeros.base,
      outputs: matrix.outputs, inputs: matrix.inputs, shift: shift)
    unsafe product(x, low, vq_output_accumulate, out.base, rows: out.rows, columns: out.columns, stride: out.stride)
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
    var product = unsafe vq_matmul(
      a: x.high, a_stride: x.stride, b: matrix.weights, rows: Int32(truncatingIfNeeded: rows),
      columns: Int32(truncatingIfNeeded: columns), k: Int32(truncatingIfNeeded: inputs), shift: matrix.shift,
      row_multiplier: x.multiplier, row_zero_point: x.zeroPoint, column_multiplier: matrix.multiplier,
      column_sum: matrix.columnSum, bias: matrix.bias, out: out, out_stride: stride, output: kind)
    unsafe table.matmul(&product)
  }
}
