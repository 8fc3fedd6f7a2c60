import CKernels
import Testing

@testable import Int8Kernels

/// The comparison at first use sees a wrong kernel, and names it.
@Suite("Self-comparison")
struct SelfComparisonTests {
  /// The portable table with one function that does something else.
  struct BrokenTable: Sendable, CustomTestStringConvertible {
    let kernel: Kernel
    let defect: String
    let table: vq_kernels

    init(_ kernel: Kernel, _ defect: String, _ damage: (inout vq_kernels) -> Void) {
      self.kernel = kernel
      self.defect = defect
      var table = Kernels.portable.table
      damage(&table)
      self.table = table
    }

    var testDescription: String { "\(kernel.rawValue) \(defect)" }
  }

  @Test("A table with a wrong kernel differs, in that kernel", arguments: products + rows + heads + attention + wide)
  func wrongKernelIsNamed(broken: BrokenTable) {
    #expect(InstructionSet.verdict(on: broken.table) == .differs(kernel: broken.kernel))
    for kernel in Kernel.allCases where kernel != broken.kernel {
      var comparison = KernelComparison<GuardedMemory>(of: broken.table, with: Kernels.portable.table)
      let isEqual = comparison.compare(kernel, on: .quick)
      #expect(isEqual, "\(kernel)")
    }
  }

  @Test("Every kernel is broken once at least")
  func everyKernelIsBroken() {
    let all = Self.products + Self.rows + Self.heads + Self.attention + Self.wide
    #expect(Set(all.map(\.kernel)) == Set(Kernel.allCases))
  }

  @Test("Random numbers are those of the published generator, and cover their range")
  func randomNumbers() {
    var random = SplitMix64(seed: 1_234_567)
    #expect([random.next(), random.next()] == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973])
    let bytes = random.numbers(10_000, in: Int8.min...Int8.max)
    #expect(Set(bytes).count == 256)
    let words = random.numbers(10_000, in: Int32.min...Int32.max)
    #expect(words.min() ?? 0 < -2_140_000_000 && words.max() ?? 0 > 2_140_000_000)
    #expect(Set(random.numbers(1000, in: Int16(-3)...2)) == [-3, -2, -1, 0, 1, 2])
  }

  @Test("The portable table is equal to itself")
  func portableIsEqual() {
    #expect(InstructionSet.verdict(on: Kernels.portable.table) == .equal)
  }

