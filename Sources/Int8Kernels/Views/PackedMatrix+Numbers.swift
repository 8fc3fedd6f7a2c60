// The weights one by one: for reports and exports, not for products.
extension PackedMatrix {
  /// A weight in 128ths of a level, -127 * 128 to 127 * 128 and, in a wide layer, whatever lies between.
  package func weight(output: Int, input: Int) -> Int32 {
    precondition(output >= 0 && output < outputs && input >= 0 && input < inputs, "a weight of the matrix")
    let index = WeightLayout.index(output: output, input: input, inputs: inputs)
    let high = unsafe Int32(weights[index]) &<< WideLayer.lowBits
    guard let low = unsafe low else { return high }
    return unsafe high &+ Int32(low.weights[index])
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
