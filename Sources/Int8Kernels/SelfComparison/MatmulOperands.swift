import CKernels

/// The operands of a `MatmulCase`, each in memory of exactly the size that the contract lets a kernel use.
struct MatmulOperands<Memory: OperandMemory> {
  let shape: MatmulCase
  let levels: Levels
  let rowMultiplier: Operand<Int32, Memory>
  let rowZeroPoint: Operand<Int32, Memory>
  let columnMultiplier: Operand<Int32, Memory>
  let columnSum: Operand<Int32, Memory>
  let bias: Operand<Int32, Memory>
  let initialOutput: [Int32]

  /// Activations and weights.
  enum Levels {
    case narrow(a: Operand<UInt8, Memory>, b: Operand<Int8, Memory>)
    case wide(a: Operand<Int16, Memory>, b: Operand<Int16, Memory>)
  }

  init(_ shape: MatmulCase) {
    self.shape = shape
    var random = SplitMix64(seed: shape.seed)
    let padded = (shape.columns + 15) / 16 * 16
    let aCount = (shape.rows - 1) * (shape.k + shape.aPadding) + shape.k
    levels =
      shape.isWide
      ? Self.wideLevels(shape, aCount, padded * shape.k, &random)
      : Self.narrowLevels(shape, aCount, padded * shape.k, &random)
    switch shape.values {
    case .random, .moderate, .pairs, .sums, .biases:
      rowMultiplier = Operand(random.numbers(shape.rows, in: 0...32767))
      rowZeroPoint = Operand(random.numbers(shape.rows, in: 0...255))
      columnMultiplier = Operand(random.numbers(padded, in: -32767...32767))
      columnSum = Operand(Self.columnSums(shape, padded, &random))
      bias = Operand(Self.biases(shape, padded, &random))
    case .extreme:
      rowMultiplier = Operand((0..<shape.rows).map { [32767, 0, 1, 32766][$0 % 4] })
      rowZeroPoint = Operand((0..<shape.rows).map { [255, 0, 128][$0 % 3] })
      columnMultiplier = Operand((0..<padded).map { [-32767, 32767, 0, -1, 1][$0 % 5] })
      columnSum = Operand((0..<padded).map { $0 % 16 < 8 ? Int32(-128 * shape.k) : Int32(127 * shape.k) })
      bias = Operand((0..<padded).map { [Int32.min, .max, 0, -1][$0 % 4] })
    case .zero:
      rowMultiplier = Operand(repeating: 0, count: shape.rows)
      rowZeroPoint = Operand(repeating: 0, count: shape.rows)
      columnMultiplier = Operand(repeating: 0, count: padded)
      columnSum = Operand(repeating: 0, count: padded)
      bias = Operand(repeating: 0, count: padded)
    }
    let outCount = (shape.rows - 1) * (shape.columns + shape.outPadding) + shape.columns
    let reach: Int32 = (1 << 30) - 1
    initialOutput = random.numbers(outCount, in: -reach...reach)
  }

  private static func columnSums(_ shape: MatmulCase, _ count: Int, _ random: inout SplitMix64) -> [Int32] {
    switch shape.values {
    case .moderate: random.numbers(count, in: -900...900)
    case .sums: numbers(count, bits: 22, beyond: 1 << 22, &random)
    case .biases: random.numbers(count, in: -(1 << 22)...(1 << 22) - 1)
    default: random.numbers(count, in: Int32.min...Int32.max)
    }
  }

  private static func biases(_ shape: MatmulCase, _ count: Int, _ random: inout SplitMix64) -> [Int32] {
    switch shape.values {
    case .moderate: return random.numbers(count, in: -5000...5000)
    case .biases:
      let bits = min(62 - shape.shift, 31)
      return numbers(count, bits: bits, beyond: Int32(clamping: (Int64(2) << Int64(bits)) - 1), &random)
    default: return random.numbers(count, in: Int32.min...Int32.max)
    }
  }

  /// Numbers from -2^bits to 2^bits - 1, with both of these in each panel, and `beyond` in the last panel.
  private static func numbers(
    _ count: Int, bits: Int32, beyond: Int32, _ random: inout SplitMix64
  ) -> [Int32] {
    let ends = Int32(clamping: -1 << Int64(bits))...Int32(clamping: (1 << Int64(bits)) - 1)
    return random.numbers(count, in: ends).enumerated().map { column, number in
      switch column % 16 {
      case 0 where column == count - 16: beyond
      case 3: ends.lowerBound
      case 6: ends.upperBound
      default: number
      }
    }
  }

