import Testing

@testable import Int8Kernels

/// Queries, keys and values of 15 bits.
@Suite("Attention of 15 bits")
struct WideAttentionTests {
  private static let ranges: [(minimum: Int32, maximum: Int32)] = [
    (0, 0), (-1, 0), (0, 1), (-3, 5), (-127, 127), (-1000, 4000), (-16384, 16383), (-32768, 32767), (0, 32767),
    (-32768, 0), (-20000, 9000),
  ]

  @Test("A row's level of 15 bits is within a step of the value, and its planes are bytes", arguments: ranges)
  func rowLevels(minimum: Int32, maximum: Int32) {
    let quantizer = RowQuantizer(minimum: minimum, maximum: maximum)
    let step = 2 * Double(quantizer.multiplier) / (255 * 128)
    for x in stride(from: minimum, through: maximum, by: max(1, Int(maximum - minimum) / 1000)) {
      let level = RowQuantizer.wideLevel(Int16(x), quantizer.cValue)
      #expect((0...32767).contains(level))
      // Half a step, what the 15 bits of the inverse add, and one bit of the value where its range has 16.
      #expect(abs(Double(level - 128 * quantizer.zeroPoint) - Double(x) / step) <= 2.6, "\(x)")
    }
    // Beyond a static range, values get the levels of its ends.
    for (x, end) in [(Int16.min, quantizer.low), (.max, quantizer.high)] {
      let expected = RowQuantizer.wideLevel(Int16(end), quantizer.cValue)
      #expect(RowQuantizer.wideLevel(x, quantizer.cValue) == expected)
    }
  }

  @Test(
    "A symmetric level of 15 bits is within a 15-bit step of the value",
    arguments: [1, 2, 100, 8191, 20000, 32767] as [Int32])
  func symmetricLevels(magnitude: Int32) {
    let quantizer = RowQuantizer(magnitude: magnitude)
    let step = Double(magnitude) / (127 * 128)
    for x in stride(from: -magnitude, through: magnitude, by: max(1, Int(magnitude) / 300)) {
      let level = RowQuantizer.wideSymmetricLevel(Int16(x), quantizer.cValue)
      // Half a step, what the 15 bits of the inverse add, and one bit of the value where its range has 16.
      #expect(abs(Double(level) - Double(x) / step) <= 1.6, "\(x)")
    }
  }

