/// An `outputs x inputs` matrix of int8 numbers in the kernels' layout (`WeightLayout`), with what the requantization
/// of a product with it needs: the weights of a linear layer, or the keys or values of an attention head.
///
/// The view does not own its memory, which must live as long as it is used.
@safe
package struct PackedMatrix: @unchecked Sendable {
  /// The lower 7 bits of a wide layer's weights.
  @unsafe
  struct LowPlane {
    /// -64 to 63 each, packed like the upper ones.
    var weights: UnsafePointer<Int8>
    var columnSum: UnsafePointer<Int32>
  }

  let weights: UnsafePointer<Int8>
  let low: LowPlane?
  /// One for each output, padded to whole panels: -32767 to 32767.
  let multiplier: UnsafePointer<Int32>
  /// The sum of each output's weights, padded likewise.
  let columnSum: UnsafePointer<Int32>
  /// In output units, padded likewise.
  let bias: UnsafePointer<Int32>
  package let outputs: Int
  package let inputs: Int
  /// 0 to 62, or to 55 with a low plane.
  package let shift: Int32

  /// Whether weights have 15 bits in two planes: `weight = weights * 2^7 + low`, with the multipliers of `weights`.
  package var isWide: Bool { unsafe low != nil }

  /// - Parameters:
  ///   - weights: `WeightLayout.byteCount(outputs:inputs:)` bytes.
  ///   - low: the low plane, as many bytes; nil for 8-bit weights.
  ///   - multiplier, columnSum, lowColumnSum, bias: `WeightLayout.paddedOutputs(outputs)` numbers each.
  @unsafe
  package init(
    weights: UnsafePointer<Int8>, low: UnsafePointer<Int8>?, multiplier: Vector<Int32>, columnSum: Vector<Int32>,
    lowColumnSum: Vector<Int32>?, bias: Vector<Int32>, outputs: Int, inputs: Int, shift: Int32
  ) {
    let padded = WeightLayout.paddedOutputs(outputs)
    precondition(
      min(multiplier.count, columnSum.count, bias.count, lowColumnSum?.count ?? padded) >= padded,
      "numbers for each output, padded to whole panels")
    var plane: LowPlane?
    if let low = unsafe low, let lowColumnSum {
      unsafe plane = LowPlane(weights: low, columnSum: lowColumnSum.base)
    }
    unsafe self.init(
      weights: weights, plane: plane, multiplier: multiplier.base, columnSum: columnSum.base, bias: bias.base,
      outputs: outputs, inputs: inputs, shift: shift)
  }

  @unsafe
  init(
    weights: UnsafePointer<Int8>, plane: LowPlane? = nil, multiplier: UnsafePointer<Int32>,
    columnSum: UnsafePointer<Int32>, bias: UnsafePointer<Int32>, outputs: Int, inputs: Int, shift: Int32
  ) {
    precondition(outputs >= 0 && inputs >= 0 && (0...62).contains(shift), "dimensions and a shift that kernels take")
    unsafe self.weights = weights
    unsafe low = plane
    unsafe self.multiplier = multiplier
    unsafe self.columnSum = columnSum
    unsafe self.bias = bias
    self.outputs = outputs
    self.inputs = inputs
    self.shift = shift
  }

  /// Bytes of the weights, of both planes where there are two.
  package var weightByteCount: Int {
    WeightLayout.byteCount(outputs: outputs, inputs: inputs) * (isWide ? 2 : 1)
  }

  /// Calls `body` with the bytes of each plane's weights.
  @unsafe
  package func forEachPlane(_ body: (UnsafeRawBufferPointer) -> Void) {
    let count = WeightLayout.byteCount(outputs: outputs, inputs: inputs)
    unsafe body(UnsafeRawBufferPointer(start: weights, count: count))
    if let low = unsafe low { unsafe body(UnsafeRawBufferPointer(start: low.weights, count: count)) }
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
    let bytes = first * WeightLayout.paddedInputs(inputs)
    return unsafe PackedMatrix(
      weights: weights + bytes,
      plane: low.map { unsafe LowPlane(weights: $0.weights + bytes, columnSum: $0.columnSum + first) },
      multiplier: multiplier + first, columnSum: columnSum + first, bias: bias + first, outputs: range.count,
      inputs: inputs, shift: shift)
  }

  /// The same weights with other scales.
  ///
  /// - Parameters:
  ///   - multiplier, bias: as many numbers as `outputs`, padded to whole panels.
  ///   - shift: 0 to 62, or to 55 with a low plane.
  package func replacing(multiplier: Vector<Int32>, bias: Vector<Int32>, shift: Int32) -> PackedMatrix {
    let padded = WeightLayout.paddedOutputs(outputs)
    precondition(min(multiplier.count, bias.count) >= padded, "a multiplier and a bias for each output")
    return unsafe PackedMatrix(
      weights: weights, plane: low, multiplier: multiplier.base, columnSum: columnSum, bias: bias.base,
      outputs: outputs, inputs: inputs, shift: shift)
  }
}

