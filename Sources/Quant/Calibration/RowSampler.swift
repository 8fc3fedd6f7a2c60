import Int8Kernels
import ViTLite

/// Chooses rows of what a layer reads.
struct RowSampler: Sendable {
  /// Rows of each layer for weight rounding. Where there are more images than this, one row of each.
  static let roundingRows = 4096
  /// Rows of each layer for the choice of smoothing's strength.
  static let smoothingRows = 1024

  let rowsPerImage: Int
  private var generator: SplitMix64

  init(rowsPerImage: Int = 0, seed: UInt64 = 0) {
    self.rowsPerImage = rowsPerImage
    generator = SplitMix64(seed: seed)
  }

  /// The indices of rows at even distances from a random one; of all where there are at most `rowsPerImage`.
  mutating func choose(of rows: Int) -> [Int] {
    let count = min(rowsPerImage, rows)
    guard count > 0 else { return [] }
    let start = Int(generator.next() % UInt64(rows))
    return (0..<count).map { (start + $0 * rows / count) % rows }
  }

  /// As many rows as the choice of smoothing's strength takes, at even distances.
  static func thinned(_ rows: [Float], columns: Int) -> [Float] {
    let count = rows.count / max(columns, 1)
    guard count > smoothingRows else { return rows }
    var result: [Float] = []
    result.reserveCapacity(smoothingRows * columns)
    for index in 0..<smoothingRows {
      let row = index * count / smoothingRows
      result += rows[row * columns..<(row + 1) * columns]
    }
    return result
  }

  /// Appends these rows of `values` to others.
  static func append(_ rows: [Int], of values: Span<Float>, columns: Int, to sampled: inout [Float]) {
    sampled.reserveCapacity(sampled.count + rows.count * columns)
    unsafe values.withUnsafeBufferPointer { values in
      for row in rows { unsafe sampled.append(contentsOf: values[row * columns..<(row + 1) * columns]) }
    }
  }
}
