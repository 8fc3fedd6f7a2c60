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
  /// Ranges of outputs whose relative errors are added up.
  private let groups: [Range<Int>]

  /// - Parameter rows: `count x inputs`.
  init(rows: [Float], layer: FloatLinear, groups: [Range<Int>]) {
    self.rows = FloatBuffer(rows)
    self.layer = layer
    self.groups = groups
    packed = PackedFloatLinear(layer)
    count = rows.count / max(layer.inputs, 1)
    exact = FloatBuffer(count: count * layer.outputs)
    packed.apply(self.rows, rows: count, into: exact, with: .fastest)
  }

  /// Sum over the groups of the relative squared error with the inputs divided by `factors`, and the weights that read
  /// them multiplied and rounded.
  func error(factors: [Float], activations: ActivationMode) -> Double {
    var smoothed = layer
    smoothed.scaleInputs(by: factors)
    smoothed.roundWeights()
    var inputs = rows.array(rows.count)
    for start in stride(from: 0, to: inputs.count, by: layer.inputs) {
      for input in 0..<layer.inputs { inputs[start + input] /= factors[input] }
    }
    let rounding = activations == .dynamic ? ActivationRounding.dynamic : .fixed(Self.range(of: inputs))
    rounding.round(&inputs, columns: layer.inputs)
    return errors(of: PackedFloatLinear(smoothed), on: inputs).reduce(0) { $0 + $1.mean }
  }

  /// The fourth-power mean of the tokens' errors, which the worst tokens decide, with the inputs clipped and rounded to a
  /// static range and the weights as they are; relative to the output, summed over the groups.
  func worstError(range: ValueRange) -> Double {
    var inputs = rows.array(rows.count)
    ActivationRounding.fixed(range).round(&inputs, columns: layer.inputs)
    return errors(of: packed, on: inputs).reduce(0) { $0 + $1.worst }
  }

  private static func range(of values: [Float]) -> ValueRange {
    values.reduce(into: ValueRange(low: 0, high: 0)) { range, value in
      range.low = min(range.low, value)
      range.high = max(range.high, value)
    }
  }

  /// Of each group, the squared error relative to the output: its mean over the rows, and the root of the mean of its
  /// square.
  private func errors(of candidate: PackedFloatLinear, on inputs: [Float]) -> [(mean: Double, worst: Double)] {
    let result = FloatBuffer(count: exact.count)
    candidate.apply(FloatBuffer(inputs), rows: count, into: result, with: .fastest)
    return exact.withSpan(exact.count) { expected in
      result.withSpan(exact.count) { got in groups.map { errors(expected, got, of: $0) } }
    }
  }

  private func errors(
    _ expected: Span<Float>, _ got: Span<Float>, of outputs: Range<Int>
  ) -> (mean: Double, worst: Double) {
    var signal = 0.0
    var noise = 0.0
    var squaredNoise = 0.0
    for row in 0..<count {
      var rowNoise = 0.0
      for index in row * layer.outputs + outputs.lowerBound..<row * layer.outputs + outputs.upperBound {
        let difference = Double(expected[index] - got[index])
        signal += Double(expected[index]) * Double(expected[index])
        rowNoise += difference * difference
      }
      noise += rowNoise
      squaredNoise += rowNoise * rowNoise
    }
    guard signal > 0 else { return (0, 0) }
    return (noise / signal, (squaredNoise * Double(count)).squareRoot() / signal)
  }
}

extension FloatLinear {
  /// Rounds each output's weights to 127 steps of their largest.
  fileprivate mutating func roundWeights() {
    for output in 0..<outputs {
      let range = output * inputs..<(output + 1) * inputs
      let largest = weight[range].reduce(0) { max($0, $1.magnitude) }
      guard largest > 0 else { continue }
      let step = largest / 127
      for index in range { weight[index] = (weight[index] / step).rounded() * step }
    }
  }
}
