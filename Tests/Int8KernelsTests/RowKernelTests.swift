import CKernels
import Testing

@testable import Int8Kernels

@Suite("Row kernels: the portable result")
struct RowKernelTests {
  let table = Kernels.portable.table

  @Test("Sum, minimum and maximum are those of the row")
  func ranges() {
    for row in ComparisonCases.thorough.rows32 {
      var (sum, low, high) = (Int64(0), Int32(0), Int32(0))
      table.row_range_i32(row, Int32(row.count), &sum, &low, &high)
      #expect(sum == row.reduce(0) { $0 + Int64($1) })
      #expect(low == row.min() && high == row.max())
      #expect(table.row_maximum_i32(row, Int32(row.count)) == row.max())
    }
    for row in ComparisonCases.thorough.rows16 {
      var (low, high) = (Int32(0), Int32(0))
      table.row_range_i16(row, Int32(row.count), &low, &high)
      #expect(low == row.min().map { Int32($0) } && high == row.max().map { Int32($0) })
    }
  }

  @Test("A normalized row is (x - mean) / 2^a * multiplier * gain / 2^b + bias, each division rounded half up")
  func normalize() {
    let x: [Int32] = [-1000, -3, 0, 1, 2, 77, 100_000]
    let gain: [Int32] = [3, -5, 32767, 1000, -1000, 200, -32767]
    let bias: [Int32] = [0, 1, -1, 500, 7, 0, 9]
    var out = [Int32](repeating: 0, count: x.count)
    table.row_normalize_i32(x, Int32(x.count), 2, 2, 300, gain, bias, 6, &out)
    for index in x.indices {
      let centered = (Double(x[index] - 2) / 4 + 0.5).rounded(.down)
      let scaled = (centered * 300 * Double(gain[index]) / 64 + 0.5).rounded(.down)
      #expect(out[index] == Int32(truncatingIfNeeded: Int64(scaled) + Int64(bias[index])))
    }
    var narrow = [Int16](repeating: 0, count: x.count)
    table.row_normalize_i16(x, Int32(x.count), 2, 2, 300, gain, bias, 6, &narrow)
    #expect(narrow == out.map { Int16(min(max($0, -32768), 32767)) })
    let squares = x.reduce(Int64(0)) { sum, x in
      let centered = Int64((Double(x - 2) / 4 + 0.5).rounded(.down))
      return sum + centered * centered
    }
    #expect(table.row_square_sum(x, Int32(x.count), 2, 2) == squares)
  }

  @Test("A key goes to every 64th byte, four at a time; values to groups of four tokens")
  func panels() {
    let quantizer = RowQuantizer(magnitude: 127).cValue
    var key = [Int8](repeating: 55, count: 68)
    var sum: Int32 = 0
    withUnsafePointer(to: quantizer) {
      table.pack_keys_fixed([1, -2, 127, -127, 5, 300], 6, 0, 1, 6, $0, &key, &sum)
    }
    #expect(key[0..<4] == [1, -2, 127, -127] && key[64..<68] == [5, 127, 0, 0] && sum == 131)
    #expect(key[4..<64].allSatisfy { $0 == 55 })
    var panel = [Int8](repeating: 55, count: 128)
    // Five tokens of two channels, three apart.
    let values: [Int16] = [1, 2, 9, 3, 4, 9, 5, 6, 9, 7, 8, 9, -200, 200]
    table.pack_values(values, 3, 5, 2, &panel)
    #expect(panel[0..<8] == [1, 3, 5, 7, 2, 4, 6, 8] && panel[64..<72] == [-127, 0, 0, 0, 127, 0, 0, 0])
    #expect((panel[8..<64] + panel[72...]).allSatisfy { $0 == 0 })
  }

  @Test("Queries and keys, several at a time, have the quantizers of their own rows")
  func heads() {
    let (rows, width, stride) = (19, 21, 30)
    let x = RowCases.head(rows: rows, width: width, stride: stride)
    var levels = [UInt8](repeating: 55, count: rows * 24)
    var (multipliers, zeroPoints) = ([Int32](repeating: 0, count: rows), [Int32](repeating: 0, count: rows))
    table.rows_quantize_u8(x, stride, Int32(rows), Int32(width), &levels, 24, &multipliers, &zeroPoints)
    var panels = [Int8](repeating: 55, count: WeightLayout.byteCount(outputs: 32, inputs: width))
    var (keyMultipliers, sums) = ([Int32](repeating: 0, count: 32), [Int32](repeating: 0, count: 32))
    table.pack_keys(x, stride, 7, Int32(rows), Int32(width), &panels, &keyMultipliers, &sums)
    for row in 0..<rows {
      let values = x[row * stride..<row * stride + width].map { Int32($0) }
      let (low, high) = (values.min() ?? 0, values.max() ?? 0)
      let quantizer = RowQuantizer(minimum: low, maximum: high)
      let key = RowQuantizer(magnitude: max(-low, high))
      #expect(multipliers[row] == quantizer.multiplier && zeroPoints[row] == quantizer.zeroPoint)
      #expect(keyMultipliers[7 + row] == key.multiplier)
      var sum: Int32 = 0
      for channel in 0..<width {
        let value = x[row * stride + channel]
        #expect(Int32(levels[row * 24 + channel]) == min(max(RowQuantizer.level(value, quantizer.cValue), 0), 255))
        let level = panels[WeightLayout.index(output: 7 + row, input: channel, inputs: width)]
        #expect(Int32(level) == RowQuantizer.level(value, key.cValue))
        sum += Int32(level)
      }
      #expect(sums[7 + row] == sum)
      #expect(levels[row * 24 + width..<(row + 1) * 24].allSatisfy { $0 == 55 })
    }
    #expect(panels[WeightLayout.index(output: 6, input: 0, inputs: width)] == 55)
    #expect(keyMultipliers[..<7].allSatisfy { $0 == 0 } && keyMultipliers[26...].allSatisfy { $0 == 0 })
  }

  @Test("The planes of a probability are its upper 8 and lower 7 bits; alone, the upper plane is rounded")
  func probabilities() {
    let x: [Int32] = [0, -1024, -2048, -100, -40000]
    var (high, low) = ([UInt8](repeating: 55, count: 8), [UInt8](repeating: 55, count: 8))
    let sum = table.row_exp2(x, 5, 0, &high, &low)
    let p = zip(high, low).map { Int32($0) << 7 + Int32($1) }
    #expect(p[0...2] == [32640, 16320, 8160] && abs(p[3] - 30503) <= 3 && p[4...] == [0, 0, 0, 0])
    #expect(sum == p.reduce(0, +))
    let rounded = table.row_exp2(x, 5, 0, &high, nil)
    #expect(high == p.map { UInt8(($0 + 64) >> 7) })
    #expect(rounded == high.reduce(0) { $0 + Int32($1) * 128 })
  }

  @Test("The combination is (high + low / 2^7) * multipliers / 2^shift, saturated")
  func combine() {
    let (high, low): ([Int32], [Int32]) = ([100, -100, 1_000_000], [64, -65, 0])
    var out = [Int16](repeating: 0, count: 3)
    table.row_combine_i16(high, low, 3, 3, [5, 7, 9], 1, &out)
    #expect(out == [758, -1060, 32767])
    table.row_combine_i16(high, nil, 3, 3, [5, 7, -9], 0, &out)
    #expect(out == [1500, -2100, -32768])
  }
}
