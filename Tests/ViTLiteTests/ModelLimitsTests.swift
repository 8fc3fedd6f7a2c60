import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// A dimension at its limit, and one beyond.
private struct Limit: CustomTestStringConvertible, Sendable {
  let name: String
  let atLimit: ModelConfiguration
  let beyond: ModelConfiguration

  var testDescription: String { name }

  init(
    _ name: String, _ atLimit: (inout ModelConfiguration) -> Void,
    beyond: (inout ModelConfiguration) -> Void
  ) {
    self.name = name
    var configuration = Self.base
    atLimit(&configuration)
    self.atLimit = configuration
    configuration = Self.base
    beyond(&configuration)
    self.beyond = configuration
  }

  /// 2 x 2 patches.
  static let base = ModelConfiguration(
    family: "timm-vit", imageHeight: 4, imageWidth: 4, patchSize: 2, channels: 1, width: 8, depth: 1, heads: 2,
    mlpWidth: 16, layerNormEpsilon: 1e-6, prefixTokens: 1, readout: .classToken, classes: 5)

  /// What `config.json` decides alone.
  static let dimensions: [Limit] = [
    Limit("image height", { $0.imageHeight = 16_384 }, beyond: { $0.imageHeight = 16_386 }),
    Limit("image width", { $0.imageWidth = 16_384 }, beyond: { $0.imageWidth = 16_386 }),
    Limit("patch size", { $0.setSquare(side: 256, patch: 256) }, beyond: { $0.setSquare(side: 1025, patch: 1025) }),
    Limit(
      "inputs of a patch", { $0.setSquare(side: 256, patch: 256) }, beyond: { $0.setSquare(side: 257, patch: 257) }),
    Limit("17 channels", { $0.channels = 17 }, beyond: { $0.channels = 0 }),
    Limit("channels", { $0.channels = 1024 }, beyond: { $0.channels = 1025 }),
    Limit("width", { $0.width = 16_384 }, beyond: { $0.width = 16_386 }),
    Limit("depth", { $0.depth = 1024 }, beyond: { $0.depth = 1025 }),
    Limit("no blocks", { $0.depth = 0 }, beyond: { $0.depth = -1 }),
    Limit("1025 heads", { ($0.width, $0.heads) = (1025, 1025) }, beyond: { ($0.width, $0.heads) = (1025, 0) }),
    Limit("heads", { ($0.width, $0.heads) = (16_384, 16_384) }, beyond: { ($0.width, $0.heads) = (16_385, 16_385) }),
    Limit("heads that divide the width", { $0.heads = 4 }, beyond: { $0.heads = 3 }),
    Limit("MLP width", { $0.mlpWidth = 65_536 }, beyond: { $0.mlpWidth = 65_537 }),
    Limit("classes", { $0.classes = 1_048_576 }, beyond: { $0.classes = 1_048_577 }),
    Limit("largest epsilon", { $0.layerNormEpsilon = 1 }, beyond: { $0.layerNormEpsilon = 1.000_001 }),
    Limit("smallest epsilon", { $0.layerNormEpsilon = 1e-30 }, beyond: { $0.layerNormEpsilon = 0.999e-30 }),
  ]

