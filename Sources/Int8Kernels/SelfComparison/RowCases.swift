import CKernels

/// The rows and quantizers that row kernels are compared on.
enum RowCases {
  static let everyInt16 = Array(Int16.min...Int16.max)

  /// Rows of int32: random numbers of the whole range, of the residual stream's range and of a small one; only the
  /// smallest number; only the largest; and steps up to the largest, and down from it.
  static func rows32(_ count: Int) -> [[Int32]] {
    var random = SplitMix64(seed: UInt64(count))
    let ascending = ascending(count, in: Int32.min...Int32.max)
    return [
      random.numbers(count, in: Int32.min...Int32.max), random.numbers(count, in: -(1 << 30)...(1 << 30)),
      random.numbers(count, in: -3000...3000), [Int32](repeating: .min, count: count),
      [Int32](repeating: .max, count: count), ascending, ascending.reversed(),
    ]
  }

  /// Rows of int16: random numbers of the whole range and of a small one; only the smallest number; only the largest;
  /// and steps up to the largest, and down from it.
  static func rows16(_ count: Int) -> [[Int16]] {
    var random = SplitMix64(seed: UInt64(count))
    let ascending = ascending(count, in: Int16.min...Int16.max)
    return [
      random.numbers(count, in: Int16.min...Int16.max), random.numbers(count, in: -300...300),
      [Int16](repeating: .min, count: count), [Int16](repeating: .max, count: count), ascending, ascending.reversed(),
    ]
  }

  /// Rows of a head, `stride` numbers apart, without what would lie behind the last: by turns of the whole range, of
  /// ranges of fewer bits, not negative, not positive, zeros, only the smallest number, and only the ends of the range.
  /// The numbers between rows are the largest.
  static func head(rows: Int, width: Int, stride: Int) -> [Int16] {
    var random = SplitMix64(seed: UInt64(rows * 1000 + width))
    var values = [Int16](repeating: .max, count: (rows - 1) * stride + width)
    for row in 0..<rows {
      let reach = Int16.max >> Int16(row % 15)
      let range: ClosedRange<Int16> =
        switch row % 8 {
        case 0: .min ... .max
        case 1, 2: -reach...reach
        case 3: 0...reach
        case 4: -reach...0
        case 5: 0...0
        case 6: .min ... .min
        default: 0...1
        }
      for (index, number) in random.numbers(width, in: range).enumerated() {
        values[row * stride + index] = row % 8 == 7 ? (number == 0 ? .min : .max) : number
      }
    }
    return values
  }

  /// Factors of a row's channels: none; random ones; the smallest and the largest in turn.
  static func factors(_ count: Int) -> [[Int16]?] {
    var random = SplitMix64(seed: UInt64(count))
    return [nil, random.numbers(count, in: 1...32767), (0..<count).map { $0 % 2 == 0 ? 1 : 32767 }]
  }

  /// `count` numbers in equal steps up to the range's upper end, which only the last one reaches.
  private static func ascending<Number: FixedWidthInteger>(_ count: Int, in range: ClosedRange<Number>) -> [Number] {
    let step = (Int64(range.upperBound) - Int64(range.lowerBound)) / Int64(count)
    return (1...count).map { Number(truncatingIfNeeded: Int64(range.upperBound) - Int64(count - $0) * step) }
  }

  /// Quantizers of every exponent and at the ends of the contract.
  static let asymmetricQuantizers: [vq_row_quantizer] =
    (0...15).map { RowQuantizer(minimum: -Int32(min(1 << $0, 32767)), maximum: Int32(1 << $0) / 3).cValue } + [
      vq_row_quantizer(low: -32768, high: 32767, exponent: -1, inverse: 32767, zero_point: 255),
      vq_row_quantizer(low: -32768, high: 32767, exponent: 13, inverse: 32767, zero_point: 0),
      vq_row_quantizer(low: -32768, high: 32767, exponent: 0, inverse: 32767, zero_point: 255),
      vq_row_quantizer(low: 0, high: 0, exponent: 5, inverse: 0, zero_point: 128),
    ]

  /// Those, and quantizers of one-sided and symmetric ranges.
  static let quantizers: [vq_row_quantizer] =
    asymmetricQuantizers
    + (0...15).flatMap { bit -> [vq_row_quantizer] in
      let reach = Int32(min(1 << bit, 32767))
      return [
        RowQuantizer(minimum: -reach, maximum: reach).cValue, RowQuantizer(minimum: 0, maximum: reach).cValue,
        RowQuantizer(magnitude: reach).cValue,
      ]
    }
}