  static let products = [
    BrokenTable(.matmul, "adds one to the last number") { table in
      table.matmul = { product in
        Portable.matmul(product)
        let product = product.pointee
        let last = Int(product.rows - 1) * product.out_stride + Int(product.columns) - 1
        if product.output == vq_output_int16 {
          product.out.assumingMemoryBound(to: Int16.self)[last] &+= 1
        } else {
          product.out.assumingMemoryBound(to: Int32.self)[last] &+= 1
        }
      }
    },
    BrokenTable(.matmul, "leaves out the last four inputs") { table in
      table.matmul = { product in
        // The panels are as far apart as before only where there is one.
        var shorter = product.pointee
        if shorter.columns <= 16, shorter.k > 4 { shorter.k -= 4 }
        Portable.matmul(&shorter)
      }
    },
    BrokenTable(.matmul, "leaves out the last row of a large block") { table in
      table.matmul = { product in
        var shorter = product.pointee
        if shorter.rows > 32 { shorter.rows -= 1 }
        Portable.matmul(&shorter)
      }
    },
    BrokenTable(.matmul, "writes one column too many") { table in
      table.matmul = { product in
        var wider = product.pointee
        if wider.rows == 7 {
          wider.columns += 1
          wider.rows -= 1
          Portable.matmul(&wider)
        }
        Portable.matmul(product)
      }
    },
    BrokenTable(.matmul, "wraps where int16 saturates") { table in
      table.matmul = { product in
        guard product.pointee.output == vq_output_int16 else { return Portable.matmul(product) }
        var wide = product.pointee
        let size = Int(wide.rows - 1) * wide.out_stride + Int(wide.columns)
        let narrow = wide.out.assumingMemoryBound(to: Int16.self)
        let out = UnsafeMutablePointer<Int32>.allocate(capacity: size)
        defer { out.deallocate() }
        for index in 0..<size { out[index] = Int32(narrow[index]) }
        wide.out = UnsafeMutableRawPointer(out)
        wide.output = vq_output_int32
        Portable.matmul(&wide)
        for index in 0..<size { narrow[index] = Int16(truncatingIfNeeded: out[index]) }
      }
    },
    BrokenTable(.matmul, "overwrites where it should accumulate") { table in
      table.matmul = { product in
        var other = product.pointee
        if other.output == vq_output_accumulate { other.output = vq_output_int32 }
        Portable.matmul(&other)
      }
    },
    BrokenTable(.matmulWide, "saturates the sum of two products") { table in
      table.matmul_wide = { product in
        Portable.matmulWide(product)
        // Two products of -32768 with itself are 2^31.
        let product = product.pointee
        guard product.output == vq_output_sums else { return }
        let (a, b) = (product.a.assumingMemoryBound(to: Int16.self), product.b.assumingMemoryBound(to: Int16.self))
        guard a[0] == .min, a[1] == .min, b[0] == .min, b[1] == .min else { return }
        product.out.assumingMemoryBound(to: Int32.self)[0] &-= 1
      }
    },
    BrokenTable(.matmulWide, "leaves out the last two inputs") { table in
      table.matmul_wide = { product in
        var shorter = product.pointee
        if shorter.columns <= 16, shorter.k > 4 { shorter.k -= 2 }
        Portable.matmulWide(&shorter)
      }
    },
    BrokenTable(.matmulWide, "reads weights as if they were positive") { table in
      table.matmul_wide = { product in
        Portable.matmulWide(product)
        let product = product.pointee
        guard product.output == vq_output_sums else { return }
        let (a, b) = (product.a.assumingMemoryBound(to: Int16.self), product.b.assumingMemoryBound(to: Int16.self))
        if b[0] < 0 { product.out.assumingMemoryBound(to: Int32.self)[0] &+= Int32(a[0]) &* 65536 }
      }
    },
    BrokenTable(.matmul, "requantizes plain sums") { table in
      table.matmul = { product in
        var other = product.pointee
        if other.output == vq_output_sums { other.output = vq_output_int32 }
        Portable.matmul(&other)
      }
    },
  ]

