import CKernels
import Testing

@testable import Int8Kernels

@Suite("Row kernels of attention")
struct AttentionKernelTests {
  let portable = Kernels.portable.table

  @Test("Packing of keys", arguments: rowLengths)
  func packKey(count: Int) {
    for row in RowKernelTests.rows16(count).prefix(3) {
      let x = GuardedBuffer(row)
      // A few quantizers for each length: together, the lengths see them all.
      for index in stride(from: count % 7, to: everyExponent.count, by: 7) {
        let quantizer = everyExponent[index]
        // A column of a panel ends with the last group's four bytes.
        let size = ((count + 3) / 4 - 1) * 64 + 4
        func packed(_ table: vq_kernels) -> (sum: Int32, panel: [Int8]) {
          let panel = GuardedBuffer(repeating: Int8(99), count: size)
          let sum = withUnsafePointer(to: quantizer) { table.pack_key(x.base, Int32(count), $0, panel.base) }
          return (sum, panel.elements)
        }
        let expected = packed(portable)
        for (isa, table) in vectorKernels {
          let result = packed(table)
          #expect(result == expected, "\(isa) \(quantizer)")
        }
      }
    }
  }

  @Test("Packing of values", arguments: [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 50, 197])
  func packValues(tokens: Int) {
    var random = SplitMix64(seed: UInt64(tokens))
    for channels in 1...16 {
      for padding in [0, 1, 48] {
        let stride = channels + padding
        let x = GuardedBuffer(random.numbers((tokens - 1) * stride + channels, in: Int16(-200)...200))
        x.base[0] = .min
        x.base[x.count - 1] = .max
        func packed(_ table: vq_kernels) -> [Int8] {
          let panel = GuardedBuffer(repeating: Int8(99), count: (tokens + 3) / 4 * 64)
          table.pack_values(x.base, stride, Int32(tokens), Int32(channels), panel.base)
          return panel.elements
        }
        let expected = packed(portable)
        for (isa, table) in vectorKernels { #expect(packed(table) == expected, "\(isa)") }
      }
    }
  }

  @Test("Maximum of int32", arguments: rowLengths)
  func maximum(count: Int) {
    for row in RowKernelTests.rows32(count) {
      let x = GuardedBuffer(row)
      for (isa, table) in vectorKernels + [(.portable, portable)] {
        #expect(table.row_maximum_i32(x.base, Int32(count)) == row.max(), "\(isa)")
      }
    }
  }

  /// Sum and planes of a row's probabilities.
  private func exp2(_ table: vq_kernels, _ x: GuardedBuffer<Int32>, _ maximum: Int32, planes: Int) -> [Int32] {
    let size = (x.count + 3) / 4 * 4
    let high = GuardedBuffer(repeating: UInt8(99), count: size)
    let low = GuardedBuffer(repeating: UInt8(99), count: size)
    let sum = table.row_exp2(x.base, Int32(x.count), maximum, high.base, planes == 2 ? low.base : nil)
    return [sum] + (high.elements + low.elements).map { Int32($0) }
  }

  @Test("Exponentials of every distance", arguments: [1, 2])
  func exp2OfEveryDistance(planes: Int) {
    let x = GuardedBuffer((Int32(0)...33000).map { 5000 - $0 })
    let expected = exp2(portable, x, 5000, planes: planes)
    for (isa, table) in vectorKernels { #expect(exp2(table, x, 5000, planes: planes) == expected, "\(isa)") }
  }

  @Test("Exponentials of rows of every length", arguments: rowLengths)
  func exp2Lengths(count: Int) {
    for row in RowKernelTests.rows32(count) {
      let x = GuardedBuffer(row)
      for (planes, maximum) in [(1, row.max() ?? 0), (2, row.max() ?? 0), (2, Int32.min), (1, 0)] {
        let expected = exp2(portable, x, maximum, planes: planes)
        for (isa, table) in vectorKernels { #expect(exp2(table, x, maximum, planes: planes) == expected, "\(isa)") }
      }
    }
  }

  @Test("Combination of the two planes", arguments: rowLengths)
  func combine(count: Int) {
    var random = SplitMix64(seed: UInt64(count))
    for row in RowKernelTests.rows32(count) {
      let high = GuardedBuffer(row)
      let low = GuardedBuffer(random.numbers(count, in: Int32.min...Int32.max))
      let columns = GuardedBuffer(random.numbers(count, in: Int32(-32767)...32767))
      for (multiplier, shift) in [(Int32(1), Int32(0)), (32767, 30), (16384, 33), (0, 5), (32767, 62)] {
        for lowBase in [nil, low.base] {
          func combined(_ table: vq_kernels) -> [Int16] {
            let out = GuardedBuffer(repeating: Int16(99), count: count)
            table.row_combine_i16(high.base, lowBase, Int32(count), multiplier, columns.base, shift, out.base)
            return out.elements
          }
          let expected = combined(portable)
          for (isa, table) in vectorKernels { #expect(combined(table) == expected, "\(isa)") }
        }
      }
    }
  }
}
