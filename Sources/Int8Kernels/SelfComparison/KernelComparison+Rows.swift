import CKernels

// The kernels that LayerNorm, GELU and the quantization of activations are made of.
extension KernelComparison {
  mutating func rowRange32(_ cases: ComparisonCases) -> Bool {
    for row in cases.rows32 {
      let x = Operand<Int32, Memory>(row)
      let same = agree { table in
        var (sum, low, high) = (Int64(0), Int32(0), Int32(0))
        unsafe table.row_range_i32(x.base, Int32(x.count), &sum, &low, &high)
        return [sum, Int64(low), Int64(high)]
      }
      guard same else { return false }
    }
    return true
  }

  mutating func rowRange16(_ cases: ComparisonCases) -> Bool {
    for row in cases.rows16 {
      let x = Operand<Int16, Memory>(row)
      let same = agree { table in
        var (low, high) = (Int32(0), Int32(0))
        unsafe table.row_range_i16(x.base, Int32(x.count), &low, &high)
        return [low, high]
      }
      guard same else { return false }
    }
    return true
  }

  mutating func rowSquareSum(_ cases: ComparisonCases) -> Bool {
    let parameters: [(mean: Int32, shift: Int32)] = [(0, 0), (17, 1), (-123_456, 9), (.max, 13), (.min, 30)]
    for (index, row) in cases.rows32.enumerated() {
      let x = Operand<Int32, Memory>(row)
      for (mean, shift) in cases.choice(of: parameters, for: index) {
        let same = agree { unsafe $0.row_square_sum(x.base, Int32(x.count), mean, shift) }
        guard same else { return false }
      }
    }
    return true
  }

  mutating func rowNormalize16(_ cases: ComparisonCases) -> Bool {
    normalize(cases) { table, norm, x, gain, bias in
      let out = Operand<Int16, Memory>(repeating: 99, count: x.count)
      unsafe table.row_normalize_i16(
        x.base, Int32(x.count), norm.mean, norm.centerShift, norm.multiplier, gain.base, bias.base, norm.shift,
        out.base)
      return out.elements
    }
  }

  mutating func rowNormalize32(_ cases: ComparisonCases) -> Bool {
    normalize(cases) { table, norm, x, gain, bias in
      let out = Operand<Int32, Memory>(repeating: 99, count: x.count)
      unsafe table.row_normalize_i32(
        x.base, Int32(x.count), norm.mean, norm.centerShift, norm.multiplier, gain.base, bias.base, norm.shift,
        out.base)
      return out.elements
    }
  }

  private typealias NormParameters = (mean: Int32, centerShift: Int32, multiplier: Int32, shift: Int32)

  private mutating func normalize<Output: Equatable>(
    _ cases: ComparisonCases,
    _ output: (
      vq_kernels, NormParameters, _ x: Operand<Int32, Memory>, _ gain: Operand<Int32, Memory>,
      _ bias: Operand<Int32, Memory>
    ) -> Output
  ) -> Bool {
    let parameters: [NormParameters] = [
      (0, 0, 1, 0), (-700, 3, 32767, 40), (12345, 9, 16384, 25), (.max, 30, 32767, 62), (.min, 1, 20000, 33),
    ]
    var random = SplitMix64(seed: 7)
    for (index, row) in cases.rows32.enumerated() {
      let x = Operand<Int32, Memory>(row)
      let gain = Operand<Int32, Memory>(random.numbers(row.count, in: Int32(-32767)...32767))
      let bias = Operand<Int32, Memory>(random.numbers(row.count, in: Int32.min...Int32.max))
      for norm in cases.choice(of: parameters, for: index) {
        guard agree({ output($0, norm, x, gain, bias) }) else { return false }
      }
    }
    return true
  }

  mutating func rowGELU(_ cases: ComparisonCases) -> Bool {
    for fractionBits in Int32(5)...12 where cases.isThorough {
      for factors in RowCases.factors(RowCases.everyInt16.count) {
        guard gelu(RowCases.everyInt16, fractionBits, factors) else { return false }
      }
    }
    for (index, row) in cases.rows16.enumerated() {
      for fractionBits in cases.choice(of: [Int32(9), 5, 12], for: index) {
        for factors in cases.choice(of: RowCases.factors(row.count), for: index / 3) {
          guard gelu(row, fractionBits, factors) else { return false }
        }
      }
    }
    return true
  }

  private mutating func gelu(_ row: [Int16], _ fractionBits: Int32, _ factors: [Int16]?) -> Bool {
    let factors = factors.map { Operand<Int16, Memory>($0) }
    return agree { table in
      let x = Operand<Int16, Memory>(row)
      var (low, high) = (Int32(0), Int32(0))
      unsafe table.row_gelu(x.base, Int32(x.count), fractionBits, factors?.base, &low, &high)
      return GELUOutput(row: x.elements, low: low, high: high)
    }
  }

  mutating func rowQuantize(_ cases: ComparisonCases) -> Bool {
    for quantizer in RowCases.asymmetricQuantizers where cases.isThorough {
      guard quantize(RowCases.everyInt16, quantizer) else { return false }
    }
    for (index, row) in cases.rows16.enumerated() {
      for quantizer in cases.choice(of: RowCases.quantizers, for: index) {
        guard quantize(row, quantizer) else { return false }
      }
    }
    return true
  }

  private mutating func quantize(_ row: [Int16], _ quantizer: vq_row_quantizer) -> Bool {
    let x = Operand<Int16, Memory>(row)
    return agree { table in
      let out = Operand<UInt8, Memory>(repeating: 99, count: row.count)
      unsafe withUnsafePointer(to: quantizer) { unsafe table.row_quantize_u8(x.base, Int32(x.count), $0, out.base) }
      return out.elements
    }
  }
}

private struct GELUOutput: Equatable {
  var row: [Int16]
  var low: Int32
  var high: Int32
}
