import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

@Suite("Limits on the dimensions of checkpoints")
struct CheckpointLimitsTests {
  @Test("config.json is read up to each limit, and not beyond", arguments: DimensionLimit.dimensions)
  func configurationFiles(_ limit: DimensionLimit) throws {
    #expect(refusal(json(limit.atLimit)) == nil)
    let message = try #require(refusal(json(limit.beyond)))
    #expect(message.contains("expected"), "\(message)")
  }

  @Test(
    "Negative and overflowing dimensions are refused in config.json", arguments: [-1, .min, .max, 1 << 32, 1 << 62])
  func extremes(_ value: Int) {
    for field in DimensionLimit.fields {
      var configuration = DimensionLimit.base
      configuration[keyPath: field] = value
      #expect(refusal(json(configuration)) != nil)
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

  @Test("Presets are within the limits", arguments: Preset.allCases)
  func presets(_ preset: Preset) throws {
    try preset.configuration.validate()
  }

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
}