  static let rows = [
    BrokenTable(.rowRange32, "has a 32-bit sum") { table in
      table.row_range_i32 = { x, count, sum, low, high in
        Portable.rowRange(x, count, sum, low, high)
        sum.pointee = Int64(Int32(truncatingIfNeeded: sum.pointee))
      }
    },
    BrokenTable(.rowRange32, "leaves out a tail of five") { table in
      table.row_range_i32 = { x, count, sum, low, high in
        Portable.rowRange(x, count > 8 && count % 8 == 5 ? count - 1 : count, sum, low, high)
      }
    },
    BrokenTable(.rowSquareSum, "rounds down") { table in
      table.row_square_sum = { x, count, mean, shift in
        Portable.rowSquareSum(x, count, shift > 0 ? mean &+ (1 << (shift - 1)) : mean, shift)
      }
    },
    BrokenTable(.rowNormalize16, "is one off at the end") { table in
      table.row_normalize_i16 = { x, count, mean, centerShift, multiplier, gain, bias, shift, out in
        Portable.rowNormalize16(x, count, mean, centerShift, multiplier, gain, bias, shift, out)
        if count % 16 != 0 { out[Int(count) - 1] ^= 1 }
      }
    },
    BrokenTable(.rowNormalize32, "forgets the bias of the first") { table in
      table.row_normalize_i32 = { x, count, mean, centerShift, multiplier, gain, bias, shift, out in
        Portable.rowNormalize32(x, count, mean, centerShift, multiplier, gain, bias, shift, out)
        out[0] &-= bias[0]
      }
    },
    BrokenTable(.rowRange16, "knows no positive number") { table in
      table.row_range_i16 = { x, count, low, high in
        Portable.rowRange16(x, count, low, high)
        high.pointee = min(high.pointee, 0)
      }
    },
    BrokenTable(.rowGELU, "is wrong for the smallest number") { table in
      table.row_gelu = { x, count, fractionBits, factors, low, high in
        let first = x[0]
        Portable.rowGELU(x, count, fractionBits, factors, low, high)
        if first == .min { x[0] = first }
      }
    },
    BrokenTable(.rowGELU, "leaves out the last of an odd row") { table in
      table.row_gelu = { x, count, fractionBits, factors, low, high in
        let last = x[Int(count) - 1]
        Portable.rowGELU(x, count, fractionBits, factors, low, high)
        if count % 2 == 1 { x[Int(count) - 1] = last }
      }
    },
    BrokenTable(.rowGELU, "leaves out one of a long row") { table in
      table.row_gelu = { x, count, fractionBits, factors, low, high in
        let index = min(Int(count) - 1, 127)
        let value = x[index]
        Portable.rowGELU(x, count, fractionBits, factors, low, high)
        if count >= 128 { x[index] = value }
      }
    },
    BrokenTable(.rowGELU, "gives the range before the factors") { table in
      table.row_gelu = { x, count, fractionBits, factors, low, high in
        Portable.rowGELU(x, count, fractionBits, nil, low, high)
        if let factors { Portable.rowGate(x, factors, count, 15) }
      }
    },
    BrokenTable(.rowGELU, "rounds down what it multiplies") { table in
      table.row_gelu = { x, count, fractionBits, factors, low, high in
        Portable.rowGELU(x, count, fractionBits, nil, low, high)
        guard let factors else { return }
        for index in 0..<Int(count) { x[index] = Int16(Int32(x[index]) * Int32(factors[index]) >> 15) }
        Portable.rowRange16(x, count, low, high)
      }
    },
    BrokenTable(.rowActivate, "leaves out the second half of the table") { table in
      table.row_activate = { x, count, fractionBits, tails, last in
        Portable.rowActivate(x, count, fractionBits, tails, last / 2)
      }
    },
    BrokenTable(.rowActivate, "takes no care of the smallest number") { table in
      table.row_activate = { x, count, fractionBits, tails, last in
        let first = x[0]
        Portable.rowActivate(x, count, fractionBits, tails, last)
        if first == .min { x[0] = .min }
      }
    },
    BrokenTable(.rowGate, "rounds down") { table in
      table.row_gate = { x, factors, count, shift in
        for index in 0..<Int(count) {
          let product = Int32(x[index]) * Int32(factors[index]) >> shift
          x[index] = Int16(min(max(product, -32768), 32767))
        }
      }
    },
    BrokenTable(.rowRotate, "swaps the first pair") { table in
      table.row_rotate = { x, pairs, cosines, sines in
        Portable.rowRotate(x, pairs, cosines, sines)
        swap(&x[0], &x[Int(pairs)])
      }
    },
    BrokenTable(.rowHadamard, "rounds down in the middle") { table in
      table.row_hadamard = { x, count, block, signs in
        let low = Int32(1) << 7
        for index in 0..<Int(count) { x[index] &-= low }
        Portable.rowHadamard(x, count, block, signs)
      }
    },
    BrokenTable(.rowQuantize, "does not clamp first") { table in
      table.row_quantize_u8 = { x, count, quantizer, out in
        var quantizer = quantizer.pointee
        (quantizer.low, quantizer.high) = (-32768, 32767)
        Portable.rowQuantize(x, count, &quantizer, out)
      }
    },
    BrokenTable(.rowQuantize, "ignores the zero point") { table in
      table.row_quantize_u8 = { x, count, quantizer, out in
        var quantizer = quantizer.pointee
        quantizer.zero_point = 0
        Portable.rowQuantize(x, count, &quantizer, out)
      }
    },
  ]