  @Test("Keys are packed as their levels, in both planes", arguments: [1, 3, 4, 13, 16, 17, 31, 64, 65])
  func packedKeys(width: Int) {
    var random = SplitMix64(seed: UInt64(width))
    let keys = Numbers(rows: 5, columns: width, random.numbers(5 * width, in: Int16.min...Int16.max))
    let packed = Packed(outputs: 21, inputs: width)
    for quantizer in [ActivationQuantizer.dynamic, .fixed(RowQuantizer(magnitude: 9000))] {
      Kernels.portable.packKeys(keys.matrix, quantizer, into: packed.view, at: 15)
      for token in 0..<5 {
        let row = (0..<width).map { keys.matrix[token, $0] }
        var rowQuantizer = RowQuantizer(magnitude: row.reduce(0) { max($0, Int32($1.magnitude)) })
        if case .fixed(let fixed) = quantizer { rowQuantizer = fixed }
        let expected = row.map { RowQuantizer.wideSymmetricLevel($0, rowQuantizer.cValue) }
        #expect((0..<width).map { packed.level(15 + token, $0) } == expected)
        #expect(packed.sum(15 + token) == expected.reduce(0, +))
        #expect(packed.multiplier[15 + token] == rowQuantizer.multiplier)
        for padding in width..<WeightLayout.paddedInputs(width) { #expect(packed.level(15 + token, padding) == 0) }
      }
    }
  }

  @Test("Values are packed as they are within 15 bits, in both planes", arguments: [1, 2, 5, 15, 16, 17, 40])
  func packedValues(channels: Int) {
    for tokens in [1, 2, 3, 4, 5, 8, 11] {
      var random = SplitMix64(seed: UInt64(channels * tokens))
      var numbers = random.numbers(tokens * channels, in: Int16(-17000)...17000)
      (numbers[0], numbers[numbers.count - 1]) = (.min, .max)
      let values = Numbers(rows: tokens, columns: channels, numbers)
      let packed = Packed(outputs: channels, inputs: 8 + tokens)
      Kernels.portable.packValues(values.matrix, into: packed.view, at: 8)
      for channel in 0..<channels {
        for token in 0..<WeightLayout.paddedInputs(tokens) {
          let expected = token < tokens ? min(max(Int32(values.matrix[token, channel]), -16319), 16319) : 0
          #expect(packed.level(channel, 8 + token) == expected, "\(tokens) tokens: \(token), \(channel)")
        }
      }
    }
  }

  @Test(
    "Sums over the most tokens, of numbers at the ends of their ranges, do not overflow", arguments: [16319, -16319])
  func largestSums(level: Int) {
    let tokens = 32_768
    let values = Numbers(rows: tokens, columns: 1, [Int16](repeating: Int16(level), count: tokens))
    let packed = Packed(outputs: 1, inputs: tokens)
    Kernels.portable.packValues(values.matrix, into: packed.view)
    let probabilities = Rows(rows: 2, columns: tokens)
    for token in 0..<tokens {
      (probabilities.high[token], probabilities.high[probabilities.stride + token]) = (255, 127)
    }
    let sums = Numbers(rows: 3, columns: 1, [Int32](repeating: 0, count: 3))
    Kernels.portable.sumValues(probabilities.view, packed.view, into: sums.matrix)
    let planes = WidePlanes(Int32(level))
    let (high, low) = (Int64(planes.high), Int64(planes.low))
    #expect(sums.matrix.array().map { Int64($0) } == [255 * high, 127 * high, 255 * low].map { $0 * Int64(tokens) })

    // All weights are 1, so that the mean is the value: in units of 2^7, times 256.
    let rowSums = Numbers(rows: 1, columns: 1, [Int32(32767 * tokens)])
    let scale: [Int32] = [16384]
    let out = Numbers(rows: 1, columns: 1, [Int16(0)])
    scale.withUnsafeBufferPointer { scale in
      guard let base = scale.baseAddress else { return }
      let scales = ChannelScales(multiplier: Vector(base: base, count: 1), shift: 7)
      Kernels.portable.combine(sums.matrix, sums: rowSums.matrix, scales, into: out.matrix)
    }
    #expect(abs(Int(out.matrix[0, 0]) - level) <= 2)
  }

  @Test(
    "Scores of the widest head, at the ends of all ranges, are exact to the last unit", arguments: [1, -1] as [Int16])
  func largestScores(sign: Int16) {
    let width = 16_384
    let queries = Numbers(rows: 1, columns: width, [Int16](repeating: 32767, count: width))
    let keys = Numbers(rows: 1, columns: width, [Int16](repeating: sign * 32767, count: width))
    let (rows, packed) = (Rows(rows: 1, columns: width), Packed(outputs: 1, inputs: width))
    Kernels.portable.quantizeQueries(queries.matrix, .dynamic, into: rows.view)
    Kernels.portable.packKeys(keys.matrix, .dynamic, into: packed.view)
    let scores = Numbers(rows: 1, columns: 1, [Int32(0)])
    Kernels.portable.multiply(rows.view, by: packed.view.matrix(shift: 33), into: scores.matrix)
    let levels = (high: Int64(rows.high[0]), low: Int64(rows.low[0]))
    let key = Int64(packed.level(0, 0))
    let (keyHigh, keyLow) = ((key + 64) >> 7, key - ((key + 64) >> 7) << 7)
    let scale = Int64(rows.multiplier[0]) * Int64(packed.multiplier[0])
    let products = [(levels.high * keyHigh, Int32(33)), (levels.low * keyHigh, 40), (levels.high * keyLow, 40)]
    let expected = products.map { FixedPoint.roundHalfUp(Int64(width) * $0.0 * scale, shift: $0.1) }.reduce(0, +)
    #expect(Int64(scores.matrix[0, 0]) == expected)
    #expect(expected.magnitude > 1 << 24 && expected.magnitude < 1 << 30)
  }

  @Test("A shift that leaves nothing of the low planes leaves them out", arguments: [55, 56, 62] as [Int32])
  func largestShifts(shift: Int32) {
    let packed = Packed(outputs: 3, inputs: 5)
    #expect(packed.view.matrix(shift: shift).isWide == (shift <= 55))
  }

  @Test("Attention of 15 bits is near to exact attention", arguments: [(40, 64), (7, 5), (197, 33)])
  func nearExact(tokens: Int, width: Int) {
    var random = SplitMix64(seed: 5)
    func numbers(in range: ClosedRange<Int16>) -> Numbers<Int16> {
      Numbers(rows: tokens, columns: width, random.numbers(tokens * width, in: range))
    }
    let (queries, keys) = (numbers(in: -16384...16383), numbers(in: -16384...16383))
    let values = numbers(in: -16000...16000)
    let (rows, packedKeys) = (Rows(rows: tokens, columns: width), Packed(outputs: tokens, inputs: width))
    let packedValues = Packed(outputs: width, inputs: tokens)
    let kernels = Kernels.portable
    kernels.quantizeQueries(queries.matrix, .dynamic, into: rows.view)
    kernels.packKeys(keys.matrix, .dynamic, into: packedKeys.view)
    kernels.packValues(values.matrix, into: packedValues.view)
    let scores = Numbers(rows: tokens, columns: tokens, [Int32](repeating: 0, count: tokens * tokens))
    let shift: Int32 = 31
    kernels.multiply(rows.view, by: packedKeys.view.matrix(shift: shift), into: scores.matrix)
    let probabilities = Rows(rows: 2 * tokens, columns: tokens)
    let sums = Numbers(rows: 1, columns: tokens, [Int32](repeating: 0, count: tokens))
    kernels.softmax(scores.matrix, into: probabilities.view.reshaped(columns: tokens, isWide: false), sums: sums.matrix)
    let weighted = Numbers(rows: 3 * tokens, columns: width, [Int32](repeating: 0, count: 3 * tokens * width))
    kernels.sumValues(
      probabilities.view.reshaped(columns: tokens, isWide: false), packedValues.view, into: weighted.matrix)
    let out = Numbers(rows: tokens, columns: width, [Int16](repeating: 0, count: tokens * width))
    let scale = [Int32](repeating: 16384, count: width)
    scale.withUnsafeBufferPointer { scale in
      guard let base = scale.baseAddress else { return }
      let scales = ChannelScales(multiplier: Vector(base: base, count: width), shift: 7)
      kernels.combine(weighted.matrix, sums: sums.matrix, scales, into: out.matrix)
    }
    // A unit of the query times one of the key, in 2^-10 octaves.
    let unit = 255.0 * 127 / 2 / Double(sign: .plus, exponent: Int(shift), significand: 1)
    var (signal, noise) = (0.0, 0.0)
    for row in 0..<tokens {
      let exact = (0..<tokens).map { key in
        (0..<width).reduce(0.0) { $0 + Double(queries.matrix[row, $1]) * Double(keys.matrix[key, $1]) } * unit / 1024
      }
      let largest = exact.max() ?? 0
      let weights = exact.map { power(2, $0 - largest) }
      let total = weights.reduce(0, +)
      for channel in 0..<width {
        let mean = (0..<tokens).reduce(0.0) { $0 + weights[$1] * Double(values.matrix[$1, channel]) } / total
        signal += mean * mean
        noise += (mean - Double(out.matrix[row, channel])) * (mean - Double(out.matrix[row, channel]))
      }
    }
    #expect(signal > 1e5 * noise, "\(signal / noise)")
  }

  /// `base^exponent` for an exponent of at most 0, from its whole and its fractional part.
  private func power(_ base: Double, _ exponent: Double) -> Double {
    let whole = exponent.rounded(.down)
    // ln 2 times the fraction, below 0.7: 20 terms are exact.
    let x = (exponent - whole) * 0.693147180559945309
    var (term, sum) = (1.0, 1.0)
    for index in 1...20 {
      term *= x / Double(index)
      sum += term
    }
    return base == 2 ? Double(sign: .plus, exponent: max(Int(whole), -1000), significand: sum) : .nan
  }
}

/// A matrix with memory of its own.
private final class Numbers<Element: BitwiseCopyable> {
  let matrix: Matrix<Element>
  private let memory: UnsafeMutablePointer<Element>

