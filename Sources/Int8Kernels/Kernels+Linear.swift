import CKernels

/// Where a matrix product goes.
@unsafe
public enum MatmulOutput {
  /// Saturated to int16.
  case int16(UnsafeMutablePointer<Int16>, stride: Int)
  case int32(UnsafeMutablePointer<Int32>, stride: Int)
  /// Added to what is there, held within the residual stream's range.
  case accumulate(UnsafeMutablePointer<Int32>, stride: Int)
  /// The plain sums of products, without scales, zero points or bias.
  case sums(UnsafeMutablePointer<Int32>, stride: Int)
}

extension Kernels {
  /// `x W^T`, requantized: rows `0 ..< rows` of `x`, output channels `columns` of the layer.
  ///
  /// - Parameters:
  ///   - columns: starts at a multiple of 16.
  ///   - output: row 0, channel 0 of the whole output; only `rows` and `columns` are written.
  @unsafe @inline(__always)
  public func multiply(
    _ x: QuantizedRows, rows: Int, _ layer: PackedLinear, columns: Range<Int>, into output: MatmulOutput
  ) {
    guard rows > 0, !columns.isEmpty else { return }
    let inputs = unsafe WeightLayout.paddedInputs(layer.inputs)
    let first = columns.lowerBound
    let (out, stride, kind) = unsafe output.block(at: first)
    var product = unsafe vq_matmul(
      a: x.values, a_stride: x.stride, b: layer.weights + first * inputs, rows: Int32(truncatingIfNeeded: rows),
      columns: Int32(truncatingIfNeeded: columns.count), k: Int32(truncatingIfNeeded: inputs), shift: layer.shift,
      row_multiplier: x.multiplier, row_zero_point: x.zeroPoint, column_multiplier: layer.multiplier + first,
      column_sum: layer.columnSum + first, bias: layer.bias + first, out: out, out_stride: stride, output: kind)
    unsafe table.matmul(&product)
  }
}

extension MatmulOutput {
  @inline(__always)
  fileprivate func block(at column: Int) -> (UnsafeMutableRawPointer, Int, vq_output) {
    switch unsafe self {
    case .int16(let out, let stride): unsafe (UnsafeMutableRawPointer(out + column), stride, vq_output_int16)
    case .int32(let out, let stride): unsafe (UnsafeMutableRawPointer(out + column), stride, vq_output_int32)
    case .accumulate(let out, let stride):
      unsafe (UnsafeMutableRawPointer(out + column), stride, vq_output_accumulate)
    case .sums(let out, let stride): unsafe (UnsafeMutableRawPointer(out + column), stride, vq_output_sums)
    }
  }
}
