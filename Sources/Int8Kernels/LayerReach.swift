/// How large the integers of a linear layer can become, whatever its input: computed from its weights when a model is
/// written, and again when a model file is verified.
package struct LayerReach: Sendable, Equatable {
  /// The largest magnitude of an accumulator.
  package let accumulator: Int64
  /// The largest magnitude of a requantized output, bias included.
  package let output: Int64

  /// The largest multiplier of a layer's rows: raw pixels have 1, activations up to 15 bits.
  package static func rowMultiplier(readsPixels: Bool) -> Int64 { readsPixels ? 1 : 32767 }

  /// A level minus its zero point is within ±255, and a level of a wide layer within `WideLayer.levelLimit`. So an
  /// accumulator is within that times the sum of the weights' magnitudes, which 31 bits hold for up to 65,536 weights of
  /// 8 bits, and for those of a wide layer that calibration made; with two multipliers of 15 bits it needs 61.
  ///
  /// - Parameters:
  ///   - weights: packed; int16 where `isWide` says so.
  ///   - multiplier, bias: one for each output, at least.
  ///   - inputs: at most 65,536.
  ///   - shift: 0 to 62.
  ///   - rowMultiplier: the largest that an input can have, at most 32767.
  package init(
    weights: RawSpan, isWide: Bool, multiplier: Span<Int32>, bias: Span<Int32>, outputs: Int, inputs: Int,
    shift: Int32, rowMultiplier: Int64
  ) {
    let magnitudes = ColumnSums(weights, inputs: inputs, isWide: isWide).magnitudes
    let levelLimit = isWide ? WideLayer.levelLimit : 255
    var largest = (accumulator: Int64(0), output: Int64(0))
    for index in 0..<outputs {
      let scale = rowMultiplier * Int64(multiplier[index].magnitude)
      let accumulator = levelLimit * magnitudes[index]
      // A larger accumulator is refused for itself.
      let output = Self.quotient(min(accumulator, 1 << 31) * scale, shift: shift) + Int64(bias[index].magnitude)
      largest = (max(largest.accumulator, accumulator), max(largest.output, output))
    }
    (accumulator, output) = largest
  }

  /// `x / 2^shift`, rounded up. No overflow: `x` is below 2^61, and what is added below 2^62.
  private static func quotient(_ x: Int64, shift: Int32) -> Int64 { (x + (1 << Int64(shift)) - 1) >> Int64(shift) }

  /// The sums of each output's weights, and of their magnitudes. Padding counts too.
  struct ColumnSums {
    private(set) var plain: [Int32]
    private(set) var magnitudes: [Int64]

    init(_ weights: RawSpan, inputs: Int, isWide: Bool) {
      let panelBytes = WeightLayout.byteCount(outputs: WeightLayout.panelColumns, inputs: inputs, isWide: isWide)
      let panels = panelBytes == 0 ? 0 : weights.byteCount / panelBytes
      plain = [Int32](repeating: 0, count: panels * WeightLayout.panelColumns)
      magnitudes = [Int64](repeating: 0, count: plain.count)
      let bits: Int32 = isWide ? 16 : 8
      for panel in 0..<panels {
        var sum = SIMD16<Int32>()
        // 65,536 weights of 2^15 are 2^31.
        var magnitude = SIMD16<UInt32>()
        for offset in stride(from: panel * panelBytes, to: (panel + 1) * panelBytes, by: 64) {
          // A lane's four bytes are the weights of four inputs, or of two; see `Portable.matmul`.
          let lanes = unsafe weights.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD16<Int32>.self)
          for left in stride(from: 32 - bits, through: 0, by: -Int(bits)) {
            let weight = (lanes &<< left) &>> (32 - bits)
            sum &+= weight
            let sign = weight &>> 31
            magnitude &+= SIMD16<UInt32>(truncatingIfNeeded: (weight ^ sign) &- sign)
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
