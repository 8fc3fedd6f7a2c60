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
    let factors = FloatBuffer(factors)
    let inputs = FloatBuffer(count: rows.count)
    unsafe FloatRows.fastest.divide(rows.base, factors.base, count, inputCount, inputs.base)
    let rounding: ActivationRounding =
      activations == .dynamic ? .dynamic : unsafe .fixed(ValueRange(of: inputs.base, count: inputs.count))
    unsafe rounding.round(inputs.base, rows: count, columns: inputCount)
    let weights = FloatBuffer(count: SGEMM.panelColumns * inputCount)
    let panel = FloatBuffer(count: weights.count)
    return errors(on: inputs) { outputs -> FloatBuffer? in
      unsafe layer.weight.withUnsafeBufferPointer { source in
        guard let start = source.baseAddress else { return }
        unsafe FloatRows.fastest.multiply(
          start + outputs.lowerBound * inputCount, factors.base, outputs.count, inputCount, weights.base)
      }
      for row in 0..<outputs.count { unsafe Self.roundWeights(weights.base + row * inputCount, count: inputCount) }
      unsafe SGEMM.pack(
        weights.base, rowStride: 1, columnStride: inputCount, k: inputCount, n: outputs.count, into: panel.base)
      return panel
    }.reduce(0) { $0 + $1.mean }
  }

  /// The fourth-power mean of the tokens' errors, which the worst tokens decide, with the inputs clipped and rounded to a
  /// static range and the weights as they are; relative to the output, summed over the groups.
  func worstError(range: ValueRange) -> Double {
    let inputs = FloatBuffer(copying: rows)
    unsafe ActivationRounding.fixed(range).round(inputs.base, rows: count, columns: layer.inputs)
    return errors(on: inputs) { _ in nil }.reduce(0) { $0 + $1.worst }
  }

  /// Rounds one output's weights to 127 steps of their largest.
  @unsafe private static func roundWeights(_ row: UnsafeMutablePointer<Float>, count: Int) {
    let range = unsafe ValueRange(of: row, count: count)
    let largest = max(range.high, -range.low)
    guard largest > 0 else { return }
    unsafe FloatRows.fastest.round(row, count, -.infinity, .infinity, largest / 127)
  }

  /// Of each group, the squared error relative to the output: its mean over the rows, and the root of the mean of its
  /// square. One panel of outputs after another, so that what is compared stays in the processor's caches.
  ///
  /// - Parameter weights: those of a panel's outputs, packed; nil for those of the layer.
  private func errors(
    on inputs: FloatBuffer, weights: (Range<Int>) -> FloatBuffer?
  ) -> [(mean: Double, worst: Double)] {
    let width = SGEMM.panelColumns
    let result = FloatBuffer(count: count * width)
    var noise = groups.map { _ in [Double](repeating: 0, count: count) }
    for first in stride(from: 0, to: layer.outputs, by: width) {
      let outputs = first..<min(first + width, layer.outputs)
      packed.applyPanel(
        from: first, changed: weights(outputs), to: inputs, rows: count, into: result, with: .fastest)
      for (index, group) in groups.enumerated() {
        let range = group.outputs.clamped(to: outputs)
        unsafe noise[index].withUnsafeMutableBufferPointer { sums in
          guard let sums = sums.baseAddress else { return }
          unsafe FloatRows.fastest.squared_errors(
            exact.base + range.lowerBound, layer.outputs, result.base + range.lowerBound - first, width, count,
            range.count, sums)
        }
      }
    }
    return zip(groups, noise).map { group, noise in
      guard group.signal > 0 else { return (0, 0) }
      let squares = noise.reduce(0) { $0 + $1 * $1 }
      return (noise.reduce(0, +) / group.signal, (squares * Double(count)).squareRoot() / group.signal)
    }
  }
}
