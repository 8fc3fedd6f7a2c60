import CKernels
import Testing

@testable import Int8Kernels

/// Lengths of rows: around every vector's width, and those of models.
let rowLengths = Array(1...35) + [47, 48, 49, 63, 64, 65, 96, 127, 197, 200, 257, 768, 773]

/// Every instruction set's kernels but the portable ones.
let vectorKernels: [(isa: InstructionSet, table: vq_kernels)] = InstructionSet.available.compactMap { isa in
  isa == .portable ? nil : isa.kernels.map { (isa, $0.table) }
}

@Suite("Row kernels")
struct RowKernelTests {
  let portable = Kernels.portable.table

  /// Rows of int32: the whole range, the residual stream's, small numbers, and the ends.
  static func rows32(_ count: Int) -> [[Int32]] {
    var random = SplitMix64(seed: UInt64(count))
    return [
      random.numbers(count, in: Int32.min...Int32.max), random.numbers(count, in: -(1 << 30)...(1 << 30)),
      random.numbers(count, in: -3000...3000), [Int32](repeating: .min, count: count),
      [Int32](repeating: .max, count: count), [Int32](repeating: 0, count: count),
    ]
  }

  /// Rows of int16: the whole range, small numbers, and the ends.
  static func rows16(_ count: Int) -> [[Int16]] {
    var random = SplitMix64(seed: UInt64(count))
    return [
      random.numbers(count, in: Int16.min...Int16.max), random.numbers(count, in: -300...300),
      [Int16](repeating: .min, count: count), [Int16](repeating: .max, count: count),
      [Int16](repeating: 0, count: count),
    ]
  }

