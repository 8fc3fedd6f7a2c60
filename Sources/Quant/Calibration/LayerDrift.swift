import Int8Kernels
import ViTLite

/// Simulates a linear layer whose input or weights are quantized, on sampled rows, to score a choice by the drift of
/// the layer's output.
struct LayerDrift {
  private let rows: FloatBuffer
  private let count: Int
  private let layer: FloatLinear
  private let packed: PackedFloatLinear
  private let exact: FloatBuffer
  /// Ranges of outputs whose relative errors are added up, and the sum of the squares of each.
  private let groups: [(outputs: Range<Int>, signal: Double)]

  /// - Parameter rows: `count x inputs`.
  init(rows: [Float], layer: FloatLinear, groups: [Range<Int>]) {
    self.rows = FloatBuffer(rows)
    self.layer = layer
    let packed = PackedFloatLinear(layer)
    let count = rows.count / max(layer.inputs, 1)
    let exact = FloatBuffer(count: count * layer.outputs)
    packed.apply(self.rows, rows: count, into: exact, with: .fastest)
    self.groups = groups.map { outputs in
      var signal = 0.0
      for row in 0..<count {
        for index in row * layer.outputs + outputs.lowerBound..<row * layer.outputs + outputs.upperBound {
          let value = unsafe Double(exact.base[index])
          signal += value * value
        }
      }
      return (outputs, signal)
    }
    (self.packed, self.count, self.exact) = (packed, count, exact)
  }

  /// Sum over the groups of the relative squared error with the inputs divided by `factors`, and the weights that read
  /// them multiplied and rounded.
  func error(factors: [Float], activations: ActivationMode) -> Double {
    let inputCount = layer.inputs
    let smoothed = FloatBuffer(factors)
    let weights = unsafe PackedFloatLinear(layer) { row in
      for input in 0..<inputCount { unsafe row[input] *= smoothed.base[input] }
      unsafe Self.roundWeights(row, count: inputCount)
    }
    let inputs = FloatBuffer(copying: rows)
    for row in 0..<count {
      let values = unsafe inputs.base + row * inputCount
      for input in 0..<inputCount { unsafe values[input] /= smoothed.base[input] }
    }
    let rounding: ActivationRounding =
      activations == .dynamic ? .dynamic : unsafe .fixed(FloatRows.range(inputs.base, count: inputs.count))
    unsafe rounding.round(inputs.base, rows: count, columns: inputCount)
    return errors(of: weights, on: inputs).reduce(0) { $0 + $1.mean }
  }

  /// The fourth-power mean of the tokens' errors, which the worst tokens decide, with the inputs clipped and rounded to a
  /// static range and the weights as they are; relative to the output, summed over the groups.
  func worstError(range: ValueRange) -> Double {
    let inputs = FloatBuffer(copying: rows)
    unsafe ActivationRounding.fixed(range).round(inputs.base, rows: count, columns: layer.inputs)
    return errors(of: packed, on: inputs).reduce(0) { $0 + $1.worst }
  }

  /// Rounds one output's weights to 127 steps of their largest.
  @unsafe private static func roundWeights(_ row: UnsafeMutablePointer<Float>, count: Int) {
    let range = unsafe FloatRows.range(row, count: count)
    let largest = max(range.high, -range.low)
    guard largest > 0 else { return }
    let step = largest / 127
    for input in 0..<count { unsafe row[input] = FloatRows.rounded(row[input] / step) * step }
  }

  /// Of each group, the squared error relative to the output: its mean over the rows, and the root of the mean of its
  /// square.
  private func errors(of candidate: PackedFloatLinear, on inputs: FloatBuffer) -> [(mean: Double, worst: Double)] {
    let result = FloatBuffer(count: exact.count)
    candidate.apply(inputs, rows: count, into: result, with: .fastest)
    return groups.map { group in
      guard group.signal > 0 else { return (0, 0) }
      var noise = 0.0
      var squaredNoise = 0.0
      for row in stride(from: 0, to: count, by: 4) {
        let sums = rowNoise(result, row, group.outputs)
        for lane in 0..<min(4, count - row) {
          noise += sums[lane]
          squaredNoise += sums[lane] * sums[lane]
        }
      }
      return (noise / group.signal, (squaredNoise * Double(count)).squareRoot() / group.signal)
    }
  }

  /// The squared errors of four rows, side by side because the additions of one row wait for each other. Rows beyond the
  /// last repeat it.
  private func rowNoise(_ result: FloatBuffer, _ row: Int, _ outputs: Range<Int>) -> SIMD4<Double> {
    let width = layer.outputs
    var offsets = SIMD4<Int>()
    for lane in 0..<4 { offsets[lane] = min(row + lane, count - 1) * width }
    var sums = SIMD4<Double>()
    for output in outputs {
      for lane in 0..<4 {
        let index = offsets[lane] + output
        let difference = unsafe Double(exact.base[index] - result.base[index])
        sums[lane] += difference * difference
      }
    }
    return sums
  }
}
