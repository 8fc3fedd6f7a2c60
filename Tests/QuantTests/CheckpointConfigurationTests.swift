import Testing
import ViTLite

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
      (["model_type": "swin"], "unsupported \"swin\" (Swin's windows) for \"model_type\""),
      (["model_type": "beit"], "unsupported \"beit\" (BEiT's relative positions) for \"model_type\""),
      (["model_type": "siglip2"], "unsupported \"siglip2\" (NaFlex, patches of images of any size)"),
      (["model_type": "clap"], "unsupported \"clap\" for \"model_type\""),
      (
        ["architecture": "swin_tiny_patch4_window7_224"],
        "unsupported \"swin_tiny_patch4_window7_224\" (Swin's windows)"
      ),
      (
        ["architecture": "beitv2_base_patch16_224"],
        "unsupported \"beitv2_base_patch16_224\" (BEiT's relative positions)"
      ),
      (["architecture": "naflexvit_base_patch16_gap"], "unsupported \"naflexvit_base_patch16_gap\" (NaFlex"),
      (
        ["architecture": "vit_relpos_small_patch16_224"],
        "unsupported \"vit_relpos_small_patch16_224\" (relative positions)"
      ),
      ([:], "no key \"model_type\""),
      (["model_type": "vit", "hidden_act": "relu"], "unsupported \"relu\" for \"hidden_act\""),
      (["model_type": "vit", "use_swiglu_ffn": true], "unsupported SwiGLU (true)"),
      (["model_type": "dinov3_vit", "num_attention_heads": 64], "heads of 6 channels with rotary positions"),
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

  @Test("A pooler whose activation is not tanh is refused, where the checkpoint has a pooler")
  func pooler() throws {
    let json: JSON = ["model_type": "vit", "pooler_act": "relu"]
    #expect(try configuration(json).width == 768)
    let shapes = ["vit.pooler.dense.weight": [768, 768]]
    #expect(
      refusal(json, shapes: shapes)
        == "unsupported \"relu\" for \"pooler_act\", config.json, supported: \"tanh\"")
    #expect(try configuration(["model_type": "vit", "pooler_act": "tanh"], shapes: shapes).width == 768)
  }

  @Test(
    "Every name of GELU in transformers is known",
    arguments: [
      ("gelu", .gelu), ("gelu_python", .gelu), ("gelu_pytorch_tanh", .geluTanh), ("gelu_python_tanh", .geluTanh),
      ("gelu_new", .geluTanh), ("gelu_fast", .geluTanh), ("gelu_accurate", .geluTanh),
    ] as [(String, ActivationFunction)])
  func namesOfGELU(_ name: String, _ activation: ActivationFunction) throws {
    #expect(try configuration(["model_type": "vit", "hidden_act": .string(name)]).activation == activation)
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
    #expect(
      refusal(["architecture": "vit_custom"], shapes: shapes)?.hasPrefix("no key \"num_attention_heads\"") == true)
  }

  private let testModel = [
    "patch_embed.proj.weight": [64, 3, 16, 16], "blocks.0.norm1.weight": [64], "blocks.0.mlp.fc1.weight": [192, 64],
    "blocks.0.mlp.fc2.weight": [64, 192], "pos_embed": [1, 101, 64],
  ]

  @Test("Heads, activation, epsilon and pooling of a timm model are those of its architecture")
  func architectures() throws {
    #expect(try configuration(["architecture": "test_vit"], shapes: testModel).heads == 2)
    let map = try configuration(["architecture": "test_vit3", "num_attention_heads": 2], shapes: testModel)
    #expect(map.pooling == .attention && map.poolsPrefix)
    #expect(try configuration(["architecture": "test_vit4", "num_attention_heads": 2], shapes: testModel).norm == .rms)
    let clip = try configuration(
      ["architecture": "vit_base_patch32_clip_quickgelu_224.openai", "num_attention_heads": 4], shapes: testModel)
    #expect(clip.activation == .quickGELU && clip.layerNormEpsilon == 1e-5)
    let dino = try configuration(
      ["architecture": "vit_small_patch16_dinov3", "model_args": ["num_heads": 2]], shapes: testModel)
    #expect(dino.heads == 2 && dino.rotation?.coordinates == .centered && dino.rotation?.temperature == 100)
    let eva = try configuration(
      ["architecture": "eva02_tiny_patch14_224", "num_attention_heads": 4], shapes: testModel)
    #expect(
      eva.rotation
        == RotaryScheme(
          coordinates: .index(offset: 0, reference: .init(height: 16, width: 16)), temperature: 10_000,
          pairsNeighbours: true))
    // A norm of each head's queries tells the width of a head.
    let shapes = testModel.merging(["blocks.0.attn.q_norm.weight": [16]]) { $1 }
    #expect(try configuration(["architecture": "vit_custom"], shapes: shapes).heads == 4)
  }

  @Test("A head that reads every token is refused; a model without a head hands out every token anyhow")
  func noPooling() throws {
    let json: JSON = ["architecture": "test_vit2", "model_args": ["global_pool": ""]]
    #expect(try configuration(json, shapes: testModel).pooling == nil)
    let shapes = testModel.merging(["head.weight": [10, 64]]) { $1 }
    #expect(refusal(json, shapes: shapes)?.hasPrefix("unsupported \"\" for \"global_pool\"") == true)
    let own: JSON = [
      "model_type": "timm-vit", "hidden_size": 64, "image_size": 160, "patch_size": 16, "num_hidden_layers": 1,
      "num_attention_heads": 2, "global_pool": "",
    ]
    #expect(try configuration(own).pooling == nil)
    #expect(refusal(own, shapes: shapes)?.hasPrefix("unsupported \"\" for \"global_pool\"") == true)
  }

  @Test(
    "Variants of timm's models that are not run are named",
    arguments: [
      ("vit_base_patch16_rpn_224", "ResPostBlock (another kind of block)"),
      ("vit_base_patch16_xp_224", "ParallelScalingBlock (another kind of block)"),
      ("vit_dwee_patch16_reg1_gap_256", "diff (another kind of attention)"),
      ("aimv2_large_patch14_224", "rmsnorm (a norm within the patch embedding)"),
      ("eva02_enormous_patch14_clip_224", "true (norms after attention and MLP)"),
      ("vit_small_patch16_rope_mixed_224", "\"mixed\" with an offset of 0.0 for \"rope_type\""),
      ("vit_base_patch16_sapiens2", "6 (keys and values that heads share)"),
    ])
  func timmVariants(_ architecture: String, _ found: String) throws {
    let message = try #require(
      refusal(["architecture": .string(architecture), "num_attention_heads": 4], shapes: testModel))
    #expect(message.hasPrefix("unsupported \(found)"), "\(message)")
  }
}
