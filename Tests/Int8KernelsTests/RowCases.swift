import CKernels

@testable import Int8Kernels

/// The rows that row kernels are tried on.
enum RowCases {
  /// Lengths: around every vector's width, and those of models.
  static let lengths = Array(1...35) + [47, 48, 49, 63, 64, 65, 96, 127, 197, 200, 257, 768, 773]

  static let tokens = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 50, 197]

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

  /// Quantizers of every exponent and at the ends of the contract.
  static let asymmetricQuantizers: [vq_row_quantizer] =
    (0...15).map { RowQuantizer(minimum: -Int32(min(1 << $0, 32767)), maximum: Int32(1 << $0) / 3).cValue } + [
      vq_row_quantizer(low: -32768, high: 32767, exponent: -1, inverse: 32767, zero_point: 255),
      vq_row_quantizer(low: -32768, high: 32767, exponent: 13, inverse: 32767, zero_point: 0),
      vq_row_quantizer(low: -32768, high: 32767, exponent: 0, inverse: 32767, zero_point: 255),
      vq_row_quantizer(low: 0, high: 0, exponent: 5, inverse: 0, zero_point: 128),
    ]

  /// Those, and of one-sided and symmetric ranges.
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
