/// The one weight layout of every instruction set: `[N/16][K/4][16][4]` int8 or `[N/16][K/2][16][2]` int16, zero-padded.
///
/// 64 bytes hold 16 output channels times 4 consecutive inputs, 2 of int16: a 512-bit operand of `vpdpbusd` or `vpdpwssd`, a
/// row of an AMX tile, four operands of `sdot`.
@usableFromInline
package enum WeightLayout {
  /// Output channels in a panel.
  package static let panelColumns = 16

  /// `inputs` rounded up to what a row of activations must be readable to.
  @inlinable
  package static func paddedInputs(_ inputs: Int) -> Int { (inputs + 3) / 4 * 4 }

  /// `outputs` rounded up to whole panels.
  @inlinable
  package static func paddedOutputs(_ outputs: Int) -> Int { (outputs + 15) / 16 * 16 }

  /// Bytes of a packed `outputs x inputs` matrix.
  ///
  /// - Parameter isWide: whether its numbers are int16.
  @inlinable
  package static func byteCount(outputs: Int, inputs: Int, isWide: Bool = false) -> Int {
    paddedOutputs(outputs) * paddedInputs(inputs) * (isWide ? 2 : 1)
  }

  /// Which number of a packed matrix the weight of an output and an input is.
  @inlinable
  package static func index(output: Int, input: Int, inputs: Int, isWide: Bool = false) -> Int {
    let group = isWide ? 2 : 4
    let groups = paddedInputs(inputs) / group
    return ((output / 16 * groups + input / group) * 16 + output % 16) * group + input % group
  }

  /// Packs a row-major `outputs x inputs` matrix of int8 or int16.
  @inlinable
  package static func pack<Weight: FixedWidthInteger>(_ weights: [Weight], outputs: Int, inputs: Int) -> [Weight] {
    precondition(weights.count == outputs * inputs, "weights must be outputs x inputs")
    let isWide = Weight.bitWidth == 16
    var packed = [Weight](repeating: 0, count: paddedOutputs(outputs) * paddedInputs(inputs))
    for output in 0..<outputs {
      for input in 0..<inputs {
        packed[index(output: output, input: input, inputs: inputs, isWide: isWide)] = weights[output * inputs + input]
      }
    }
    return packed
  }
}