  init(rows: Int, columns: Int, _ numbers: [Element]) {
    precondition(numbers.count == rows * columns)
    memory = .allocate(capacity: max(numbers.count, 1))
    for (index, number) in numbers.enumerated() { memory[index] = number }
    matrix = Matrix(base: memory, rows: rows, columns: columns)
  }

  deinit { memory.deallocate() }
}

/// Rows of 15 bits with memory of their own.
private final class Rows {
  let high: UnsafeMutablePointer<UInt8>
  let low: UnsafeMutablePointer<UInt8>
  let multiplier: UnsafeMutablePointer<Int32>
  let zeroPoint: UnsafeMutablePointer<Int32>
  let stride: Int
  let view: QuantizedRows

  init(rows: Int, columns: Int) {
    stride = WeightLayout.paddedInputs(columns)
    (high, low) = (.allocate(capacity: rows * stride), .allocate(capacity: rows * stride))
    (multiplier, zeroPoint) = (.allocate(capacity: rows), .allocate(capacity: rows))
    high.initialize(repeating: 0, count: rows * stride)
    low.initialize(repeating: 0, count: rows * stride)
    multiplier.initialize(repeating: 0, count: rows)
    zeroPoint.initialize(repeating: 0, count: rows)
    view = QuantizedRows(
      high: high, low: low, multiplier: multiplier, zeroPoint: zeroPoint, rows: rows, columns: columns, stride: stride)
  }