  static let heads = [
    BrokenTable(.rowsQuantize, "takes the first row's range for all") { table in
      table.rows_quantize_u8 = { x, stride, rows, count, out, outStride, multiplier, zeroPoint in
        for row in 0..<Int(rows) {
          Portable.rowsQuantize(
            x, stride, 1, count, out + row * outStride, outStride, multiplier + row, zeroPoint + row)
        }
      }
    },
    BrokenTable(.rowsQuantize, "leaves out the row after the first sixteen") { table in
      table.rows_quantize_u8 = { x, stride, rows, count, out, outStride, multiplier, zeroPoint in
        Portable.rowsQuantize(x, stride, rows > 16 ? 16 : rows, count, out, outStride, multiplier, zeroPoint)
      }
    },
    BrokenTable(.packKeys, "takes the magnitude of -32768 for less than 1") { table in
      table.pack_keys = { x, stride, first, tokens, count, panels, multiplier, columnSum in
        Portable.packKeys(x, stride, first, tokens, count, panels, multiplier, columnSum)
        for row in 0..<Int(tokens) where x[row * stride] == .min { multiplier[Int(first) + row] = 1 }
      }
    },
    BrokenTable(.packKeys, "writes whole panels") { table in
      table.pack_keys = { x, stride, first, tokens, count, panels, multiplier, columnSum in
        Portable.packKeys(x, stride, first, tokens, count, panels, multiplier, columnSum)
        let end = Int(first + tokens)
        if end % 16 != 0 { panels[end / 16 * 16 * (Int(count) + 3 & ~3) + end % 16 * 4] = 0 }
      }
    },
  ]

  static let attention = [
    BrokenTable(.packKeysFixed, "reaches -128") { table in
      table.pack_keys_fixed = { x, stride, first, tokens, count, quantizer, panels, columnSum in
        Portable.packKeysFixed(x, stride, first, tokens, count, quantizer, panels, columnSum)
        if first == 0, panels[0] == -127 { panels[0] = -128 }
      }
    },
    BrokenTable(.packKeysFixed, "gives the sum of the first 64 alone") { table in
      table.pack_keys_fixed = { x, stride, first, tokens, count, quantizer, panels, columnSum in
        Portable.packKeysFixed(x, stride, first, tokens, count, quantizer, panels, columnSum)
        if first == 0, count > 64 { columnSum[0] -= Int32(panels[16 * 64]) }
      }
    },
    BrokenTable(.packKeysFixed, "takes the second panel's tokens from the first") { table in
      table.pack_keys_fixed = { x, stride, first, tokens, count, quantizer, panels, columnSum in
        Portable.packKeysFixed(x, stride, first, tokens, count, quantizer, panels, columnSum)
        guard first % 16 == 0, tokens > 16 else { return }
        Portable.packKeysFixed(x, stride, first + 16, tokens - 16, count, quantizer, panels, columnSum)
      }
    },
    BrokenTable(.packValues, "leaves the padding as it is") { table in
      table.pack_values = { x, stride, tokens, channels, panel in
        let index = Int(tokens) / 4 * 64 + 3
        let old = tokens % 4 == 0 ? panel[0] : panel[index]
        Portable.packValues(x, stride, tokens, channels, panel)
        if tokens % 4 != 0 { panel[index] = old }
      }
    },
    BrokenTable(.rowMaximum, "is at least zero") { table in
      table.row_maximum_i32 = { x, count in max(Portable.rowMaximum(x, count), 0) }
    },
    BrokenTable(.rowMaximum, "does not see the last of a long row") { table in
      table.row_maximum_i32 = { x, count in Portable.rowMaximum(x, count > 64 ? count - 6 : count) }
    },
    BrokenTable(.rowExp2, "does not round a single plane") { table in
      table.row_exp2 = { x, count, maximum, high, low in
        guard low == nil else { return Portable.rowExp2(x, count, maximum, high, low) }
        let padded = Int(count + 3) / 4 * 4
        let rest = UnsafeMutablePointer<UInt8>.allocate(capacity: padded)
        defer { rest.deallocate() }
        _ = Portable.rowExp2(x, count, maximum, high, rest)
        return (0..<Int(count)).reduce(0) { $0 + 128 * Int32(high[$1]) }
      }
    },
    BrokenTable(.rowExp2, "leaves the padding as it is") { table in
      table.row_exp2 = { x, count, maximum, high, low in
        let sum = Portable.rowExp2(x, count, maximum, high, low)
        if count % 4 != 0 { high[Int(count)] = 1 }
        return sum
      }
    },
    BrokenTable(.rowCombine, "ignores the low plane") { table in
      table.row_combine_i16 = { high, low, count, multiplier, columns, shift, out in
        Portable.rowCombine(high, nil, count, multiplier, columns, shift, out)
      }
    },
    BrokenTable(.rowCombine, "is wrong without a low plane") { table in
      table.row_combine_i16 = { high, low, count, multiplier, columns, shift, out in
        Portable.rowCombine(high, low, count, multiplier, columns, shift, out)
        if low == nil { out[Int(count) - 1] ^= 1 }
      }
    },
  ]

