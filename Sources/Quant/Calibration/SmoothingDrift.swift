import Int8Kernels
import ViTLite

/// Scores the factors of a layer's smoothing by how much its outputs drift on sampled rows when inputs and weights are
/// rounded.
///
/// Instead of the outputs, sums of them with random signs are compared: on average the square of such a sum is the sum
/// of the squares of what is summed (Achlioptas, "Database-friendly random projections", 2003). The signs go into the
/// weights, so that the products are those of a layer with `sums` outputs.
struct SmoothingDrift {
  /// Of each group of outputs: the bits of a random number are the signs of one output.
  static let sums = 64
  /// Outputs whose weights are rounded and summed at a time.
  private static let blockOutputs = 64

  /// Outputs whose relative error is one term of the score.
  private struct Group {
    let outputs: Range<Int>
    /// `sums x outputs`: 1 or -1.
    let signs: FloatBuffer
    /// `rows x sums`, of the layer as it is.
    let exact: FloatBuffer
    /// The sum of the squares of `exact`.
    let signal: Double
  }

  private let rows: FloatBuffer
  private let count: Int
  private let layer: FloatLinear
  private let groups: [Group]

  /// - Parameter rows: `count x inputs`.
  init(rows: [Float], layer: FloatLinear, groups: [Range<Int>]) {
    let buffer = FloatBuffer(rows)
    let count = rows.count / max(layer.inputs, 1)
    var generator = SplitMix64(seed: 0)
    self.groups = groups.map { outputs in
      let signs = Self.signs(outputs.count, &generator)
      let exact = unsafe Self.product(
        buffer, count, Self.sums(of: layer, outputs, signs) { _, _ in }, inputs: layer.inputs)
      let zeros = FloatBuffer(count: Self.sums)
      return Group(
        outputs: outputs, signs: signs, exact: exact,
        signal: Self.squaredErrors(exact, stride: Self.sums, zeros, stride: 0, rows: count))
    }
    (self.rows, self.count, self.layer) = (buffer, count, layer)
  }

  /// Sum over the groups of the squared error, relative to all outputs, with the inputs divided by `factors`, and the
  /// weights that read them multiplied, and both rounded.
  func error(factors: [Float], activations: ActivationMode) -> Double {
    let factors = FloatBuffer(factors)
    let inputs = FloatBuffer(count: rows.count)
    unsafe FloatRows.fastest.divide(rows.base, factors.base, count, layer.inputs, inputs.base)
    let rounding: ActivationRounding =
      activations == .dynamic ? .dynamic : unsafe .fixed(ValueRange(of: inputs.base, count: inputs.count))
    unsafe rounding.round(inputs.base, rows: count, columns: layer.inputs)
    return groups.reduce(0) { total, group in
      guard group.signal > 0 else { return total }
      let weights = unsafe Self.sums(of: layer, group.outputs, group.signs) { weights, outputs in
        unsafe FloatRows.fastest.multiply(weights, factors.base, outputs, layer.inputs, weights)
        for output in 0..<outputs { unsafe Self.roundWeights(weights + output * layer.inputs, count: layer.inputs) }
      }
      let result = Self.product(inputs, count, weights, inputs: layer.inputs)
      let noise = Self.squaredErrors(group.exact, stride: Self.sums, result, stride: Self.sums, rows: count)
      return total + noise / group.signal
    }
  }

  /// Rounds one output's weights to 127 steps of their largest.
  @unsafe private static func roundWeights(_ row: UnsafeMutablePointer<Float>, count: Int) {
    let range = unsafe ValueRange(of: row, count: count)
    let largest = max(range.high, -range.low)
    guard largest > 0 else { return }
    unsafe FloatRows.fastest.round(row, count, -.infinity, .infinity, largest / 127)
  }

  // MARK: Sums with random signs

  private static func signs(_ outputs: Int, _ generator: inout SplitMix64) -> FloatBuffer {
    let signs = FloatBuffer(count: sums * outputs)
    for output in 0..<outputs {
      let bits = generator.next()
      for sum in 0..<sums { unsafe signs.base[sum * outputs + output] = bits >> UInt64(sum) & 1 == 0 ? 1 : -1 }
    }
    return signs
  }

  /// The sums of the weights of some outputs, packed for `SGEMM`.
  ///
  /// - Parameter change: changes the weights of some of these outputs, `outputs x inputs`, beforehand.
  @unsafe private static func sums(
    of layer: FloatLinear, _ outputs: Range<Int>, _ signs: FloatBuffer,
    _ change: (UnsafeMutablePointer<Float>, _ outputs: Int) -> Void
  ) -> FloatBuffer {
    let inputs = layer.inputs
    let weights = FloatBuffer(count: blockOutputs * inputs)
    let packed = FloatBuffer(count: SGEMM.packedCount(k: blockOutputs, n: inputs))
    let product = FloatBuffer(count: sums * inputs)
    for first in stride(from: outputs.lowerBound, to: outputs.upperBound, by: blockOutputs) {
      let count = min(blockOutputs, outputs.upperBound - first)
      unsafe layer.weight.withUnsafeBufferPointer { source in
        guard let start = source.baseAddress else { return }
        unsafe weights.base.update(from: start + first * inputs, count: count * inputs)
      }
      unsafe change(weights.base, count)
      unsafe SGEMM.pack(weights.base, rowStride: inputs, columnStride: 1, k: count, n: inputs, into: packed.base)
      unsafe SGEMM.fastest.multiply(
        signs.base + (first - outputs.lowerBound), lda: outputs.count, packed.base, bias: nil, into: product.base,
        ldc: inputs, m: sums, n: inputs, k: count, accumulating: first > outputs.lowerBound)
    }
    let panels = FloatBuffer(count: SGEMM.packedCount(k: inputs, n: sums))
    unsafe SGEMM.pack(product.base, rowStride: 1, columnStride: inputs, k: inputs, n: sums, into: panels.base)
    return panels
  }

  /// `rows x sums`
  private static func product(_ rows: FloatBuffer, _ count: Int, _ weights: FloatBuffer, inputs: Int) -> FloatBuffer {
    let result = FloatBuffer(count: count * sums)
    unsafe SGEMM.fastest.multiply(
      rows.base, lda: inputs, weights.base, bias: nil, into: result.base, ldc: sums, m: count, n: sums, k: inputs)
    return result
  }

  private static func squaredErrors(
    _ x: FloatBuffer, stride: Int, _ y: FloatBuffer, stride otherStride: Int, rows: Int
  ) -> Double {
    var errors = [Double](repeating: 0, count: rows)
    unsafe errors.withUnsafeMutableBufferPointer { errors in
      guard let errors = errors.baseAddress else { return }
      unsafe FloatRows.fastest.squared_errors(x.base, stride, y.base, otherStride, rows, sums, errors)
    }
    return errors.reduce(0, +)
  }
}
