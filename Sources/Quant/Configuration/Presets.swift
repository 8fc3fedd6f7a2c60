import Int8Kernels
import ViTLite

/// Configurations of known size, to be filled with random weights for measurements.
package enum Preset: String, Sendable, CaseIterable {
  case viTTiny = "vit-tiny"
  case viTSmall = "vit-small"
  case viTBase = "vit-base"
  case viTLarge = "vit-large"
  /// The seed implementation's default: ViT-Base's width with 8 heads and a head that averages all tokens.
  case seedViT = "seed-vit"

  package var family: Family {
    switch self {
    case .viTTiny, .viTSmall, .viTBase, .viTLarge: .timmViT
    case .seedViT: .seedViT
    }
  }

  /// 224 x 224 pixels, patches of 16 x 16, 1000 classes; all else as the family has it.
  package var configuration: ModelConfiguration {
    let size: (width: Int, depth: Int, heads: Int) =
      switch self {
      case .viTTiny: (192, 12, 3)
      case .viTSmall: (384, 12, 6)
      case .viTBase: (768, 12, 12)
      case .viTLarge: (1024, 24, 16)
      case .seedViT: (768, 12, 8)
      }
    let family = family
    return ModelConfiguration(
      family: family.name, imageHeight: 224, imageWidth: 224, patchSize: 16, channels: 3, width: size.width,
      depth: size.depth, heads: size.heads, mlpWidth: 4 * size.width,
      layerNormEpsilon: family.defaults.layerNormEpsilon, prefixTokens: 1, positions: family.positions,
      normBeforeBlocks: family.normBeforeBlocks, readout: family.readout.usual, classes: 1000)
  }
}