  private static func narrowLevels(
    _ shape: MatmulCase, _ aCount: Int, _ bCount: Int, _ random: inout SplitMix64
  ) -> Levels {
    switch shape.values {
    case .random, .moderate, .sums, .biases:
      .narrow(
        a: Operand(random.numbers(aCount, in: 0...255)), b: Operand(random.numbers(bCount, in: -128...127)))
    case .pairs:
      .narrow(
        a: Operand(random.numbers(aCount, in: 0...3).map { $0 == 0 ? 0 : 255 }), b: Operand(pairs(bCount, &random)))
    case .extreme:
      .narrow(
        a: Operand(repeating: 255, count: aCount), b: Operand((0..<bCount).map { $0 % 64 < 32 ? -128 : 127 }))
    case .zero: .narrow(a: Operand(repeating: 0, count: aCount), b: Operand(repeating: 0, count: bCount))
    }
  }

  private static func wideLevels(
    _ shape: MatmulCase, _ aCount: Int, _ bCount: Int, _ random: inout SplitMix64
  ) -> Levels {
    switch shape.values {
    case .random, .pairs, .sums, .biases:
      .wide(
        a: Operand(random.numbers(aCount, in: Int16.min...Int16.max)),
        b: Operand(random.numbers(bCount, in: Int16.min...Int16.max)))
    case .moderate:
      .wide(
        a: Operand(random.numbers(aCount, in: -4080...4080)), b: Operand(random.numbers(bCount, in: -300...300)))
    case .extreme:
      .wide(
        a: Operand(repeating: .min, count: aCount), b: Operand((0..<bCount).map { $0 % 32 < 16 ? .min : .max }))
    case .zero: .wide(a: Operand(repeating: 0, count: aCount), b: Operand(repeating: 0, count: bCount))
    }
  }

  /// Weights of which each two neighbours add up to 127 or 128, in half of the groups of 32 also to 129; or to the
  /// negative of that.
  private static func pairs(_ count: Int, _ random: inout SplitMix64) -> [Int8] {
    let isWide = random.numbers(count / 32 + 1, in: 0...1)
    let choices = random.numbers(count / 2, in: 0...(1 << 24))
    var weights: [Int8] = []
    weights.reserveCapacity(count)
    for (pair, choice) in choices.enumerated() {
      let sum = 127 + choice % (2 + isWide[pair / 16])
      let first = sum - 127 + choice / 8 % (255 - sum)
      let sign = choice / (1 << 20) % 2 == 0 ? 1 : -1
      weights.append(Int8(sign * first))
      weights.append(Int8(sign * (sum - first)))
    }
    return weights
  }

  /// The output after `body` was called, int16 widened to int32, with the elements between its rows, which must stay as
  /// they were.
  @unsafe
  func run(_ output: vq_output, _ body: (UnsafePointer<vq_matmul>) -> Void) -> [Int32] {
    if output == vq_output_int16 {
      let out = Operand<Int16, Memory>(initialOutput.map { Int16(truncatingIfNeeded: $0) })
      unsafe call(body, output, into: out.base)
      return out.elements.map { Int32($0) }
    }
    let out = Operand<Int32, Memory>(initialOutput)
    unsafe call(body, output, into: out.base)
    return out.elements
  }

  /// Calls `body` with the product.
  ///
  /// - Parameter out: of the kind that `output` says, as many elements as `initialOutput` has.
  @unsafe
  func call(_ body: (UnsafePointer<vq_matmul>) -> Void, _ output: vq_output, into out: UnsafeMutableRawPointer) {
    let (a, b): (UnsafeRawPointer, UnsafeRawPointer)
    switch levels {
    case .narrow(let x, let y): unsafe (a, b) = unsafe (UnsafeRawPointer(x.base), UnsafeRawPointer(y.base))
    case .wide(let x, let y): unsafe (a, b) = unsafe (UnsafeRawPointer(x.base), UnsafeRawPointer(y.base))
    }
    var product = unsafe vq_matmul(
      a: a, a_stride: shape.k + shape.aPadding, b: b, rows: Int32(shape.rows), columns: Int32(shape.columns),
      k: Int32(shape.k), shift: shape.shift, row_multiplier: rowMultiplier.base, row_zero_point: rowZeroPoint.base,
      column_multiplier: columnMultiplier.base, column_sum: columnSum.base, bias: bias.base, out: out,
      out_stride: shape.columns + shape.outPadding, output: output)
    unsafe body(&product)
  }
}
