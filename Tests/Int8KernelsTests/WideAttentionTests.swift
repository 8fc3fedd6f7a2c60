import Testing

@testable import Int8Kernels

/// Rows, queries and keys of int16, and values in two planes.
@Suite("Wide rows and attention")
struct WideAttentionTests {
  private static let ranges: [(minimum: Int32, maximum: Int32)] = [
    (0, 0), (-1, 0), (0, 1), (-3, 5), (-127, 127), (-1000, 4000), (-16384, 16383), (-32768, 32767), (0, 32767),
    (-32768, 0), (-20000, 9000),
  ]

  @Test("A wide row's level is near the value, and within 4080, whatever the value", arguments: ranges)
  func rowLevels(minimum: Int32, maximum: Int32) {
    let quantizer = RowQuantizer.wide(minimum: minimum, maximum: maximum)
    let step = 2 * Double(quantizer.multiplier) / (255 * 32)
    for x in stride(from: minimum, through: maximum, by: max(1, Int(maximum - minimum) / 1000)) {
      let level = RowQuantizer.wideLevel(Int16(x), quantizer.cValue)
      // Half a step, half of one that the first rounding adds, and one bit of the value where its range has 16.
      #expect(abs(Double(level) - Double(x) / step) <= 1.1, "\(x)")
    }
    // Beyond a static range, values get the levels of its ends.
    for x in Int16.min...Int16.max {
      #expect(Int64(RowQuantizer.wideLevel(x, quantizer.cValue).magnitude) <= WideLayer.levelLimit)
    }
    #expect(Int64(RowQuantizer.wideLevel(.max, quantizer.cValue)) >= WideLayer.levelLimit - 1)
  }

  @Test("A key's level is near the value, and within 4064", arguments: [1, 2, 100, 8191, 20000, 32767] as [Int32])
  func symmetricLevels(magnitude: Int32) {
    let quantizer = RowQuantizer(magnitude: magnitude)
    let step = Double(magnitude) / (127 * 32)
    for x in stride(from: -magnitude, through: magnitude, by: max(1, Int(magnitude) / 300)) {
      let level = RowQuantizer.wideLevel(Int16(x), quantizer.cValue)
      #expect(abs(Double(level) - Double(x) / step) <= 1.1, "\(x)")
      #expect(level.magnitude <= 4064)
    }
  }

