import Testing

@testable import Quant

private func file(_ json: JSON) throws(ConfigurationError) -> ConfigurationFile {
  try ConfigurationFile(json: json, path: "config.json")
}

private func configuration(
  _ json: JSON, shapes: [String: [Int]] = [:]
) throws(ConfigurationError) -> CheckpointConfiguration {
  try CheckpointConfiguration(file(json)) { shapes[$0] }
}

/// The message of what a configuration is refused for; nil when it is accepted.
private func refusal(_ json: JSON, shapes: [String: [Int]] = [:]) -> String? {
  do {
    _ = try configuration(json, shapes: shapes)
    return nil
  } catch { return error.description }
}

@Suite("Configurations of checkpoints")
struct CheckpointConfigurationTests {
  @Test("Absent keys have the defaults of transformers")
  func defaults() throws {
    let vit = try configuration(["model_type": "vit"])
    #expect(vit.width == 768 && vit.depth == 12 && vit.heads == 12 && vit.mlpWidth == 3072)
    #expect(vit.imageHeight == 224 && vit.patchSize == 16 && vit.layerNormEpsilon == 1e-12)
    let dino = try configuration(["model_type": "dinov2", "hidden_size": 384, "num_attention_heads": 6])
    #expect(dino.mlpWidth == 1536 && dino.patchSize == 14 && dino.layerNormEpsilon == 1e-6)
    #expect(try configuration(["model_type": "dinov2_with_registers"]).registers == 4)
  }

  @Test("Sizes may be pairs")
  func pairs() throws {
    let vit = try configuration(["model_type": "vit", "image_size": [32, 64], "patch_size": [16, 16]])
    #expect(vit.imageHeight == 32 && vit.imageWidth == 64 && vit.patchSize == 16)
  }

  @Test(
    "What cannot be run is named with its file",
    arguments: [
      (["model_type": "swin"], "unsupported \"swin\" for \"model_type\""),
      ([:], "no key \"model_type\""),
      (["model_type": "vit", "hidden_act": "quick_gelu"], "unsupported \"quick_gelu\" for \"hidden_act\""),
      (["model_type": "dinov2", "use_swiglu_ffn": true], "unsupported SwiGLU (true)"),
      (["model_type": "vit", "num_attention_heads": 7], "7 heads"),
      (["model_type": "vit", "hidden_size": 0], "0 for \"hidden_size\""),
      (["model_type": "vit", "hidden_size": "big"], "\"big\" for \"hidden_size\""),
      (["model_type": "vit", "hidden_size": 1e300], "for \"hidden_size\""),
      (["model_type": "vit", "image_size": 225], "225 x 225"),
      (["model_type": "vit", "image_size": [1, 2, 3]], "[1,2,3] for \"image_size\""),
      (["model_type": "vit", "patch_size": [8, 16]], "unsupported [8, 16]"),
      (["model_type": "vit", "layer_norm_eps": -1], "-1 for \"layer_norm_eps\""),
      (["model_type": "vit", "id2label": ["0": "a", "2": "b"]], "\"2\": a string for \"id2label\""),
      (["model_type": "seed-vit"], "no key \"hidden_size\""),
      (["model_type": "timm-vit", "hidden_size": 64], "no key \"image_size\""),
      (["architecture": "resnet50"], "unsupported \"resnet50\""),
    ] as [(JSON, String)])
  func refusals(_ json: JSON, _ beginning: String) throws {
    let message = try #require(refusal(json))
    #expect(message.hasPrefix(beginning) || message.contains(beginning), "\(message)")
    #expect(message.contains("config.json"))
  }

  @Test("The dimensions of a timm model are those of its tensors")
  func timm() throws {
    let shapes = [
      "patch_embed.proj.weight": [192, 3, 16, 16], "blocks.0.norm1.weight": [192], "blocks.1.norm1.weight": [192],
      "blocks.0.mlp.fc1.weight": [768, 192], "pos_embed": [1, 197, 192],
    ]
    let tiny = try configuration(
      ["architecture": "vit_tiny_patch16_224.augreg_in21k", "num_classes": 10, "global_pool": "token"], shapes: shapes)
    #expect(tiny.width == 192 && tiny.depth == 2 && tiny.heads == 3 && tiny.mlpWidth == 768 && tiny.imageHeight == 224)
    #expect(tiny.classes == 10 && tiny.pooling == .classToken)
    let named = try configuration(["architecture": "vit_custom", "num_attention_heads": 6], shapes: shapes)
    #expect(named.heads == 6)
    #expect(try configuration(["architecture": "vit_custom"], shapes: shapes).heads == 3)
  }
}
