import CKernels

// The kernels of two planes: rows, keys and values of 15 bits.
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
      let planes = Planes<UInt8, Memory>(count: row.count)
      unsafe withUnsafePointer(to: quantizer) {
        unsafe table.row_quantize_wide(x.base, Int32(x.count), $0, planes.high.base, planes.low.base)
      }
      return planes.elements
    }
  }

  mutating func packKeyWide(_ cases: ComparisonCases) -> Bool {
    for (index, row) in cases.rows16.enumerated() {
      let x = Operand<Int16, Memory>(row)
      // A column of a panel ends with the last group's four bytes.
      let size = ((row.count + 3) / 4 - 1) * 64 + 4
      for quantizer in cases.choice(of: RowCases.quantizers, for: index) {
        let same = agree { table in
          let planes = Planes<Int8, Memory>(count: size)
          let sums = Operand<Int32, Memory>(repeating: 99, count: 2)
          unsafe withUnsafePointer(to: quantizer) {
            unsafe table.pack_key_wide(
              x.base, Int32(x.count), $0, planes.high.base, planes.low.base, sums.base, sums.base + 1)
          }
          return planes.elements.map { Int32($0) } + sums.elements
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
            let planes = Planes<Int8, Memory>(count: (tokens + 3) / 4 * 64)
            unsafe table.pack_values_wide(
              x.base, stride, Int32(tokens), Int32(channels), planes.high.base, planes.low.base)
            return planes.elements
          }
          guard same else { return false }
        }
      }
    }
    return true
  }
}

/// Memory for two planes.
private struct Planes<Element: BinaryInteger & BitwiseCopyable, Memory: OperandMemory> {
  let high: Operand<Element, Memory>
  let low: Operand<Element, Memory>

  init(count: Int) {
    high = Operand(repeating: 99, count: count)
    low = Operand(repeating: 99, count: count)
  }

  var elements: [Element] { high.elements + low.elements }
}