  /// What depends on the image size to run at, or on tensors.
  static let products: [Limit] = [
    // config.json tells the registers, which are fewer than the tokens before the patches.
    Limit("prefix tokens", { $0.prefixTokens = 1024 }, beyond: { $0.prefixTokens = 1025 }),
    Limit("one patch", { $0.imageHeight = 2 }, beyond: { $0.imageHeight = 1 }),
    Limit(
      "tokens", { $0.setTokens(217, 151, prefix: 1) },
      beyond: { $0.setTokens(217, 151, prefix: 2) }),
    // Numbers of each token: in the hidden layer, in queries with keys and values, in heads padded to 16 channels.
    Limit(
      "65,536 for each token",
      {
        $0.setTokens(32, 64, prefix: 0)
        $0.mlpWidth = 65_536
      },
      beyond: {
        $0.setTokens(32, 64, prefix: 1)
        $0.mlpWidth = 65_536
      }),
    Limit(
      "49,152 for each token",
      {
        $0.setTokens(1, 2730, prefix: 0)
        $0.width = 16_384
      },
      beyond: {
        $0.setTokens(1, 2731, prefix: 0)
        $0.width = 16_384
      }),
    Limit(
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

@Suite("Limits on dimensions")
struct ModelLimitsTests {
  @Test("A configuration is valid up to each limit, and not beyond", arguments: Limit.dimensions + Limit.products)
  private func configurations(_ limit: Limit) throws {
    try limit.atLimit.validate()
    #expect(throws: ModelLimitError.self) { try limit.beyond.validate() }
  }

  @Test("config.json is read up to each limit, and not beyond", arguments: Limit.dimensions)
  private func configurationFiles(_ limit: Limit) throws {
    #expect(refusal(json(limit.atLimit)) == nil)
    let message = try #require(refusal(json(limit.beyond)))
    #expect(message.contains("expected"), "\(message)")
  }

  @Test("The model file is read up to each limit, and not beyond", arguments: Limit.dimensions + Limit.products)
  private func modelFiles(_ limit: Limit) throws {
    // The first thing that is missing from a file of dimensions alone.
    let missing = IntegerModelError.format(.missingKey("vit.activations", expected: "a string"))
    #expect(throws: missing) { try IntegerModel(file(limit.atLimit)) }
    do throws(IntegerModelError) {
      _ = try IntegerModel(file(limit.beyond))
      Issue.record("accepted")
    } catch {
      guard case .invalid = error else {
        Issue.record(error)
        return
      }
    }
  }

  @Test("Negative and overflowing dimensions are refused everywhere", arguments: [-1, .min, .max, 1 << 32, 1 << 62])
  private func extremes(_ value: Int) {
    let fields: [WritableKeyPath<ModelConfiguration, Int>] = [
      \.imageHeight, \.imageWidth, \.patchSize, \.channels, \.width, \.depth, \.heads, \.mlpWidth, \.prefixTokens,
      \.classes,
    ]
    for field in fields {
      var configuration = Limit.base
      configuration[keyPath: field] = value
      #expect(throws: ModelLimitError.self) { try configuration.validate() }
      #expect(refusal(json(configuration)) != nil)
    }
  }

  @Test("A variant that nothing computes is refused")
  func unknownVariants() throws {
    var configuration = Limit.base
    configuration.normBeforeBlocks = true
    #expect(throws: ModelLimitError.self) { try configuration.validate() }
    #expect(throws: IntegerModelError.self) { try IntegerModel(file(configuration)) }
    for key in ["position_scheme", "activation_function"] {
      #expect(
        throws: IntegerModelError.invalid(
          what: "\"new\"", where: "key vit.\(key)",
          expected: "one of \(key == "position_scheme" ? "learned" : "gelu")")
      ) { try IntegerModel(file(Limit.base, changing: key, to: .string("new"))) }
    }
  }

  @Test("The loader counts the tokens at the image size to run at")
  func loader() throws {
    let path = GoldenFiles.path("seed-vit")
    // Patches of 8 x 8 pixels: 217 x 151 and a class token, then 256 x 128 and a class token.
    let model = try Checkpoint.load(path: path, imageSize: (1736, 1208)).model
    #expect(model.configuration.tokens == ModelLimits.tokens.upperBound)
    let tensors = path + "/model.safetensors"
    #expect(
      throws: CheckpointError.limit(
        ModelLimitError(found: "32769 tokens", expected: "1 to 32768"), path: tensors)
    ) { try Checkpoint.load(path: path, imageSize: (2048, 1024)) }
  }

  @Test("1025 heads and 17 channels are calibrated, written, read and run")
  func unusualDimensions() throws {
    let example = IntegerModelCase.random(
      IntegerModelCase.configuration {
        ($0.imageHeight, $0.imageWidth, $0.channels) = (3, 6, 17)
        ($0.width, $0.heads, $0.mlpWidth) = (1025, 1025, 5)
      })
    for activations in ActivationMode.allCases {
      let model = try IntegerModel(
        example.quantized(CalibrationOptions(activations: activations, smoothing: false, rounding: .nearest)).bytes)
      #expect(model.configuration.heads == 1025 && model.configuration.channels == 17)
      let checksums = try InstructionSet.available.map { set in
        try InferenceSession(model: model, instructionSet: set).run(example.pixels(model)[0]).crc32
      }
      #expect(Set(checksums).count == 1)
    }
  }

  @Test("Presets are within the limits", arguments: Preset.allCases)
  func presets(_ preset: Preset) throws {
    try preset.configuration.validate()
  }

  // MARK: Readers

  /// The message of what `config.json` is refused for; nil when it is accepted.
  private func refusal(_ json: JSON) -> String? {
    do throws(ConfigurationError) {
      let file = try ConfigurationFile(json: json, path: "config.json")
      _ = try CheckpointConfiguration(file) { _ in nil }
      return nil
    } catch { return error.description }
  }

  private func json(_ configuration: ModelConfiguration) -> JSON {
    [
      "model_type": "timm-vit",
      "image_size": [.integer(configuration.imageHeight), .integer(configuration.imageWidth)],
      "patch_size": .integer(configuration.patchSize), "num_channels": .integer(configuration.channels),
      "hidden_size": .integer(configuration.width), "num_hidden_layers": .integer(configuration.depth),
      "num_attention_heads": .integer(configuration.heads), "intermediate_size": .integer(configuration.mlpWidth),
      "layer_norm_eps": .double(configuration.layerNormEpsilon), "reg_tokens": .integer(configuration.prefixTokens),
      "num_labels": .integer(configuration.classes),
    ]
  }

  /// A model file with dimensions and nothing else.
  private func file(
    _ configuration: ModelConfiguration, changing changed: String? = nil, to value: GGUFValue = .uint32(0)
  ) -> [UInt8] {
    let dimensions: [(String, Int)] = [
      ("image_height", configuration.imageHeight), ("image_width", configuration.imageWidth),
      ("patch_size", configuration.patchSize), ("channels", configuration.channels),
      ("embedding_length", configuration.width), ("block_count", configuration.depth),
      ("attention.head_count", configuration.heads), ("feed_forward_length", configuration.mlpWidth),
      ("prefix_tokens", configuration.prefixTokens), ("classes", configuration.classes),
    ]
    var writer = GGUFWriter()
    writer.set("general.architecture", .string(ModelKey.architecture))
    for (name, value) in dimensions { writer.set(ModelKey.metadata(name), .int64(Int64(value))) }
    writer.set(ModelKey.metadata("family"), .string(configuration.family))
    writer.set(ModelKey.metadata("layer_norm_epsilon"), .float64(configuration.layerNormEpsilon))
    writer.set(ModelKey.metadata("norm_before_blocks"), .bool(configuration.normBeforeBlocks))
    writer.set(ModelKey.metadata("readout"), .string(configuration.readout.rawValue))
    if let changed { writer.set(ModelKey.metadata(changed), value) }
    return writer.serialized()
  }
}
