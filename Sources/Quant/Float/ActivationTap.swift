import Int8Kernels
import ViTLite

/// A place in the forward pass whose values can be watched. The shapes are rows x columns.
public enum ActivationSite: String, Sendable, CaseIterable {
  /// The patches of the image: `patches x (channels, patch rows, patch columns)`.
  case patches
  /// The residual stream entering a block: `tokens x width`.
  case residual
  case norm1Output
  /// `tokens x 3 width`: queries, keys, values.
  case qkv
  /// The heads' results side by side, before the projection.
  case attentionOutput
  /// What the projection gives, before LayerScale.
  case projectionOutput
  /// The residual stream between attention and MLP.
  case residualMiddle
  case norm2Output
  /// The MLP's hidden layer before GELU: `tokens x MLP width`.
  case mlpInput
  case geluOutput
  /// What the MLP gives, before LayerScale.
  case mlpOutput
  /// What the final norm reads: the residual stream leaving the last block, or one row of means where the norm follows
  /// the mean.
  case finalNormInput
  case finalNormOutput
  /// The one row that the head reads.
  case headInput
  case logits
}

/// Watches activations as the reference computes them: for calibration, and for comparisons layer by layer.
public protocol ActivationTap {
  /// Called once for each site of each block and image.
  /// - Parameters:
  ///   - block: the block's index; the number of blocks for the sites after the last one, 0 for `patches`.
  ///   - values: `rows x columns`, row-major; valid during the call.
  mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int)
}

/// Watches nothing, and costs nothing.
public struct NoTap: ActivationTap {
  public init() {}

  @inlinable
  public mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {}
}
