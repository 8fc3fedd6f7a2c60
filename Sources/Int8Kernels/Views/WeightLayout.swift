/// The one weight layout of every instruction set: `[N/16][K/4][16][4]`, zero-padded.
///
/// 64 bytes hold 16 output channels times 4 consecutive inputs: a 512-bit operand of `vpdpbusd`, a row of an AMX tile,
/// four operands of `sdot`.
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
  @inlinable
  package static func byteCount(outputs: Int, inputs: Int) -> Int {
    paddedOutputs(outputs) * paddedInputs(inputs)
  }

  /// Where the weight of an output and an input is stored.
  @inlinable
  package static func index(output: Int, input: Int, inputs: Int) -> Int {
    let groups = paddedInputs(inputs) / 4
    return ((output / 16 * groups + input / 4) * 16 + output % 16) * 4 + input % 4
  }

  /// Packs a row-major `outputs x inputs` matrix.
  package static func pack(_ weights: [Int8], outputs: Int, inputs: Int) -> [Int8] {
    precondition(weights.count == outputs * inputs, "weights must be outputs x inputs")
    var packed = [Int8](repeating: 0, count: byteCount(outputs: outputs, inputs: inputs))
    for output in 0..<outputs {
      for input in 0..<inputs {
        packed[index(output: output, input: input, inputs: inputs)] = weights[output * inputs + input]
      }
    }
    return packed
  }
}
