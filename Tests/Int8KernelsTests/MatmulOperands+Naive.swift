import CKernels

@testable import Int8Kernels

extension MatmulOperands {
  /// The same in the widest arithmetic that Swift has, from the text of the contract.
  func naive(_ output: vq_output) -> [Int32] {
    var out =
      output == vq_output_int16 ? initialOutput.map { Int32(Int16(truncatingIfNeeded: $0)) } : initialOutput
    for row in 0..<shape.rows {
      for column in 0..<shape.columns {
        var sum: Int64 = 0
        for input in 0..<shape.k {
          let weight = b.base[(column / 16 * (shape.k / 4) + input / 4) * 64 + column % 16 * 4 + input % 4]
          sum += Int64(a.base[row * (shape.k + shape.aPadding) + input]) * Int64(weight)
        }
        let index = row * (shape.columns + shape.outPadding) + column
        if output == vq_output_sums {
          out[index] = Int32(truncatingIfNeeded: sum)
          continue
        }
        sum -= Int64(rowZeroPoint.base[row]) * Int64(columnSum.base[column])
        let accumulator = Int128(Int32(truncatingIfNeeded: sum))
        let product = accumulator * Int128(rowMultiplier.base[row]) * Int128(columnMultiplier.base[column])
        let rounded = (2 * product + (Int128(1) << shape.shift)) >> (shape.shift + 1)
        let value = Int32(truncatingIfNeeded: rounded + Int128(bias.base[column]))
        switch output {
        case vq_output_int16: out[index] = min(max(value, -32768), 32767)
        case vq_output_accumulate: out[index] = min(max(out[index] &+ value, 1 - (1 << 30)), (1 << 30) - 1)
        default: out[index] = value
        }
      }
    }
    return out
  }
}
