import CKernels

// The kernels of rows, keys and values beside wide products.
extension KernelComparison {
  mutating func rowQuantizeWide(_ cases: ComparisonCases) -> Bool {
    for quantizer in RowCases.asymmetricQuantizers where cases.isThorough {
      guard quantizeWide(RowCases.everyInt16, quantizer) else { return false }
    }
    for (index, row) in cases.rows16.enumerated() {
      for quantizer in cases.choice(of: RowCases.quantizers, for: index) {
        guard quantizeWide(row, quantizer) else { return false }
      }
    }
    return true
  }

  private mutating func quantizeWide(_ row: [Int16], _ quantizer: vq_row_quantizer) -> Bool {
    let x = Operand<Int16, Memory>(row)
    return agree { table in
      let out = Operand<Int16, Memory>(repeating: 99, count: row.count)
      unsafe withUnsafePointer(to: quantizer) { unsafe table.row_quantize_wide(x.base, Int32(x.count), $0, out.base) }
      return out.elements
    }
  }

  mutating func packKeyWide(_ cases: ComparisonCases) -> Bool {
    for (index, row) in cases.rows16.enumerated() {
      let x = Operand<Int16, Memory>(row)
      // A column of a panel ends with the last group's two levels.
      let size = ((row.count + 3) / 4 * 2 - 1) * 32 + 2
      for quantizer in cases.choice(of: RowCases.quantizers, for: index) {
        let same = agree { table in
          let panel = Operand<Int16, Memory>(repeating: 99, count: size)
          unsafe withUnsafePointer(to: quantizer) { unsafe table.pack_key_wide(x.base, Int32(x.count), $0, panel.base) }
          return panel.elements
        }
        guard same else { return false }
      }
    }
    return true
  }

  mutating func packValuesWide(_ cases: ComparisonCases) -> Bool {
    var random = SplitMix64(seed: 12)
    for tokens in cases.tokens {
      for channels in cases.channels {
        for stride in cases.choice(of: [channels, channels + 1, channels + 48], for: tokens) {
          var values = random.numbers((tokens - 1) * stride + channels, in: Int16(-17000)...17000)
          values[0] = .min
          values[values.count - 1] = .max
          let x = Operand<Int16, Memory>(values)
          let same = agree { table in
            let size = (tokens + 3) / 4 * 64
            let high = Operand<Int8, Memory>(repeating: 99, count: size)
            let low = Operand<Int8, Memory>(repeating: 99, count: size)
            unsafe table.pack_values_wide(x.base, stride, Int32(tokens), Int32(channels), high.base, low.base)
            return high.elements + low.elements
          }
          guard same else { return false }
        }
      }
    }
    return true
  }
}