  deinit {
    high.deallocate()
    low.deallocate()
    multiplier.deallocate()
    zeroPoint.deallocate()
  }
}

/// Packed keys or values of 15 bits with memory of their own, full of garbage.
private final class Packed {
  let view: PackedActivations
  let multiplier: UnsafeMutablePointer<Int32>
  private let bytes: UnsafeMutablePointer<Int8>
  private let numbers: UnsafeMutablePointer<Int32>
  private let byteCount: Int
  private let count: Int
  private let inputs: Int

  init(outputs: Int, inputs: Int) {
    self.inputs = inputs
    byteCount = WeightLayout.byteCount(outputs: outputs, inputs: inputs)
    count = max(WeightLayout.paddedOutputs(outputs), 16)
    bytes = .allocate(capacity: 2 * byteCount)
    bytes.initialize(repeating: 99, count: 2 * byteCount)
    numbers = .allocate(capacity: 4 * count)
    numbers.initialize(repeating: 99, count: 3 * count)
    (numbers + 3 * count).initialize(repeating: 0, count: count)
    multiplier = numbers
    let zeros = Vector(base: numbers + 3 * count, count: count)
    view = PackedActivations(
      panels: bytes, multiplier: numbers, columnSum: numbers + count,
      low: PackedActivations.LowPlane(panels: bytes + byteCount, columnSum: numbers + 2 * count), zeros: zeros,
      outputs: outputs, inputs: inputs)
  }

  deinit {
    bytes.deallocate()
    numbers.deallocate()
  }

  func level(_ output: Int, _ input: Int) -> Int32 {
    let index = WeightLayout.index(output: output, input: input, inputs: inputs)
    return 128 * Int32(bytes[index]) + Int32(bytes[byteCount + index])
  }

  /// Of the levels of an output, as both planes' sums say.
  func sum(_ output: Int) -> Int32 { 128 * numbers[count + output] + numbers[2 * count + output] }
}
