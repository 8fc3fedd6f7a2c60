import Int8Kernels
import ViTLite

/// Rounds a layer's weights one input after another, and lets the inputs that are still to come make up for each
/// rounding error as well as the calibration data allows (GPTQ, arXiv 2210.17323).
struct WeightRounding {
  private static let block = 64
  /// Added to the diagonal, relative to its mean, so that directions that calibration never saw stay bounded.
  private static let damping: Float = 0.01

  private let inputs: Int
  /// Inputs in the order of rounding: the strongest first.
  private let order: [Int]
  /// Upper triangular, with `inverse(H) = U^T U` for the inputs in that order.
  private let upper: FloatBuffer

  /// - Parameter rows: sampled inputs of the layer, `count x inputs`, as the integer layer sees them.
  /// - Returns: nil when there are too few rows to tell the inputs apart.
  init?(rows: [Float], inputs: Int) {
    let count = rows.count / max(inputs, 1)
    guard count >= inputs else { return nil }
    let gram = Self.gram(rows, count: count, inputs: inputs)
    let mean = (0..<inputs).reduce(Float(0)) { $0 + gram[$1 * inputs + $1] } / Float(inputs)
    guard mean > 0, mean.isFinite else { return nil }
    let order = (0..<inputs).sorted { (gram[$0 * inputs + $0], $1) > (gram[$1 * inputs + $1], $0) }
    var ordered = [Float](repeating: 0, count: inputs * inputs)
    for row in 0..<inputs {
      for column in 0..<inputs { ordered[row * inputs + column] = gram[order[row] * inputs + order[column]] }
      ordered[row * inputs + row] += Self.damping * mean
    }
    guard let upper = TriangularFactor.inverseUpper(ordered, n: inputs) else { return nil }
    self.inputs = inputs
    self.order = order
    self.upper = FloatBuffer(upper)
  }

  /// `X^T X`
  private static func gram(_ rows: [Float], count: Int, inputs: Int) -> [Float] {
    let source = FloatBuffer(rows)
    let transposed = FloatBuffer(count: rows.count)
    for row in 0..<count {
      for input in 0..<inputs { unsafe transposed.base[input * count + row] = source.base[row * inputs + input] }
    }
    let packed = FloatBuffer(count: SGEMM.packedCount(k: count, n: inputs))
    unsafe SGEMM.pack(source.base, rowStride: inputs, columnStride: 1, k: count, n: inputs, into: packed.base)
    let result = FloatBuffer(count: inputs * inputs)
    unsafe SGEMM.fastest.multiply(
      transposed.base, lda: count, packed.base, bias: nil, into: result.base, ldc: inputs, m: inputs, n: inputs,
      k: count)
    return result.array(inputs * inputs)
  }

  /// The levels, `-limit ... limit`, of a layer's weights; `steps` has one for each output.
  ///
  /// - Returns: also the squared error of each output over the rows: the sum of the squares of the errors that are
  ///   spread.
  func round(_ layer: FloatLinear, steps: [Float], limit: Float) -> (levels: [Float], losses: [Float]) {
    let outputs = layer.outputs
    let weights = FloatBuffer(count: outputs * inputs)
    for output in 0..<outputs {
      for (position, input) in order.enumerated() {
        unsafe weights.base[output * inputs + position] = layer.weight[output * inputs + input] / steps[output]
      }
    }
    let errors = FloatBuffer(count: outputs * Self.block)
    var losses = [Float](repeating: 0, count: outputs)
    for first in stride(from: 0, to: inputs, by: Self.block) {
      let count = min(Self.block, inputs - first)
      roundBlock(weights, errors, outputs: outputs, first: first, count: count, limit: limit)
      for output in 0..<outputs {
        for index in 0..<count {
          let error = unsafe errors.base[output * count + index] * steps[output]
          losses[output] += error * error
        }
      }
      spread(errors, over: weights, outputs: outputs, from: first, count: count)
    }
    var levels = [Float](repeating: 0, count: outputs * inputs)
    for output in 0..<outputs {
      for (position, input) in order.enumerated() {
        unsafe levels[output * inputs + input] = weights.base[output * inputs + position]
      }
    }
    return (levels, losses)
  }

  /// Rounds a block of inputs in place, and spreads each error over the rest of the block.
  private func roundBlock(
    _ weights: FloatBuffer, _ errors: FloatBuffer, outputs: Int, first: Int, count: Int, limit: Float
  ) {
    for output in 0..<outputs {
      let row = unsafe weights.base + output * inputs + first
      for index in 0..<count {
        let factors = unsafe upper.base + (first + index) * inputs + first
        let weight = unsafe row[index]
        let level = min(max(weight.rounded(), -limit), limit)
        let error = unsafe (weight - level) / factors[index]
        unsafe row[index] = level
        unsafe errors.base[output * count + index] = error
        for later in index + 1..<max(count, index + 1) { unsafe row[later] -= error * factors[later] }
      }
    }
  }

  /// Spreads a block's errors over the inputs after it: `W -= errors U`.
  private func spread(_ errors: FloatBuffer, over weights: FloatBuffer, outputs: Int, from first: Int, count: Int) {
    let rest = inputs - first - count
    guard rest > 0 else { return }
    let packed = FloatBuffer(count: SGEMM.packedCount(k: count, n: rest))
    unsafe SGEMM.pack(
      upper.base + first * inputs + first + count, rowStride: inputs, columnStride: 1, k: count, n: rest,
      into: packed.base)
    let change = FloatBuffer(count: outputs * rest)
    unsafe SGEMM.fastest.multiply(
      errors.base, lda: count, packed.base, bias: nil, into: change.base, ldc: rest, m: outputs, n: rest, k: count)
    for output in 0..<outputs {
      let row = unsafe weights.base + output * inputs + first + count
      for index in 0..<rest { unsafe row[index] -= change.base[output * rest + index] }
    }
  }
}
