import Int8Kernels
import ViTLite

/// A place in the forward pass whose values can be watched. The shapes are rows x columns.
package enum ActivationSite: Sendable, Hashable {
  /// The patches of the image: `patches x (channels, patch rows, patch columns)`.
  case patches
  /// The residual stream entering a block: `tokens x width`; with the index of attention pooling, its result.
  case residual
  /// The tokens before whatever stands in front of the first block: a norm, the rotation of the residual stream.
  case embeddings
  /// Queries, keys and values after the norms and the rotation of queries and keys; only where there are such.
  case queriesKeysValues
  /// The heads' results before their norm; only where there is one.
  case attentionNormInput
  /// The activation of the gate times the rest, in a gated MLP.
  case gated
  /// What a layer of a block reads: the output of a norm, of attention or of the activation.
  case input(BlockLayer)
  /// What a layer of a block gives, before LayerScale.
  case output(BlockLayer)
  /// The residual stream between attention and MLP.
  case residualMiddle
  /// The residual stream leaving the last block, before it is rotated back.
  case lastResidual
  /// What the final norm reads: the residual stream leaving the last block, rotated back, or one row of means where the
  /// norm follows the mean.
  case finalNormInput
  case finalNormOutput
  /// The one row that the head reads.
  case headInput
  case logits
}

/// Watches activations as the reference computes them: for calibration, and for comparisons layer by layer.
package protocol ActivationTap {
  /// Called once for each site of each block and image.
  /// - Parameters:
  ///   - block: the block's index; the number of blocks for the sites after the last one, of attention pooling too; 0
  ///     for `patches`.
  ///   - values: `rows x columns`, row-major; valid during the call.
  mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int)
}

/// Watches nothing, and costs nothing.
package struct NoTap: ActivationTap {
  package init() {}

  @inlinable
  package mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {}
}
