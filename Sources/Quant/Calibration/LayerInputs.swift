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
    let rows = values.count / columns
    unsafe values.withUnsafeMutableBufferPointer { values in
      guard let start = values.baseAddress else { return }
      unsafe round(start, rows: rows, columns: columns)
    }
  }

  @unsafe func round(_ values: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    for row in 0..<rows {
      let values = unsafe values + row * columns
      let range: ValueRange
      switch self {
      case .fixed(let fixed): range = fixed
      case .dynamic: unsafe range = FloatRows.range(values, count: columns)
      }
      let step = (range.high - range.low) / 255
      guard step > 0 else { continue }
      for index in 0..<columns {
        let clamped = unsafe min(max(values[index], range.low), range.high)
        unsafe values[index] = FloatRows.rounded(clamped / step) * step
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
    unsafe rows.withUnsafeBufferPointer { rows in
      unsafe sums.withUnsafeMutableBufferPointer { sums in
        for start in stride(from: 0, to: rows.count, by: max(inputs, 1)) {
          for input in 0..<inputs { unsafe sums[input] += Double(rows[start + input]) }
        }
      }
    }
    let count = max(Double(rows.count / max(inputs, 1)), 1)
    return sums.map { Float($0 / count) }
  }
}
