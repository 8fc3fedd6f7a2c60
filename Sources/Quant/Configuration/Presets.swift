import Int8Kernels
import ViTLite

/// Configurations of known size, to be filled with random weights for measurements.
public enum Preset: String, Sendable, CaseIterable {
  case viTTiny = "vit-tiny"
  case viTSmall = "vit-small"
  case viTBase = "vit-base"
  case viTLarge = "vit-large"
  /// The seed implementation's default: ViT-Base's width with 8 heads and a head that averages all tokens.
  case seedViT = "seed-vit"

  /// 224 x 224 pixels, patches of 16 x 16, 1000 classes.
  public var configuration: ModelConfiguration {
    switch self {
    case .viTTiny: Self.configuration(.timmViT, width: 192, depth: 12, heads: 3)
    case .viTSmall: Self.configuration(.timmViT, width: 384, depth: 12, heads: 6)
    case .viTBase: Self.configuration(.timmViT, width: 768, depth: 12, heads: 12)
    case .viTLarge: Self.configuration(.timmViT, width: 1024, depth: 24, heads: 16)
    case .seedViT: Self.configuration(.seedViT, width: 768, depth: 12, heads: 8)
    }
  }

  private static func configuration(
    _ family: ModelConfiguration.Family, width: Int, depth: Int, heads: Int
  ) -> ModelConfiguration {
    ModelConfiguration(
      family: family, imageHeight: 224, imageWidth: 224, patchSize: 16, channels: 3, width: width, depth: depth,
      heads: heads, mlpWidth: 4 * width, layerNormEpsilon: family == .seedViT ? 1e-5 : 1e-6, prefixTokens: 1,
      classes: 1000)
  }
}
