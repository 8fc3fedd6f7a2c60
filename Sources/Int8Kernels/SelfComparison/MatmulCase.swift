import CKernels

/// The shape, the values and the memory layout of one product.
struct MatmulCase: Sendable, CustomStringConvertible {
  enum Values: Sendable {
    /// Over the whole ranges of the contract, so that results wrap and int16 is mostly saturated.
    case random
    /// With column sums and a bias as small as a layer's, so that int16 is mostly not saturated.
    case moderate
    /// Activations and weights at their ends, 255 or -32768, -128 and 127 or -32768 and 32767; so zero points and multipliers.
    case extreme
    /// Activations of 255 or 0, neighbouring weights that add up to 127, 128 or 129 or to the negative of that: around
    /// what a kernel may multiply and add in 16 bits.
    case pairs
    /// Column sums from -2^22 to 2^22 - 1, which a kernel may hold in two numbers of 16 bits, and one of 2^22 in the last
    /// panel.
    case sums
    /// Biases from -2^62 to 2^62 - 1 when they are shifted to the left, which a kernel may add to a product of 61 bits,
    /// and one of almost 2^63 in the last panel.
    case biases
    case zero
  }

  var rows: Int
  var columns: Int
  var k: Int
  var shift: Int32 = 24
  var values = Values.random
  /// Whether the operands are int16.
  var isWide = false
  /// Elements between the end of a row and the start of the next, of the activations and of the output.
  var aPadding = 0
  var outPadding = 3
  var seed: UInt64 = 1

  /// The kinds of output that a product can have.
  static let outputs = [vq_output_int16, vq_output_int32, vq_output_accumulate, vq_output_sums]

  var description: String {
    "\(rows) x \(k) x \(columns), shift \(shift), \(values), padding \(aPadding) \(outPadding)\(isWide ? ", int16" : "")"
  }
}
