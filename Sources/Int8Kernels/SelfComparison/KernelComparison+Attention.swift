import CKernels

// The kernels of attention: packing of values, the softmax, and the output's requantization.
extension KernelComparison {
  mutating func packValues(_ cases: ComparisonCases) -> Bool {
    var random = SplitMix64(seed: 11)
    for tokens in cases.tokens {
      for channels in cases.channels {
        for stride in cases.choice(of: [channels, channels + 1, channels + 48], for: tokens) {
          var values = random.numbers((tokens - 1) * stride + channels, in: Int16(-200)...200)
          values[0] = .min
          values[values.count - 1] = .max
          let x = Operand<Int16, Memory>(values)
          let same = agree { table in
            let panel = Operand<Int8, Memory>(repeating: 99, count: (tokens + 3) / 4 * 64)
            unsafe table.pack_values(x.base, stride, Int32(tokens), Int32(channels), panel.base)
            return panel.elements
          }
          guard same else { return false }
        }
      }
    }
    return true
  }

  mutating func rowMaximum(_ cases: ComparisonCases) -> Bool {
    for row in cases.rows32 {
      let x = Operand<Int32, Memory>(row)
      let same = agree { unsafe $0.row_maximum_i32(x.base, Int32(x.count)) }
      guard same else { return false }
    }
    return true
  }

  mutating func rowExp2(_ cases: ComparisonCases) -> Bool {
    let everyDistance = cases.isThorough ? (Int32(0)...33000).map { 5000 - $0 } : []
    for planes in [1, 2] where !everyDistance.isEmpty {
      guard exp2(everyDistance, maximum: 5000, planes: planes) else { return false }
    }
    for (index, row) in cases.rows32.enumerated() {
      let largest = row.max() ?? 0
      // With the row's maximum, as attention calls it, and with numbers that are not its maximum, so that distances
      // wrap.
      guard exp2(row, maximum: largest, planes: 1), exp2(row, maximum: largest, planes: 2) else { return false }
      for (maximum, planes) in cases.choice(of: [(Int32.min, 2), (Int32(0), 1)], for: index) {
        guard exp2(row, maximum: maximum, planes: planes) else { return false }
      }
    }
    return true
  }

  private mutating func exp2(_ row: [Int32], maximum: Int32, planes: Int) -> Bool {
    let x = Operand<Int32, Memory>(row)
    let size = (row.count + 3) / 4 * 4
    return agree { table in
      let high = Operand<UInt8, Memory>(repeating: 99, count: size)
      let low = Operand<UInt8, Memory>(repeating: 99, count: size)
      let sum = unsafe table.row_exp2(x.base, Int32(x.count), maximum, high.base, planes == 2 ? low.base : nil)
      return SumAndLevels(sum: sum, levels: high.elements + low.elements)
    }
  }

  mutating func rowCombine(_ cases: ComparisonCases) -> Bool {
    let parameters: [(multiplier: Int32, shift: Int32)] = [(1, 0), (32767, 30), (16384, 33), (0, 5), (32767, 62)]
    var random = SplitMix64(seed: 13)
    for (index, row) in cases.rows32.enumerated() {
      let high = Operand<Int32, Memory>(row)
      let low = Operand<Int32, Memory>(random.numbers(row.count, in: Int32.min...Int32.max))
      let columns = Operand<Int32, Memory>(random.numbers(row.count, in: Int32(-32767)...32767))
      for (multiplier, shift) in cases.choice(of: parameters, for: index) {
        for hasLow in [false, true] {
          let same = agree { table in
            let out = Operand<Int16, Memory>(repeating: 99, count: row.count)
            unsafe table.row_combine_i16(
              high.base, hasLow ? low.base : nil, Int32(row.count), multiplier, columns.base, shift, out.base)
            return out.elements
          }
          guard same else { return false }
        }
      }
    }
    return true
  }
}

private struct SumAndLevels<Level: Equatable>: Equatable {
  var sum: Int32
  var levels: [Level]
}
