import Int8Kernels
import ViTLite

/// Sampled inputs of every linear layer of a model.
struct SampledInputs: Sendable {
  var patches: [Float] = []
  /// Rows of what each layer of a block reads.
  var blocks: [BlockLayers<[Float]>]

  /// Rows of each layer for weight rounding. Where there are more images than this, one row of each.
  static let rowLimit = 4096
  /// Rows of each layer for the choice of smoothing's strength.
  static let smoothingRowLimit = 512

  init(depth: Int) {
    blocks = Array(repeating: BlockLayers { _ in [] }, count: depth)
  }

  mutating func append(_ other: SampledInputs) {
    patches += other.patches
    for index in blocks.indices {
      for layer in BlockLayer.allCases { blocks[index][layer] += other.blocks[index][layer] }
    }
  }
}

/// Chooses rows of what a layer reads.
struct RowSampler: Sendable {
  let rowsPerImage: Int
  private var generator: SplitMix64

  init(rowsPerImage: Int, seed: UInt64) {
    self.rowsPerImage = rowsPerImage
    generator = SplitMix64(seed: seed)
  }

  /// Rows at even distances from a random one; all of them where there are at most `rowsPerImage`.
  mutating func sample(_ values: Span<Float>, rows: Int, columns: Int) -> [Float] {
    let count = min(rowsPerImage, rows)
    guard count > 0 else { return [] }
    let start = Int(generator.next() % UInt64(rows))
    var sampled: [Float] = []
    sampled.reserveCapacity(count * columns)
    for index in 0..<count {
      let row = (start + index * rows / count) % rows
      for column in 0..<columns { sampled.append(values[row * columns + column]) }
    }
    return sampled
  }
}