  static let wide = [
    BrokenTable(.rowQuantizeWide, "rounds once") { table in
      table.row_quantize_wide = { x, count, quantizer, out in
        let quantizer = quantizer.pointee
        for index in 0..<Int(count) {
          let clamped = min(max(Int32(x[index]), quantizer.low), quantizer.high)
          let scaled = Int16(truncatingIfNeeded: quantizer.exponent < 0 ? clamped >> 1 : clamped << quantizer.exponent)
          out[index] = Int16(truncatingIfNeeded: (Int32(scaled) * quantizer.inverse + 1 << 15) >> 16)
        }
      }
    },
    BrokenTable(.rowQuantizeWide, "leaves out a tail of five") { table in
      table.row_quantize_wide = { x, count, quantizer, out in
        Portable.rowQuantizeWide(x, count > 8 && count % 8 == 5 ? count - 1 : count, quantizer, out)
      }
    },
    BrokenTable(.packKeyWide, "leaves the padding as it is") { table in
      table.pack_key_wide = { x, count, quantizer, panel in
        let last = (Int(count) + 3) / 4 * 2 - 1
        let old = panel[last * 32 + 1]
        Portable.packKeyWide(x, count, quantizer, panel)
        if count % 4 != 0 { panel[last * 32 + 1] = old }
      }
    },
    BrokenTable(.packKeyWide, "saturates to 12 bits") { table in
      table.pack_key_wide = { x, count, quantizer, panel in
        Portable.packKeyWide(x, count, quantizer, panel)
        for index in 0..<Int(count) where panel[index / 2 * 32 + index % 2] > 2047 {
          panel[index / 2 * 32 + index % 2] = 2047
        }
      }
    },
    BrokenTable(.packValuesWide, "reaches -16320") { table in
      table.pack_values_wide = { x, stride, tokens, channels, high, low in
        Portable.packValuesWide(x, stride, tokens, channels, high, low)
        if high[0] == -127 && low[0] == -63 { low[0] = -64 }
      }
    },
    BrokenTable(.packValuesWide, "leaves the low plane's padding as it is") { table in
      table.pack_values_wide = { x, stride, tokens, channels, high, low in
        let index = Int(tokens) / 4 * 64 + 3
        let old = tokens % 4 == 0 ? low[0] : low[index]
        Portable.packValuesWide(x, stride, tokens, channels, high, low)
        if tokens % 4 != 0 { low[index] = old }
      }
    },
  ]
}
