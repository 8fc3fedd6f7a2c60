/// How large the integers of a linear layer can become, whatever its input: computed from its weights when a model is
/// written, and again when a model file is verified.
package struct LayerReach: Sendable, Equatable {
  /// The largest magnitude of an accumulator.
  package let accumulator: Int64
  /// The largest magnitude of a requantized output, bias included.
  package let output: Int64

  /// The largest multiplier of a layer's rows: raw pixels have 1, activations up to 15 bits.
  package static func rowMultiplier(readsPixels: Bool) -> Int64 { readsPixels ? 1 : 32767 }

  /// A level minus its zero point is within ±255, so an accumulator is within 255 times the sum of the weights'
  /// magnitudes, which 31 bits hold for up to 65,536 inputs; with two multipliers of 15 bits it needs 61.
  ///
  /// - Parameters:
  ///   - weights, low: packed; `low` is empty where a layer has no low plane.
  ///   - multiplier, bias: one for each output, at least.
  ///   - inputs: at most 65,536.
  ///   - shift: 0 to 62, or to 55 with a low plane.
  ///   - rowMultiplier: the largest that an input can have, at most 32767.
  package init(
    weights: Span<Int8>, low: Span<Int8>, multiplier: Span<Int32>, bias: Span<Int32>, outputs: Int, inputs: Int,
    shift: Int32, rowMultiplier: Int64
  ) {
    let high = ColumnSums(weights, inputs: inputs).magnitudes
    let lower = ColumnSums(low, inputs: inputs).magnitudes
    let lowShift = shift + WideLayer.lowBits
    var largest = (accumulator: Int64(0), output: Int64(0))
    for index in 0..<outputs {
      let scale = rowMultiplier * Int64(multiplier[index].magnitude)
      var accumulator = 255 * high[index]
      var output = Self.quotient(accumulator * scale, shift: shift) + Int64(bias[index].magnitude)
      if !lower.isEmpty {
        // The low plane of an activation is within 127, and has no zero point.
        output += Self.quotient(127 * high[index] * scale, shift: lowShift)
        output += Self.quotient(255 * lower[index] * scale, shift: lowShift)
        accumulator = max(accumulator, 255 * lower[index])
      }
      largest = (max(largest.accumulator, accumulator), max(largest.output, output))
    }
    (accumulator, output) = largest
  }

  /// `x / 2^shift`, rounded up. No overflow: `x` is below 2^61, and what is added below 2^62.
  private static func quotient(_ x: Int64, shift: Int32) -> Int64 { (x + (1 << Int64(shift)) - 1) >> Int64(shift) }

  /// The sums of each output's weights, and of their magnitudes, in one plane. Padding counts too.
  struct ColumnSums {
    private(set) var plain: [Int32]
    private(set) var magnitudes: [Int64]

    init(_ weights: Span<Int8>, inputs: Int) {
      let panelBytes = WeightLayout.paddedInputs(inputs) * WeightLayout.panelColumns
      let panels = panelBytes == 0 ? 0 : weights.count / panelBytes
      plain = [Int32](repeating: 0, count: panels * WeightLayout.panelColumns)
      magnitudes = [Int64](repeating: 0, count: plain.count)
      let bytes = unsafe weights.bytes
      for panel in 0..<panels {
        var sum = SIMD16<Int32>()
        var magnitude = SIMD16<Int32>()
        for offset in stride(from: panel * panelBytes, to: (panel + 1) * panelBytes, by: 64) {
          // A lane's four bytes are the weights of four inputs; see `Portable.matmul`.
          let lanes = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD16<Int32>.self)
          for input in 0..<4 {
            let weight = (lanes &<< Int32(truncatingIfNeeded: 24 &- 8 &* input)) &>> 24
            sum &+= weight
            let sign = weight &>> 31
            magnitude &+= (weight ^ sign) &- sign
          }
        }
        for lane in 0..<WeightLayout.panelColumns {
          plain[panel * WeightLayout.panelColumns + lane] = sum[lane]
          magnitudes[panel * WeightLayout.panelColumns + lane] = Int64(magnitude[lane])
        }
      }
    }
  }
}
