import CKernels

@testable import Int8Kernels

/// One product with all its operands, each in guarded memory of exactly the size that the contract lets a kernel use.
struct MatmulCase: Sendable, CustomStringConvertible {
  enum Values: Sendable {
    case random
    /// Activations of 255, weights of -128 and 127, zero points and multipliers at their ends.
    case extreme
    case zero
  }

  var rows: Int
  var columns: Int
  var k: Int
  var shift: Int32 = 24
  var output = vq_output_int32
  var values = Values.random
  /// How far the rows of the activations and of the output are apart beyond their length.
  var aPadding = 0
  var outPadding = 3
  var seed: UInt64 = 1

  var description: String {
    "\(rows) x \(k) x \(columns), shift \(shift), output \(output.rawValue), \(values), padding \(aPadding) \(outPadding)"
  }
}

/// The memory of a `MatmulCase`.
struct MatmulOperands {
  let shape: MatmulCase
  let a: GuardedBuffer<UInt8>
  let b: GuardedBuffer<Int8>
  let rowMultiplier: GuardedBuffer<Int32>
  let rowZeroPoint: GuardedBuffer<Int32>
  let columnMultiplier: GuardedBuffer<Int32>
  let columnSum: GuardedBuffer<Int32>
  let bias: GuardedBuffer<Int32>
  let initialOutput: [Int32]

  init(_ shape: MatmulCase) {
    self.shape = shape
    var random = SplitMix64(seed: shape.seed)
    let padded = (shape.columns + 15) / 16 * 16
    let aCount = (shape.rows - 1) * (shape.k + shape.aPadding) + shape.k
    let multipliers: ClosedRange<Int32> = -32767...32767
    switch shape.values {
    case .random:
      a = GuardedBuffer(random.numbers(aCount, in: 0...255))
      b = GuardedBuffer(random.numbers(padded * shape.k, in: -128...127))
      rowMultiplier = GuardedBuffer(random.numbers(shape.rows, in: 0...32767))
      rowZeroPoint = GuardedBuffer(random.numbers(shape.rows, in: 0...255))
      columnMultiplier = GuardedBuffer(random.numbers(padded, in: multipliers))
      // Whatever the sums and the bias are: their arithmetic wraps.
      columnSum = GuardedBuffer(random.numbers(padded, in: Int32.min...Int32.max))
      bias = GuardedBuffer(random.numbers(padded, in: Int32.min...Int32.max))
    case .extreme:
      a = GuardedBuffer(repeating: 255, count: aCount)
      b = GuardedBuffer((0..<padded * shape.k).map { $0 % 64 < 32 ? -128 : 127 })
      rowMultiplier = GuardedBuffer((0..<shape.rows).map { [32767, 0, 1, 32766][$0 % 4] })
      rowZeroPoint = GuardedBuffer((0..<shape.rows).map { [255, 0, 128][$0 % 3] })
      columnMultiplier = GuardedBuffer((0..<padded).map { [-32767, 32767, 0, -1, 1][$0 % 5] })
      columnSum = GuardedBuffer((0..<padded).map { $0 % 16 < 8 ? Int32(-128 * shape.k) : Int32(127 * shape.k) })
      bias = GuardedBuffer((0..<padded).map { [Int32.min, .max, 0, -1][$0 % 4] })
    case .zero:
      a = GuardedBuffer(repeating: 0, count: aCount)
      b = GuardedBuffer(repeating: 0, count: padded * shape.k)
      rowMultiplier = GuardedBuffer(repeating: 0, count: shape.rows)
      rowZeroPoint = GuardedBuffer(repeating: 0, count: shape.rows)
      columnMultiplier = GuardedBuffer(repeating: 0, count: padded)
      columnSum = GuardedBuffer(repeating: 0, count: padded)
      bias = GuardedBuffer(repeating: 0, count: padded)
    }
    let outCount = (shape.rows - 1) * (shape.columns + shape.outPadding) + shape.columns
    let limit: Int32 = (1 << 30) - 1
    initialOutput = random.numbers(outCount, in: -limit...limit)
  }

  /// The output after `body` was called, int16 widened; what lies between its rows included.
  func run(_ body: (UnsafePointer<vq_matmul>) -> Void) -> [Int32] {
    if shape.output == vq_output_int16 {
      let out = GuardedBuffer(initialOutput.map { Int16(truncatingIfNeeded: $0) })
      call(body, out: out.base)
      return out.elements.map { Int32($0) }
    }
    let out = GuardedBuffer(initialOutput)
    call(body, out: out.base)
    return out.elements
  }

  private func call(_ body: (UnsafePointer<vq_matmul>) -> Void, out: UnsafeMutableRawPointer) {
    var product = vq_matmul(
      a: a.base, a_stride: shape.k + shape.aPadding, b: b.base, rows: Int32(shape.rows),
      columns: Int32(shape.columns), k: Int32(shape.k), shift: shape.shift, row_multiplier: rowMultiplier.base,
      row_zero_point: rowZeroPoint.base, column_multiplier: columnMultiplier.base, column_sum: columnSum.base,
      bias: bias.base, out: out, out_stride: shape.columns + shape.outPadding, output: shape.output)
    body(&product)
  }

  /// The same in the widest arithmetic that Swift has, from the text of the contract.
  var naive: [Int32] {
    var out =
      shape.output == vq_output_int16 ? initialOutput.map { Int32(Int16(truncatingIfNeeded: $0)) } : initialOutput
    for row in 0..<shape.rows {
      for column in 0..<shape.columns {
        var sum: Int64 = 0
        for input in 0..<shape.k {
          let weight = b.base[(column / 16 * (shape.k / 4) + input / 4) * 64 + column % 16 * 4 + input % 4]
          sum += Int64(a.base[row * (shape.k + shape.aPadding) + input]) * Int64(weight)
        }
        let index = row * (shape.columns + shape.outPadding) + column
        if shape.output == vq_output_sums {
          out[index] = Int32(truncatingIfNeeded: sum)
          continue
        }
        sum -= Int64(rowZeroPoint.base[row]) * Int64(columnSum.base[column])
        let accumulator = Int128(Int32(truncatingIfNeeded: sum))
        let product = accumulator * Int128(rowMultiplier.base[row]) * Int128(columnMultiplier.base[column])
        let rounded = (2 * product + (Int128(1) << shape.shift)) >> (shape.shift + 1)
        let value = Int32(truncatingIfNeeded: rounded + Int128(bias.base[column]))
        switch shape.output {
        case vq_output_int16: out[index] = min(max(value, -32768), 32767)
        case vq_output_accumulate: out[index] = min(max(out[index] &+ value, 1 - (1 << 30)), (1 << 30) - 1)
        default: out[index] = value
        }
      }
    }
    return out
  }
}
