/// A rotation of the residual stream's channels that spreads what a few of them hold over all: weights and activations
/// without outliers lose less when they are rounded (QuIP#, arXiv 2402.04396; QuaRot, arXiv 2404.00456).
///
/// A row is divided into blocks of a power of two. With `H` the Walsh-Hadamard matrix of a block, of 1 and -1, and `S` the
/// diagonal of its signs, each block is multiplied by `H S H / block`; then groups of 16 channels change places, and each
/// block is multiplied by another such matrix, with other signs. Where the first sign of each block is 1, the rotation
/// keeps a row's mean, and so commutes with a LayerNorm that has no gain and no bias.
package struct HadamardRotation: Sendable, Equatable {
  /// Channels of a block: a power of two that divides the width.
  package let block: Int
  /// Of both rounds: `2 x width`, 1 or -1.
  package let signs: [Int8]
  /// Groups of channels: each number and the one behind it change places between the rounds. The last of an odd number
  /// of groups stays.
  package let pairs: [Int32]

  package var width: Int { signs.count / 2 }

  /// Channels of a group.
  package static let group = 16
  /// Channels that a block may have. Smaller ones would spread little.
  package static let validBlocks = group...4096

  package init(block: Int, signs: [Int8], pairs: [Int32]) {
    self.block = block
    self.signs = signs
    self.pairs = pairs
  }

  /// A random rotation; nil for a width that no valid block divides.
  package init?(width: Int, seed: UInt64) {
    let block = min(width & -width, Self.validBlocks.upperBound)
    guard Self.validBlocks.contains(block) else { return nil }
    var generator = SplitMix64(seed: seed)
    var signs = (0..<2 * width).map { _ in generator.next() >> 63 == 0 ? Int8(1) : -1 }
    for first in stride(from: 0, to: signs.count, by: block) { signs[first] = 1 }
    let pairs = (0..<Int32(truncatingIfNeeded: width / Self.group)).shuffled(using: &generator)
    self.init(block: block, signs: signs, pairs: pairs)
  }
}
