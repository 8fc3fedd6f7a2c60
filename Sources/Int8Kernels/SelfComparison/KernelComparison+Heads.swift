import CKernels

// The kernels that quantize several rows of a head, each by its own range.
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
}

private struct HeadLevels<Level: Equatable>: Equatable {
  var levels: [Level]
  /// A number for each row.
  var first: [Int32]
  var second: [Int32]
}
