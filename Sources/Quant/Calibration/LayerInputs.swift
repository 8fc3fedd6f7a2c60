import Int8Kernels
import ViTLite

/// How a site's activations are quantized, in real numbers.
enum ActivationRounding: Sendable {
  /// A scale for each row, from its own range.
  case dynamic
  case fixed(ValueRange)

  /// Rounds rows to 255 steps of their range.
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

  /// Rows that are taken together while they are in the processor's caches.
  private static let blockRows = 16

  /// - Parameter rounding: nil for a layer whose input is exact.
  init(_ exact: consuming [Float], inputs: Int, rounding: ActivationRounding?, threads: Int = 1) {
    let sums = unsafe exact.concurrentRows(columns: inputs, threads: threads) { rows, count in
      var sums = (exact: [Double](repeating: 0, count: inputs), quantized: [Double](repeating: 0, count: inputs))
      for first in stride(from: 0, to: count, by: Self.blockRows) {
        let (start, rowCount) = unsafe (rows + first * inputs, min(Self.blockRows, count - first))
        unsafe Self.addColumns(start, rowCount, to: &sums.exact)
        guard let rounding else { continue }
        unsafe rounding.round(start, rows: rowCount, columns: inputs)
        unsafe Self.addColumns(start, rowCount, to: &sums.quantized)
      }
      return sums
    }
    let count = Double(max(exact.count / max(inputs, 1), 1))
    exactMean = Self.mean(sums.map(\.exact), inputs: inputs, count: count)
    quantizedMean = rounding == nil ? exactMean : Self.mean(sums.map(\.quantized), inputs: inputs, count: count)
    rows = exact
  }

  @unsafe private static func addColumns(_ rows: UnsafePointer<Float>, _ count: Int, to sums: inout [Double]) {
    let columns = sums.count
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress else { return }
      unsafe FloatRows.fastest.column_sums(rows, count, columns, sums)
    }
  }

  private static func mean(_ sums: [[Double]], inputs: Int, count: Double) -> [Float] {
    (0..<inputs).map { input in Float(sums.reduce(0) { $0 + $1[input] } / count) }
  }
}
