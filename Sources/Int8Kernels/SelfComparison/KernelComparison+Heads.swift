import CKernels

// The kernels that quantize several rows of a head.
extension KernelComparison {
  mutating func rowsQuantize(_ cases: ComparisonCases) -> Bool {
    for rows in cases.headTokens {
      for width in cases.headWidths {
        for gap in cases.choice(of: [48, 0, 1], for: rows) {
          let x = Operand<Int16, Memory>(RowCases.head(rows: rows, width: width, stride: width + gap))
          let same = agree { table in
            let outStride = width + gap / 4
            let out = Operand<UInt8, Memory>(repeating: 99, count: (rows - 1) * outStride + width)
            let multiplier = Operand<Int32, Memory>(repeating: 99, count: rows)
            let zeroPoint = Operand<Int32, Memory>(repeating: 99, count: rows)
            unsafe table.rows_quantize_u8(
              x.base, width + gap, Int32(rows), Int32(width), out.base, outStride, multiplier.base, zeroPoint.base)
            return HeadLevels(levels: out.elements, first: multiplier.elements, second: zeroPoint.elements)
          }
          guard same else { return false }
        }
      }
    }
    return true
  }

  mutating func packKeys(_ cases: ComparisonCases) -> Bool {
    for tokens in cases.headTokens {
      for width in cases.headWidths {
        // Keys that begin within a panel, and those that fill panels.
        for (first, gap) in cases.choice(of: [(5, 0), (0, 1), (16, 48)], for: tokens) {
          let x = Operand<Int16, Memory>(RowCases.head(rows: tokens, width: width, stride: width + gap))
          let columns = WeightLayout.paddedOutputs(first + tokens)
          let size = WeightLayout.byteCount(outputs: columns, inputs: width)
          let same = agree { table in
            let panels = Operand<Int8, Memory>(repeating: 99, count: size)
            let multiplier = Operand<Int32, Memory>(repeating: 99, count: first + tokens)
            let columnSum = Operand<Int32, Memory>(repeating: 99, count: first + tokens)
            unsafe table.pack_keys(
              x.base, width + gap, Int32(first), Int32(tokens), Int32(width), panels.base, multiplier.base,
              columnSum.base)
            return HeadLevels(levels: panels.elements, first: multiplier.elements, second: columnSum.elements)
          }
          guard same else { return false }
        }
      }
    }
    return true
  }

  mutating func packKeysFixed(_ cases: ComparisonCases) -> Bool {
    let all = RowCases.quantizers
    for (index, row) in cases.rows16.enumerated() {
      for quantizer in cases.choice(of: all, for: index) {
        let width = row.count
        guard packKeysFixed(row, tokens: 1, width: width, stride: width, first: 0, quantizer) else { return false }
      }
    }
    for tokens in cases.headTokens {
      for width in cases.headWidths {
        // Keys that begin within a panel, and those that fill panels.
        for (first, gap) in cases.choice(of: [(5, 0), (0, 1), (16, 48)], for: tokens) {
          let stride = width + gap
          let rows = RowCases.head(rows: tokens, width: width, stride: stride)
          let turn = (tokens * 57 + width) % all.count
          // Widths that have a way of their own are tried with every quantizer.
          let quantizers = width.isMultiple(of: 64) ? cases.choice(of: all, for: turn) : all[turn...turn]
          for quantizer in quantizers {
            guard packKeysFixed(rows, tokens: tokens, width: width, stride: stride, first: first, quantizer) else {
              return false
            }
          }
        }
      }
    }
    return true
  }

  private mutating func packKeysFixed(
    _ rows: [Int16], tokens: Int, width: Int, stride: Int, first: Int, _ quantizer: vq_row_quantizer
  ) -> Bool {
    let x = Operand<Int16, Memory>(rows)
    let columns = WeightLayout.paddedOutputs(first + tokens)
    let size = WeightLayout.byteCount(outputs: columns, inputs: width)
    return agree { table in
      let panels = Operand<Int8, Memory>(repeating: 99, count: size)
      let columnSum = Operand<Int32, Memory>(repeating: 99, count: first + tokens)
      unsafe withUnsafePointer(to: quantizer) {
        unsafe table.pack_keys_fixed(
          x.base, stride, Int32(first), Int32(tokens), Int32(width), $0, panels.base, columnSum.base)
      }
      return HeadLevels(levels: panels.elements, first: columnSum.elements, second: [])
    }
  }
}

private struct HeadLevels<Level: Equatable>: Equatable {
  var levels: [Level]
  /// A number for each row, or none.
  var first: [Int32]
  var second: [Int32]
}
