import ViTLite

/// A dimension at its limit, and one beyond.
package struct DimensionLimit: CustomStringConvertible, Sendable {
  package let description: String
  package let atLimit: ModelConfiguration
  package let beyond: ModelConfiguration

  private init(
    _ name: String, _ atLimit: (inout ModelConfiguration) -> Void,
    beyond: (inout ModelConfiguration) -> Void
  ) {
    description = name
    var configuration = Self.base
    atLimit(&configuration)
    self.atLimit = configuration
    configuration = Self.base
    beyond(&configuration)
    self.beyond = configuration
  }

  /// 2 x 2 patches.
  package static let base = ModelConfiguration(
    family: "timm-vit", imageHeight: 4, imageWidth: 4, patchSize: 2, channels: 1, width: 8, depth: 1, heads: 2,
    mlpWidth: 16, layerNormEpsilon: 1e-6, prefixTokens: 1, readout: .classToken, classes: 5)

  /// The dimensions that are whole numbers.
  package static var fields: [WritableKeyPath<ModelConfiguration, Int>] {
    [
      \.imageHeight, \.imageWidth, \.patchSize, \.channels, \.width, \.depth, \.heads, \.mlpWidth, \.prefixTokens,
      \.classes,
    ]
  }

  /// What `config.json` decides alone.
  package static let dimensions: [Self] = [
    Self("image height", { $0.imageHeight = 16_384 }, beyond: { $0.imageHeight = 16_386 }),
    Self("image width", { $0.imageWidth = 16_384 }, beyond: { $0.imageWidth = 16_386 }),
    Self("patch size", { $0.setSquare(side: 256, patch: 256) }, beyond: { $0.setSquare(side: 1025, patch: 1025) }),
    Self(
      "inputs of a patch", { $0.setSquare(side: 256, patch: 256) }, beyond: { $0.setSquare(side: 257, patch: 257) }),
    Self("17 channels", { $0.channels = 17 }, beyond: { $0.channels = 0 }),
    Self("channels", { $0.channels = 1024 }, beyond: { $0.channels = 1025 }),
    Self("width", { $0.width = 16_384 }, beyond: { $0.width = 16_386 }),
    Self("depth", { $0.depth = 1024 }, beyond: { $0.depth = 1025 }),
    Self("no blocks", { $0.depth = 0 }, beyond: { $0.depth = -1 }),
    Self("1025 heads", { ($0.width, $0.heads) = (1025, 1025) }, beyond: { ($0.width, $0.heads) = (1025, 0) }),
    Self("heads", { ($0.width, $0.heads) = (16_384, 16_384) }, beyond: { ($0.width, $0.heads) = (16_385, 16_385) }),
    Self("heads that divide the width", { $0.heads = 4 }, beyond: { $0.heads = 3 }),
    Self("MLP width", { $0.mlpWidth = 65_536 }, beyond: { $0.mlpWidth = 65_537 }),
    Self("classes", { $0.classes = 1_048_576 }, beyond: { $0.classes = 1_048_577 }),
    Self("largest epsilon", { $0.layerNormEpsilon = 1 }, beyond: { $0.layerNormEpsilon = 1.000_001 }),
    Self("smallest epsilon", { $0.layerNormEpsilon = 1e-30 }, beyond: { $0.layerNormEpsilon = 0.999e-30 }),
  ]

  /// What depends on the image size to run at, or on tensors.
  package static let products: [Self] = [
    // config.json tells the registers, which are fewer than the tokens before the patches.
    Self("prefix tokens", { $0.prefixTokens = 1024 }, beyond: { $0.prefixTokens = 1025 }),
    Self("one patch", { $0.imageHeight = 2 }, beyond: { $0.imageHeight = 1 }),
    Self(
      "tokens", { $0.setTokens(217, 151, prefix: 1) },
      beyond: { $0.setTokens(217, 151, prefix: 2) }),
    // Numbers of each token: in the hidden layer, in queries with keys and values, in heads padded to 16 channels.
    Self(
      "65,536 for each token",
      {
        $0.setTokens(32, 64, prefix: 0)
        $0.mlpWidth = 65_536
      },
      beyond: {
        $0.setTokens(32, 64, prefix: 1)
        $0.mlpWidth = 65_536
      }),
    Self(
      "49,152 for each token",
      {
        $0.setTokens(1, 2730, prefix: 0)
        $0.width = 16_384
      },
      beyond: {
        $0.setTokens(1, 2731, prefix: 0)
        $0.width = 16_384
      }),
    Self(
      "262,144 for each token",
      {
        $0.setTokens(1, 512, prefix: 0)
        ($0.width, $0.heads) = (16_384, 16_384)
      },
      beyond: {
        $0.setTokens(1, 512, prefix: 1)
        ($0.width, $0.heads) = (16_384, 16_384)
      }),
  ]
}

extension ModelConfiguration {
  fileprivate mutating func setSquare(side: Int, patch: Int) {
    (imageHeight, imageWidth, patchSize) = (side, side, patch)
  }

  fileprivate mutating func setTokens(_ rows: Int, _ columns: Int, prefix: Int) {
    (imageHeight, imageWidth, prefixTokens) = (rows * patchSize, columns * patchSize, prefix)
  }
}
