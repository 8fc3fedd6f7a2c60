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
  /// DINOv3 ViT-S/16: rotary positions, four registers.
  case dinoV3Small = "dinov3-vit-s"
  /// The image half of SigLIP Base, patches of 16: attention pooling.
  case sigLIPBase = "siglip-base"
  /// The image half of CLIP ViT-B/32: a norm before the blocks, QuickGELU, a projection to 512 numbers.
  case clipBase32 = "clip-vit-b32"

  package var family: Family {
    switch self {
    case .viTTiny, .viTSmall, .viTBase, .viTLarge: .timmViT
    case .seedViT: .seedViT
    case .dinoV3Small: .dinoV3
    case .sigLIPBase: .sigLIPVision
    case .clipBase32: .clipVision
    }
  }

  /// 224 x 224 pixels; patches of 16 x 16 and 1000 classes where nothing else is said; all else as the family has it.
  package var configuration: ModelConfiguration {
    let size: (width: Int, depth: Int, heads: Int) =
      switch self {
      case .viTTiny: (192, 12, 3)
      case .viTSmall, .dinoV3Small: (384, 12, 6)
      case .viTBase, .sigLIPBase, .clipBase32: (768, 12, 12)
      case .viTLarge: (1024, 24, 16)
      case .seedViT: (768, 12, 8)
      }
    let family = family
    var configuration = ModelConfiguration(
      family: family.name, imageHeight: 224, imageWidth: 224, patchSize: 16, channels: 3, width: size.width,
      depth: size.depth, heads: size.heads, mlpWidth: 4 * size.width,
      layerNormEpsilon: family.defaults.layerNormEpsilon, prefixTokens: 1, normBeforeBlocks: family.normBeforeBlocks,
      activation: family.defaults.activation ?? .gelu, readout: family.readout.usual, classes: 1000)
    switch self {
    case .viTTiny, .viTSmall, .viTBase, .viTLarge, .seedViT: break
    case .dinoV3Small: (configuration.positions, configuration.prefixTokens, configuration.classes) = (.rotary, 5, 0)
    case .sigLIPBase: (configuration.prefixTokens, configuration.classes) = (0, 0)
    case .clipBase32: (configuration.patchSize, configuration.projectionWidth, configuration.classes) = (32, 512, 0)
    }
    return configuration
  }
}