/// Memory that keys or values are packed into; read as a `PackedMatrix`.
@safe
package struct PackedActivations: @unchecked Sendable {
  /// The lower 7 bits of keys or values of 15 bits.
  @unsafe
  package struct LowPlane {
    /// As many bytes as the upper plane has: -64 to 63 each.
    var panels: UnsafeMutablePointer<Int8>
    /// One for each output, padded to whole panels.
    var columnSum: UnsafeMutablePointer<Int32>

    package init(panels: UnsafeMutablePointer<Int8>, columnSum: UnsafeMutablePointer<Int32>) {
      unsafe self.panels = panels
      unsafe self.columnSum = columnSum
    }
  }

  /// `WeightLayout.byteCount(outputs:inputs:)` bytes.
  let panels: UnsafeMutablePointer<Int8>
  let low: LowPlane?
  /// One for each output, padded to whole panels. For values, whose products are not requantized, all are 0, and the
  /// same zeros serve every head.
  let multiplier: UnsafeMutablePointer<Int32>
  let columnSum: UnsafeMutablePointer<Int32>
  /// Zeros, as many as `multiplier` has numbers: the bias.
  let zeros: Vector<Int32>
  package let outputs: Int
  package let inputs: Int

  @unsafe
  package init(
    panels: UnsafeMutablePointer<Int8>, multiplier: UnsafeMutablePointer<Int32>,
    columnSum: UnsafeMutablePointer<Int32>, low: LowPlane? = nil, zeros: Vector<Int32>, outputs: Int, inputs: Int
  ) {
    precondition(zeros.count >= WeightLayout.paddedOutputs(outputs), "a bias of zero for each output")
    unsafe self.panels = panels
    unsafe self.low = low
    unsafe self.multiplier = multiplier
    unsafe self.columnSum = columnSum
    self.zeros = zeros
    self.outputs = outputs
    self.inputs = inputs
  }

  /// Whether there is a low plane.
  package var isWide: Bool { unsafe low != nil }

  /// The same memory for a matrix that is not larger.
  ///
  /// - Parameter isWide: whether to use the low plane, which must be there.
  @inline(__always)
  package func sized(outputs: Int, inputs: Int, isWide: Bool) -> PackedActivations {
    precondition(outputs <= self.outputs && inputs <= self.inputs, "a matrix that there is room for")
    precondition(!isWide || self.isWide, "a low plane for 15 bits")
    return unsafe PackedActivations(
      panels: panels, multiplier: multiplier, columnSum: columnSum, low: isWide ? low : nil, zeros: zeros,
      outputs: outputs, inputs: inputs)
  }

  /// As an operand of a product.
  ///
  /// - Parameter shift: 0 to 62. Beyond 55 all that a low plane could add is below half a unit, and is left out: an
  ///   accumulator has 31 bits, and the two multipliers 15 each.
  package func matrix(shift: Int32) -> PackedMatrix {
    var plane: PackedMatrix.LowPlane?
    if let low = unsafe low, shift &+ WideLayer.lowBits <= 62 {
      unsafe plane = PackedMatrix.LowPlane(weights: UnsafePointer(low.panels), columnSum: UnsafePointer(low.columnSum))
    }
    return unsafe PackedMatrix(
      weights: panels, plane: plane, multiplier: multiplier, columnSum: columnSum, bias: zeros.base, outputs: outputs,
      inputs: inputs, shift: shift)
  }

  /// The low plane as an operand of plain sums; nil where there is none.
  func lowMatrix() -> PackedMatrix? {
    guard let low = unsafe low else { return nil }
    return unsafe PackedMatrix(
      weights: low.panels, multiplier: multiplier, columnSum: low.columnSum, bias: zeros.base, outputs: outputs,
      inputs: inputs, shift: 0)
  }
}