  @Test("Sum, minimum and maximum of int32", arguments: rowLengths)
  func range32(count: Int) {
    for row in Self.rows32(count) {
      let x = GuardedBuffer(row)
      func range(_ table: vq_kernels) -> [Int64] {
        var (sum, low, high) = (Int64(0), Int32(0), Int32(0))
        table.row_range_i32(x.base, Int32(count), &sum, &low, &high)
        return [sum, Int64(low), Int64(high)]
      }
      let expected = range(portable)
      #expect(expected == [row.reduce(0) { $0 + Int64($1) }, Int64(row.min() ?? 0), Int64(row.max() ?? 0)])
      for (isa, table) in vectorKernels { #expect(range(table) == expected, "\(isa)") }
    }
  }

  @Test("Sum of squares", arguments: rowLengths)
  func squareSum(count: Int) {
    for row in Self.rows32(count) {
      let x = GuardedBuffer(row)
      for (mean, shift) in [(Int32(0), Int32(0)), (17, 1), (-123_456, 9), (.max, 13), (.min, 30)] {
        let expected = portable.row_square_sum(x.base, Int32(count), mean, shift)
        for (isa, table) in vectorKernels {
          #expect(table.row_square_sum(x.base, Int32(count), mean, shift) == expected, "\(isa)")
        }
      }
    }
  }

  @Test("Normalization", arguments: rowLengths)
  func normalize(count: Int) {
    var random = SplitMix64(seed: 7)
    let parameters: [(mean: Int32, centerShift: Int32, multiplier: Int32, shift: Int32)] = [
      (0, 0, 1, 0), (-700, 3, 32767, 40), (12345, 9, 16384, 25), (.max, 30, 32767, 62), (.min, 1, 20000, 33),
    ]
    for row in Self.rows32(count) {
      let x = GuardedBuffer(row)
      for parameter in parameters {
        let gain = GuardedBuffer(random.numbers(count, in: Int32(-32767)...32767))
        let bias = GuardedBuffer(random.numbers(count, in: Int32.min...Int32.max))
        func normalized(_ table: vq_kernels) -> ([Int16], [Int32]) {
          let narrow = GuardedBuffer(repeating: Int16(99), count: count)
          let wide = GuardedBuffer(repeating: Int32(99), count: count)
          table.row_normalize_i16(
            x.base, Int32(count), parameter.mean, parameter.centerShift, parameter.multiplier, gain.base, bias.base,
            parameter.shift, narrow.base)
          table.row_normalize_i32(
            x.base, Int32(count), parameter.mean, parameter.centerShift, parameter.multiplier, gain.base, bias.base,
            parameter.shift, wide.base)
          return (narrow.elements, wide.elements)
        }
        let expected = normalized(portable)
        for (isa, table) in vectorKernels {
          let result = normalized(table)
          #expect(result == expected, "\(isa)")
        }
      }
    }
  }

  @Test("Minimum and maximum of int16", arguments: rowLengths)
  func range16(count: Int) {
    for row in Self.rows16(count) {
      let x = GuardedBuffer(row)
      for (isa, table) in vectorKernels + [(.portable, portable)] {
        var (low, high) = (Int32(0), Int32(0))
        table.row_range_i16(x.base, Int32(count), &low, &high)
        #expect([low, high] == [Int32(row.min() ?? 0), Int32(row.max() ?? 0)], "\(isa)")
      }
    }
  }

  /// The row after GELU, and its range.
  private func gelu(_ table: vq_kernels, _ row: [Int16], _ fractionBits: Int32) -> [Int32] {
    let x = GuardedBuffer(row)
    var (low, high) = (Int32(0), Int32(0))
    table.row_gelu(x.base, Int32(row.count), fractionBits, &low, &high)
    return x.elements.map { Int32($0) } + [low, high]
  }

  @Test("GELU of every int16 with every fraction", arguments: Int32(5)...12)
  func geluOfEveryNumber(fractionBits: Int32) {
    let row = Array(Int16.min...Int16.max)
    let expected = gelu(portable, row, fractionBits)
    for (isa, table) in vectorKernels { #expect(gelu(table, row, fractionBits) == expected, "\(isa)") }
  }

  @Test("GELU of rows of every length", arguments: rowLengths)
  func geluLengths(count: Int) {
    for row in Self.rows16(count) {
      let expected = gelu(portable, row, 9)
      for (isa, table) in vectorKernels { #expect(gelu(table, row, 9) == expected, "\(isa)") }
    }
  }

  @Test("Quantization of every int16 with quantizers of every exponent")
  func quantizeEveryNumber() {
    let row = GuardedBuffer(Array(Int16.min...Int16.max))
    func quantized(_ table: vq_kernels, _ quantizer: vq_row_quantizer) -> [UInt8] {
      let out = GuardedBuffer(repeating: UInt8(99), count: row.count)
      withUnsafePointer(to: quantizer) { table.row_quantize_u8(row.base, Int32(row.count), $0, out.base) }
      return out.elements
    }
    for quantizer in everyExponent {
      let expected = quantized(portable, quantizer)
      for (isa, table) in vectorKernels { #expect(quantized(table, quantizer) == expected, "\(isa) \(quantizer)") }
    }
  }

  @Test("Quantization of rows of every length", arguments: rowLengths)
  func quantizeLengths(count: Int) {
    for row in Self.rows16(count) {
      let x = GuardedBuffer(row)
      let quantizer = RowQuantizer(minimum: Int32(row.min() ?? 0), maximum: Int32(row.max() ?? 0)).cValue
      func quantized(_ table: vq_kernels) -> [UInt8] {
        let out = GuardedBuffer(repeating: UInt8(99), count: count)
        withUnsafePointer(to: quantizer) { table.row_quantize_u8(x.base, Int32(count), $0, out.base) }
        return out.elements
      }
      let expected = quantized(portable)
      for (isa, table) in vectorKernels { #expect(quantized(table) == expected, "\(isa)") }
    }
  }
}

/// Quantizers of every exponent, of one-sided and symmetric ranges, and at the ends of the contract.
let everyExponent: [vq_row_quantizer] =
  (0...15).flatMap { bit -> [vq_row_quantizer] in
    let reach = Int32(min(1 << bit, 32767))
    return [
      RowQuantizer(minimum: -reach, maximum: reach).cValue, RowQuantizer(minimum: 0, maximum: reach).cValue,
      RowQuantizer(minimum: -reach, maximum: reach / 3).cValue, RowQuantizer(magnitude: reach).cValue,
    ]
  } + [
    vq_row_quantizer(low: -32768, high: 32767, exponent: -1, inverse: 32767, zero_point: 255),
    vq_row_quantizer(low: -32768, high: 32767, exponent: 13, inverse: 32767, zero_point: 0),
    vq_row_quantizer(low: -32768, high: 32767, exponent: 0, inverse: 32767, zero_point: 255),
    vq_row_quantizer(low: 0, high: 0, exponent: 5, inverse: 0, zero_point: 128),
  ]
