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
      case .dynamic: unsafe range = ValueRange(of: values, count: columns)
      }
      let step = (range.high - range.low) / 255
      guard step > 0 else { continue }
      unsafe FloatRows.fastest.round(values, columns, range.low, range.high, step)
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
    let count = rows.count / max(inputs, 1)
    unsafe rows.withUnsafeBufferPointer { rows in
      unsafe sums.withUnsafeMutableBufferPointer { sums in
        guard let rows = rows.baseAddress, let sums = sums.baseAddress else { return }
        unsafe FloatRows.fastest.column_sums(rows, count, inputs, sums)
      }
    }
    return sums.map { Float($0 / max(Double(count), 1)) }
  }
}
