import Int8Kernels
import Quant

/// Simulates a linear layer whose input and weights are quantized, on sampled rows, to score a choice by the drift of
/// the layer's output.
struct LayerDrift {
  private let rows: [Float]
  private let count: Int
  private let layer: FloatLinear
  private let exact: [Float]
  /// Ranges of outputs whose relative errors are added up.
  private let groups: [Range<Int>]

  init(rows: [Float], layer: FloatLinear, groups: [Range<Int>]) {
    self.rows = rows
    self.layer = layer
    self.groups = groups
    count = rows.count / max(layer.inputs, 1)
    exact = Self.apply(layer, to: rows, count: count)
  }

  private static func apply(_ layer: FloatLinear, to rows: [Float], count: Int) -> [Float] {
    let result = FloatBuffer(count: count * layer.outputs)
    PackedFloatLinear(layer).apply(FloatBuffer(rows), rows: count, into: result, with: .fastest)
    return result.array(count * layer.outputs)
  }

  private static func range(of values: [Float]) -> ValueRange {
    values.reduce(into: ValueRange(low: 0, high: 0)) { range, value in
      range.low = min(range.low, value)
      range.high = max(range.high, value)
    }
  }

  /// Sum over the groups of the relative squared error with the inputs divided by `factors`.
  func error(factors: [Float], activations: ActivationMode) -> Double {
    var smoothed = layer
    smoothed.scaleInputs(by: factors)
    smoothed.roundWeights()
    var inputs = rows
    for index in inputs.indices { inputs[index] /= factors[index % layer.inputs] }
    let rounding = activations == .dynamic ? ActivationRounding.dynamic : .fixed(Self.range(of: inputs))
    rounding.round(&inputs, columns: layer.inputs)
    let result = Self.apply(smoothed, to: inputs, count: count)
    var total = 0.0
    for group in groups {
      var signal = 0.0
      var noise = 0.0
      for row in 0..<count {
        for output in group {
          let expected = exact[row * layer.outputs + output]
          let difference = expected - result[row * layer.outputs + output]
          signal += Double(expected) * Double(expected)
          noise += Double(difference) * Double(difference)
        }
      }
      total += signal > 0 ? noise / signal : 0
    }
    return total
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
