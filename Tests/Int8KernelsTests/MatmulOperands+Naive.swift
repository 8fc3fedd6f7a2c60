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
        let sum = sum(a, b, row, column)
        if output == vq_output_sums {
          out[index] = Int32(truncatingIfNeeded: sum)
          continue
        }
        func requantize(_ sum: Int64, _ columnSum: Int32, _ shift: Int32) -> Int128 {
          let accumulator = Int128(Int32(truncatingIfNeeded: sum - Int64(rowZeroPoint.base[row]) * Int64(columnSum)))
          let product = accumulator * Int128(rowMultiplier.base[row]) * Int128(columnMultiplier.base[column])
          return (2 * product + (Int128(1) << shift)) >> (shift + 1)
        }
        func limit(_ value: Int32) -> Int32 { min(max(value, 1 - (1 << 30)), (1 << 30) - 1) }
        let rounded = requantize(sum, columnSum.base[column], shape.shift) + Int128(bias.base[column])
        var value = Int32(truncatingIfNeeded: rounded)
        if output == vq_output_accumulate { value = limit(out[index] &+ value) }
        if let low {
          let inputs = low.a.map { requantize(self.sum($0, b, row, column), 0, shape.shift + 7) } ?? 0
          value = limit(value &+ Int32(truncatingIfNeeded: inputs))
          let weights = requantize(self.sum(a, low.b, row, column), low.columnSum.base[column], shape.shift + 7)
          value = limit(value &+ Int32(truncatingIfNeeded: weights))
        }
        out[index] = output == vq_output_int16 ? min(max(value, -32768), 32767) : value
      }
    }
    return out
  }

  private func sum(_ a: Operand<UInt8, Memory>, _ b: Operand<Int8, Memory>, _ row: Int, _ column: Int) -> Int64 {
    (0..<shape.k).reduce(0) { sum, input in
      let weight = b.base[(column / 16 * (shape.k / 4) + input / 4) * 64 + column % 16 * 4 + input % 4]
      return sum + Int64(a.base[row * (shape.k + shape.aPadding) + input]) * Int64(weight)
    }
  }
}
