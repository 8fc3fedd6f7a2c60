/// An `outputs x inputs` matrix of int8 or int16 numbers in the kernels' layout (`WeightLayout`), with what the
/// requantization of a product with it needs: the weights of a linear layer, or the keys or values of an attention head.
///
/// The view does not own its memory, which must live as long as it is used.
@safe
package struct PackedMatrix: @unchecked Sendable {
  let weights: UnsafeRawPointer
  /// Whether weights are int16.
  package let isWide: Bool
  /// One for each output, padded to whole panels: -32767 to 32767.
  let multiplier: UnsafePointer<Int32>
  /// The sum of each output's weights, padded likewise.
  let columnSum: UnsafePointer<Int32>
  /// In output units, padded likewise.
  let bias: UnsafePointer<Int32>
  package let outputs: Int
  package let inputs: Int
  /// 0 to 62.
  package let shift: Int32

  /// - Parameters:
  ///   - weights: `WeightLayout.byteCount(outputs:inputs:isWide:)` bytes, at an even address where they are int16.
  ///   - multiplier, columnSum, bias: `WeightLayout.paddedOutputs(outputs)` numbers each.
  @unsafe
  package init(
    weights: UnsafeRawPointer, isWide: Bool, multiplier: Vector<Int32>, columnSum: Vector<Int32>, bias: Vector<Int32>,
    outputs: Int, inputs: Int, shift: Int32
  ) {
    let padded = WeightLayout.paddedOutputs(outputs)
    precondition(
      min(multiplier.count, columnSum.count, bias.count) >= padded, "numbers for each output, padded to whole panels")
    unsafe self.init(
      weights: weights, isWide: isWide, multiplier: multiplier.base, columnSum: columnSum.base, bias: bias.base,
      outputs: outputs, inputs: inputs, shift: shift)
  }

  @unsafe
  init(
    weights: UnsafeRawPointer, isWide: Bool, multiplier: UnsafePointer<Int32>, columnSum: UnsafePointer<Int32>,
    bias: UnsafePointer<Int32>, outputs: Int, inputs: Int, shift: Int32
  ) {
    precondition(outputs >= 0 && inputs >= 0 && (0...62).contains(shift), "dimensions and a shift that kernels take")
    unsafe self.weights = weights
    self.isWide = isWide
    unsafe self.multiplier = multiplier
    unsafe self.columnSum = columnSum
    unsafe self.bias = bias
    self.outputs = outputs
    self.inputs = inputs
    self.shift = shift
  }

  /// The weights' bytes.
  @unsafe
  package var weightBytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: weights, count: WeightLayout.byteCount(outputs: outputs, inputs: inputs, isWide: isWide))
  }

  /// Some of the outputs.
  ///
  /// - Parameter range: starts at a whole panel, a multiple of 16.
  @inline(__always)
  package func outputs(_ range: Range<Int>) -> PackedMatrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= outputs && range.lowerBound % WeightLayout.panelColumns == 0,
      "outputs from a whole panel on")
    let first = range.lowerBound
    return unsafe PackedMatrix(
      weights: weights + WeightLayout.byteCount(outputs: first, inputs: inputs, isWide: isWide), isWide: isWide,
      multiplier: multiplier + first, columnSum: columnSum + first, bias: bias + first, outputs: range.count,
      inputs: inputs, shift: shift)
  }

  /// The same weights with other scales.
  ///
  /// - Parameters:
  ///   - multiplier, bias: as many numbers as `outputs`, padded to whole panels.
  ///   - shift: 0 to 62.
  package func replacing(multiplier: Vector<Int32>, bias: Vector<Int32>, shift: Int32) -> PackedMatrix {
    let padded = WeightLayout.paddedOutputs(outputs)
    precondition(min(multiplier.count, bias.count) >= padded, "a multiplier and a bias for each output")
    return unsafe PackedMatrix(
      weights: weights, isWide: isWide, multiplier: multiplier.base, columnSum: columnSum, bias: bias.base,
      outputs: outputs, inputs: inputs, shift: shift)
  }
}
