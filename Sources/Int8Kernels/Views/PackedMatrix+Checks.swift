// What a file says about its weights can be checked with the weights.
extension PackedMatrix {
  /// Calls `body` with each plane's weights and recorded column sums.
  @unsafe
  private func forEachSummedPlane(_ body: (Span<Int8>, UnsafePointer<Int32>) -> Void) {
    let count = WeightLayout.byteCount(outputs: outputs, inputs: inputs)
    unsafe body(UnsafeBufferPointer(start: weights, count: count).span, columnSum)
    if let low = unsafe low { unsafe body(UnsafeBufferPointer(start: low.weights, count: count).span, low.columnSum) }
  }

  /// The first output whose numbers beside the weights are not what they can be: a column sum that no weights give, or
  /// a number of a padded output, which must be 0; nil where there is none. Reads no weights.
  package var firstImpossibleOutput: Int? {
    let limit = 128 * inputs
    var found: Int?
    unsafe forEachSummedPlane { _, sums in
      for output in 0..<WeightLayout.paddedOutputs(outputs) {
        let isPossible =
          output < outputs
          ? unsafe Int(sums[output].magnitude) <= limit
          : unsafe sums[output] == 0 && multiplier[output] == 0 && bias[output] == 0
        if !isPossible { found = min(found ?? output, output) }
      }
    }
    return found
  }

  /// Whether the weights between the last input, or the last output, and the next whole group are 0.
  ///
  /// Reads those of the last inputs and outputs alone, and nothing where there is no padding.
  package var hasZeroPadding: Bool {
    let (groups, lastPanel) = (WeightLayout.paddedInputs(inputs) / 4, outputs / WeightLayout.panelColumns)
    var bits: Int8 = 0
    unsafe forEachSummedPlane { weights, _ in
      if inputs % 4 != 0 {
        for panel in 0..<WeightLayout.paddedOutputs(outputs) / WeightLayout.panelColumns {
          let group = ((panel + 1) * groups - 1) * 64
          for column in 0..<WeightLayout.panelColumns {
            for input in inputs % 4..<4 { bits |= weights[group + column * 4 + input] }
          }
        }
      }
      if outputs % WeightLayout.panelColumns != 0 {
        for group in 0..<groups {
          let columns = (lastPanel * groups + group) * 64
          for index in 4 * (outputs % WeightLayout.panelColumns)..<64 { bits |= weights[columns + index] }
        }
      }
    }
    return bits == 0
  }

  /// The first output whose column sum is not the sum of its weights; nil where all are. Reads all weights.
  package var firstWrongColumnSum: Int? {
    var found: Int?
    unsafe forEachSummedPlane { weights, recorded in
      let sums = LayerReach.ColumnSums(weights, inputs: inputs).plain
      for output in sums.indices where unsafe sums[output] != recorded[output] {
        found = min(found ?? output, output)
      }
    }
    return found
  }

  /// What the weights can come to. Reads all of them.
  ///
  /// - Parameter rowMultiplier: the largest that an input can have.
  package func reach(rowMultiplier: Int64) -> LayerReach {
    let count = WeightLayout.byteCount(outputs: outputs, inputs: inputs)
    let padded = WeightLayout.paddedOutputs(outputs)
    let lower = unsafe UnsafeBufferPointer(start: low?.weights, count: isWide ? count : 0)
    return unsafe LayerReach(
      weights: UnsafeBufferPointer(start: weights, count: count).span, low: lower.span,
      multiplier: UnsafeBufferPointer(start: multiplier, count: padded).span,
      bias: UnsafeBufferPointer(start: bias, count: padded).span, outputs: outputs, inputs: inputs, shift: shift,
      rowMultiplier: rowMultiplier)
  }
}
