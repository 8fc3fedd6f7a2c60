import CKernels

@testable import Int8Kernels

extension MatmulOperands {
  /// The same in the widest arithmetic that Swift has, from the text of the contract.
  func naive(_ output: vq_output) -> [Int32] {
    var out =
      output == vq_output_int16 ? initialOutput.map { Int32(Int16(truncatingIfNeeded: $0)) } : initialOutput
    for row in 0..<shape.rows {
      for column in 0..<shape.columns {
        let index = row * (shape.columns + shape.outPadding) + column
        let sum = sum(row, column)
        if output == vq_output_sums {
          out[index] = Int32(truncatingIfNeeded: sum)
          continue
        }
        let offset = Int64(rowZeroPoint.base[row]) * Int64(columnSum.base[column])
        let accumulator = Int128(Int32(truncatingIfNeeded: sum - offset))
        let product = accumulator * Int128(rowMultiplier.base[row]) * Int128(columnMultiplier.base[column])
        let rounded = (2 * product + (Int128(1) << shape.shift)) >> (shape.shift + 1)
        var value = Int32(truncatingIfNeeded: rounded + Int128(bias.base[column]))
        if output == vq_output_accumulate { value = min(max(out[index] &+ value, 1 - (1 << 30)), (1 << 30) - 1) }
        out[index] = output == vq_output_int16 ? min(max(value, -32768), 32767) : value
      }
    }
    return out
  }

  private func sum(_ row: Int, _ column: Int) -> Int64 {
    let first = row * (shape.k + shape.aPadding)
    return (0..<shape.k).reduce(0) { sum, input in
      switch levels {
      case .narrow(let a, let b):
        let weight = b.base[(column / 16 * (shape.k / 4) + input / 4) * 64 + column % 16 * 4 + input % 4]
        return sum + Int64(a.base[first + input]) * Int64(weight)
      case .wide(let a, let b):
        let weight = b.base[(column / 16 * (shape.k / 2) + input / 2) * 32 + column % 16 * 2 + input % 2]
        return sum + Int64(a.base[first + input]) * Int64(weight)
      }
    }
  }
}
