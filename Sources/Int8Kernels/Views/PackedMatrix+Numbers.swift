// The weights one by one: for reports and exports, not for products.
extension PackedMatrix {
  /// A weight's level.
  package func weight(output: Int, input: Int) -> Int32 {
    precondition(output >= 0 && output < outputs && input >= 0 && input < inputs, "a weight of the matrix")
    let index = WeightLayout.index(output: output, input: input, inputs: inputs, isWide: isWide)
    return unsafe isWide
      ? Int32(weights.loadUnaligned(fromByteOffset: 2 * index, as: Int16.self))
      : Int32(weights.loadUnaligned(fromByteOffset: index, as: Int8.self))
  }

  /// What the accumulator of an output is multiplied by, beside the row's own multiplier, times `2^shift`.
  package func multiplier(output: Int) -> Int32 {
    precondition(output >= 0 && output < outputs, "an output of the matrix")
    return unsafe multiplier[output]
  }

  /// What is added to an output, in its units.
  package func bias(output: Int) -> Int32 {
    precondition(output >= 0 && output < outputs, "an output of the matrix")
    return unsafe bias[output]
  }
}
