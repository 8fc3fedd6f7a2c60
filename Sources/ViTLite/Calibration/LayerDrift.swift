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

  /// Sum over the groups of the relative squared error with the inputs divided by `factors`.
  func error(factors: [Float], activations: ActivationMode) -> Double {
    var smoothed = layer
    smoothed.scaleInputs(by: factors)
    smoothed.roundWeights()
    var inputs = rows
    for index in inputs.indices { inputs[index] /= factors[index % layer.inputs] }
    Self.quantize(&inputs, columns: layer.inputs, activations)
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

  /// Rounds to 255 steps of each row's range, or of the range of all rows.
  private static func quantize(_ values: inout [Float], columns: Int, _ activations: ActivationMode) {
    let rowLength = activations == .dynamic ? columns : values.count
    guard rowLength > 0 else { return }
    for start in stride(from: 0, to: values.count, by: rowLength) {
      var low: Float = 0
      var high: Float = 0
      for index in start..<start + rowLength {
        low = min(low, values[index])
        high = max(high, values[index])
      }
      let step = (high - low) / 255
      guard step > 0 else { continue }
      for index in start..<start + rowLength { values[index] = (values[index] / step).rounded() * step }
    }
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
