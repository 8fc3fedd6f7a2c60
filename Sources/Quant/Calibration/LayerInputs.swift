import Int8Kernels
import ViTLite

/// How a site's activations are quantized, in real numbers.
enum ActivationRounding: Sendable {
  /// A scale for each row, from its own range.
  case dynamic
  case fixed(ValueRange)

  /// Rounds rows to 255 steps of their range.
  func round(_ values: inout [Float], columns: Int) {
    guard columns > 0 else { return }
    for start in stride(from: 0, to: values.count, by: columns) {
      var range = ValueRange(low: 0, high: 0)
      switch self {
      case .fixed(let fixed): range = fixed
      case .dynamic:
        for index in start..<start + columns {
          range.low = min(range.low, values[index])
          range.high = max(range.high, values[index])
        }
      }
      let step = (range.high - range.low) / 255
      guard step > 0 else { continue }
      for index in start..<start + columns {
        let clamped = min(max(values[index], range.low), range.high)
        values[index] = FloatRows.rounded(clamped / step) * step
      }
    }
  }
}

/// Sampled inputs of one linear layer, as the float model has them and as the integer layer sees them.
struct LayerInputs: Sendable {
  /// `count x inputs`, quantized.
  let rows: [Float]
  let exactMean: [Float]
  let quantizedMean: [Float]

  /// - Parameter rounding: nil for a layer whose input is exact.
  init(_ exact: consuming [Float], inputs: Int, rounding: ActivationRounding?) {
    exactMean = Self.mean(exact, inputs: inputs)
    rounding?.round(&exact, columns: inputs)
    rows = exact
    quantizedMean = Self.mean(rows, inputs: inputs)
  }

  private static func mean(_ rows: [Float], inputs: Int) -> [Float] {
    var sums = [Double](repeating: 0, count: inputs)
    for start in stride(from: 0, to: rows.count, by: max(inputs, 1)) {
      for input in 0..<inputs { sums[input] += Double(rows[start + input]) }
    }
    let count = max(Double(rows.count / max(inputs, 1)), 1)
    return sums.map { Float($0 / count) }
  }
}
