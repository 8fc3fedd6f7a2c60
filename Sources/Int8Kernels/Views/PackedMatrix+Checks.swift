// What a file says about its weights can be checked with the weights.
extension PackedMatrix {
  /// The first output whose numbers beside the weights are not what they can be: a column sum that no weights give, or
  /// a number of a padded output, which must be 0; nil where there is none. Reads no weights.
  package var firstImpossibleOutput: Int? {
    let limit = (isWide ? 1 << 15 : 128) * inputs
    return (0..<WeightLayout.paddedOutputs(outputs)).first { output in
      let isPossible =
        output < outputs
        ? unsafe Int(columnSum[output].magnitude) <= limit
        : unsafe columnSum[output] == 0 && multiplier[output] == 0 && bias[output] == 0
      return !isPossible
    }
  }

  /// Whether the weights between the last input, or the last output, and the next whole group are 0.
  ///
  /// Reads those of the last inputs and outputs alone, and nothing where there is no padding.
  package var hasZeroPadding: Bool {
    let bytes = unsafe weightBytes
    // Inputs in a group of 4 bytes.
    let groupInputs = isWide ? 2 : 4
    let (groups, lastPanel) = (WeightLayout.paddedInputs(inputs) / groupInputs, outputs / WeightLayout.panelColumns)
    var bits: UInt8 = 0
    if inputs % 4 != 0 {
      for panel in 0..<WeightLayout.paddedOutputs(outputs) / WeightLayout.panelColumns {
        for input in inputs..<WeightLayout.paddedInputs(inputs) {
          let group = (panel * groups + input / groupInputs) * 64
          for column in 0..<WeightLayout.panelColumns {
            let first = group + column * 4 + input % groupInputs * 4 / groupInputs
            for byte in first..<first + 4 / groupInputs { unsafe bits |= bytes[byte] }
          }
        }
      }
    }
    if outputs % WeightLayout.panelColumns != 0 {
      for group in 0..<groups {
        let columns = (lastPanel * groups + group) * 64
        for byte in columns + 4 * (outputs % WeightLayout.panelColumns)..<columns + 64 { unsafe bits |= bytes[byte] }
      }
    }
    return bits == 0
  }

  /// The first output whose column sum is not the sum of its weights; nil where all are. Reads all weights.
  package var firstWrongColumnSum: Int? {
    let sums = unsafe LayerReach.ColumnSums(weightBytes.bytes, inputs: inputs, isWide: isWide).plain
    return sums.indices.first { unsafe sums[$0] != columnSum[$0] }
  }

  /// What the weights can come to. Reads all of them.
  ///
  /// - Parameter rowMultiplier: the largest that an input can have.
  package func reach(rowMultiplier: Int64) -> LayerReach {
    let padded = WeightLayout.paddedOutputs(outputs)
    return unsafe LayerReach(
      weights: weightBytes.bytes, isWide: isWide,
      multiplier: UnsafeBufferPointer(start: multiplier, count: padded).span,
      bias: UnsafeBufferPointer(start: bias, count: padded).span, outputs: outputs, inputs: inputs, shift: shift,
      rowMultiplier: rowMultiplier)
  }
}