  @Test("Keys are packed as their levels", arguments: [1, 3, 4, 13, 16, 17, 31, 64, 65])
  func packedKeys(width: Int) {
    var random = SplitMix64(seed: UInt64(width))
    let keys = Numbers(rows: 5, columns: width, random.numbers(5 * width, in: Int16.min...Int16.max))
    let packed = Keys(tokens: 21, width: width)
    for quantizer in [ActivationQuantizer.dynamic, .fixed(RowQuantizer(magnitude: 9000))] {
      Kernels.portable.packKeys(keys.matrix, quantizer, into: packed.view, at: 15)
      for token in 0..<5 {
        let row = (0..<width).map { keys.matrix[token, $0] }
        var rowQuantizer = RowQuantizer(magnitude: row.reduce(0) { max($0, Int32($1.magnitude)) })
        if case .fixed(let fixed) = quantizer { rowQuantizer = fixed }
        let expected = row.map { RowQuantizer.wideLevel($0, rowQuantizer.cValue) }
        #expect((0..<width).map { packed.level(15 + token, $0) } == expected)
        #expect(packed.columnSum[15 + token] == 0)
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
      let packed = Values(width: channels, tokens: 8 + tokens)
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
    let packed = Values(width: 1, tokens: tokens)
    Kernels.portable.packValues(values.matrix, into: packed.view)
    let probabilities = Rows(rows: 2, columns: tokens, isWide: false)
    for token in 0..<tokens {
      probabilities.view.row(0)[token] = 255
      probabilities.view.row(1)[token] = 127
    }
    let sums = Numbers(rows: 3, columns: 1, [Int32](repeating: 0, count: 3))
    Kernels.portable.sumValues(probabilities.view, packed.view, into: sums.matrix)
    let high = Int64((level + 64) >> 7)
    let low = Int64(level) - high << 7
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
    let width = WideLayer.headWidthLimit
    let queries = Numbers(rows: 1, columns: width, [Int16](repeating: 32767, count: width))
    let keys = Numbers(rows: 1, columns: width, [Int16](repeating: sign * 32767, count: width))
    let (rows, packed) = (Rows(rows: 1, columns: width), Keys(tokens: 1, width: width))
    Kernels.portable.quantizeQueries(queries.matrix, .dynamic, into: rows.view)
    Kernels.portable.packKeys(keys.matrix, .dynamic, into: packed.view)
    let scores = Numbers(rows: 1, columns: 1, [Int32(0)])
    Kernels.portable.multiply(rows.view, by: packed.view.matrix(shift: 33), into: scores.matrix)
    let product = Int64(rows.view.wideRow(0)[0]) * Int64(packed.level(0, 0)) * Int64(width)
    #expect(product.magnitude > 2_100_000_000 && product.magnitude <= Int64(Int32.max))
    let scale = Int64(rows.view.multiplier[0]) * Int64(packed.multiplier[0])
    #expect(Int64(scores.matrix[0, 0]) == FixedPoint.roundHalfUp(product * scale, shift: 43))
  }

  @Test("The largest sum of weights' magnitudes, with levels at their ends, fits int32")
  func largestSums() {
    #expect(WideLayer.levelLimit * WideLayer.weightSumLimit <= Int64(Int32.max))
    #expect(WideLayer.levelLimit * (WideLayer.weightSumLimit + 1) > Int64(Int32.max))
    #expect(4080 * 4064 * WideLayer.headWidthLimit <= Int(Int32.max))
  }

  @Test(
    "Scores of int16 queries and keys have the shift of 8 bits and 10 more, up to 62", arguments: [0, 33, 52, 53, 62])
  func shifts(shift: Int32) {
    #expect(Keys(tokens: 3, width: 5).view.matrix(shift: shift).shift == min(shift + 10, 62))
  }

  @Test("Wide attention is near to exact attention", arguments: [(40, 64), (7, 5), (197, 33)])
  func nearExact(tokens: Int, width: Int) {
    var random = SplitMix64(seed: 5)
    func numbers(in range: ClosedRange<Int16>) -> Numbers<Int16> {
      Numbers(rows: tokens, columns: width, random.numbers(tokens * width, in: range))
    }
    let (queries, keys) = (numbers(in: -16384...16383), numbers(in: -16384...16383))
    let values = numbers(in: -16000...16000)
    let (rows, packedKeys) = (Rows(rows: tokens, columns: width), Keys(tokens: tokens, width: width))
    let packedValues = Values(width: width, tokens: tokens)
    let kernels = Kernels.portable
    kernels.quantizeQueries(queries.matrix, .dynamic, into: rows.view)
    kernels.packKeys(keys.matrix, .dynamic, into: packedKeys.view)
    kernels.packValues(values.matrix, into: packedValues.view)
    let scores = Numbers(rows: tokens, columns: tokens, [Int32](repeating: 0, count: tokens * tokens))
    let shift: Int32 = 31
    kernels.multiply(rows.view, by: packedKeys.view.matrix(shift: shift), into: scores.matrix)
    let probabilities = Rows(rows: 2 * tokens, columns: tokens, isWide: false)
    let sums = Numbers(rows: 1, columns: tokens, [Int32](repeating: 0, count: tokens))
    kernels.softmax(scores.matrix, into: probabilities.view, sums: sums.matrix)
    let weighted = Numbers(rows: 3 * tokens, columns: width, [Int32](repeating: 0, count: 3 * tokens * width))
    kernels.sumValues(probabilities.view, packedValues.view, into: weighted.matrix)
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

/// Rows with memory of their own.
private final class Rows {
  let view: QuantizedRows

  init(rows: Int, columns: Int, isWide: Bool = true) {
    let stride = WeightLayout.paddedInputs(columns)
    let byteCount = rows * stride * 2
    let levels = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    levels.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    let numbers = UnsafeMutablePointer<Int32>.allocate(capacity: 2 * rows)
    numbers.initialize(repeating: 0, count: 2 * rows)
    view = QuantizedRows(
      levels: levels, isWide: isWide, multiplier: numbers, zeroPoint: numbers + rows, rows: rows, columns: columns,
      stride: stride)
  }

  deinit {
    view.levels.deallocate()
    view.multiplier.deallocate()
  }
}

/// Packed int16 keys with memory of their own, full of garbage.
private final class Keys {
  let view: PackedKeys
  let multiplier: UnsafeMutablePointer<Int32>
  let columnSum: UnsafeMutablePointer<Int32>

  init(tokens: Int, width: Int) {
    let byteCount = WeightLayout.byteCount(outputs: tokens, inputs: width, isWide: true)
    let panels = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    panels.initializeMemory(as: UInt8.self, repeating: 99, count: byteCount)
    let count = WeightLayout.paddedOutputs(tokens)
    multiplier = .allocate(capacity: 3 * count)
    columnSum = multiplier + count
    multiplier.initialize(repeating: 99, count: 2 * count)
    (multiplier + 2 * count).initialize(repeating: 0, count: count)
    view = PackedKeys(
      panels: panels, isWide: true, multiplier: multiplier, columnSum: columnSum,
      zeros: Vector(base: multiplier + 2 * count, count: count), tokens: tokens, headWidth: width)
  }

  deinit {
    view.panels.deallocate()
    multiplier.deallocate()
  }

  func level(_ token: Int, _ channel: Int) -> Int16 {
    let index = WeightLayout.index(output: token, input: channel, inputs: view.headWidth, isWide: true)
    return view.panels.load(fromByteOffset: 2 * index, as: Int16.self)
  }
}

/// Packed values of two planes with memory of their own, full of garbage.
private final class Values {
  let view: PackedValues
  private let zeros: UnsafeMutablePointer<Int32>

  init(width: Int, tokens: Int) {
    let byteCount = 2 * WeightLayout.byteCount(outputs: width, inputs: tokens)
    let panels = UnsafeMutablePointer<Int8>.allocate(capacity: byteCount)
    panels.initialize(repeating: 99, count: byteCount)
    let count = WeightLayout.paddedOutputs(width)
    zeros = .allocate(capacity: count)
    zeros.initialize(repeating: 0, count: count)
    view = PackedValues(
      panels: panels, isWide: true, zeros: Vector(base: zeros, count: count), headWidth: width, tokens: tokens)
  }

  deinit {
    view.panels.deallocate()
    zeros.deallocate()
  }

  func level(_ channel: Int, _ token: Int) -> Int32 {
    let index = WeightLayout.index(output: channel, input: token, inputs: view.tokens)
    return 128 * Int32(view.panels[index]) + Int32(view.lowPanels[index])
  }
}
