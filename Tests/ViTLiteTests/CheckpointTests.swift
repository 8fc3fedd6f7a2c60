import LibC
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

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

@Suite struct ConfigurationTests {
  @Test func absentKeysHaveTheDefaultsOfTransformers() throws {
    let vit = try configuration(["model_type": "vit"])
    #expect(vit.width == 768 && vit.depth == 12 && vit.heads == 12 && vit.mlpWidth == 3072)
    #expect(vit.imageHeight == 224 && vit.patchSize == 16 && vit.layerNormEpsilon == 1e-12)
    let dino = try configuration(["model_type": "dinov2", "hidden_size": 384, "num_attention_heads": 6])
    #expect(dino.mlpWidth == 1536 && dino.patchSize == 14 && dino.layerNormEpsilon == 1e-6)
    #expect(try configuration(["model_type": "dinov2_with_registers"]).registers == 4)
  }

  @Test func sizesMayBePairs() throws {
    let vit = try configuration(["model_type": "vit", "image_size": [32, 64], "patch_size": [16, 16]])
    #expect(vit.imageHeight == 32 && vit.imageWidth == 64 && vit.patchSize == 16)
  }

  @Test(
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
  func whatCannotBeRunIsNamed(_ json: JSON, _ beginning: String) throws {
    let message = try #require(refusal(json))
    #expect(message.hasPrefix(beginning) || message.contains(beginning), "\(message)")
    #expect(message.contains("config.json"))
  }

  @Test func dimensionsOfTimmModelsAreThoseOfTheTensors() throws {
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

@Suite struct PreprocessingParserTests {
  @Test func readsASquashAndACrop() throws {
    let squash = try PreprocessingParser.huggingFace(
      file([
        "image_processor_type": "ViTImageProcessor", "do_resize": true, "size": ["height": 64, "width": 48],
        "resample": 2, "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
      ]), family: .viT)
    #expect(squash.resize == .exact(height: 64, width: 48) && squash.filter == .bilinear && squash.crop == nil)
    let crop = try PreprocessingParser.huggingFace(
      file([
        "image_processor_type": "BitImageProcessor", "size": ["shortest_edge": 72], "resample": 3,
        "do_center_crop": true, "crop_size": ["height": 56, "width": 56], "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
      ]), family: .dinoV2)
    #expect(crop.resize == .shortestEdge(72) && crop.filter == .bicubic)
    #expect(crop.outputSize?.height == 56 && crop.mean == [0.485, 0.456, 0.406])
  }

  @Test func readsTheTransformOfTimm() throws {
    let found = try PreprocessingParser.timm(
      file([
        "architecture": "vit_tiny_patch16_224",
        "pretrained_cfg": [
          "input_size": [3, 64, 64], "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center",
          "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        ],
      ]))
    let timm = try #require(found)
    #expect(timm.cropRounding == .halfToEven)
    #expect(timm.resize == .shortestEdge(71) && timm.filter == .bicubic && timm.outputSize?.width == 64)
  }

  @Test(
    arguments: [
      ["size": ["height": 0, "width": 5]], ["size": [1, 2]], ["resample": 9], ["image_mean": "x"],
      ["image_std": [0.5, 0, 0.5]], ["image_mean": [0.5], "image_std": [0.5, 0.5]],
      ["crop_size": -1, "do_center_crop": true],
    ] as [JSON])
  func refusesWhatMakesNoSense(_ json: JSON) {
    #expect(throws: ConfigurationError.self) {
      try PreprocessingParser.huggingFace(file(json), family: .viT)
    }
  }
}

/// A copy of a golden model's folder whose files may be replaced.
private final class Folder {
  let path = "/tmp/vit-quant-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
  private let names = ["config.json", "model.safetensors", "a.safetensors", "model.safetensors.index.json"]

  init(golden name: String) throws {
    _ = mkdir(path, 0o755)
    for file in names[..<2] {
      let bytes = try MappedFile.contents(of: GoldenFiles.path("\(name)/\(file)"), limit: 1 << 24)
      try AtomicFile.save(bytes, to: "\(path)/\(file)")
    }
  }

  deinit {
    for name in names { removeFile("\(path)/\(name)") }
    _ = rmdir(path)
  }

  func bytes(_ name: String) throws -> [UInt8] { try MappedFile.contents(of: "\(path)/\(name)", limit: 1 << 24) }
  func save(_ bytes: [UInt8], _ name: String) throws { try AtomicFile.save(bytes, to: "\(path)/\(name)") }
  func move(_ name: String, to other: String) { _ = rename("\(path)/\(name)", "\(path)/\(other)") }

  /// The message of what loading is refused for; nil when it succeeds.
  func refusal(imageSize: (height: Int, width: Int)? = (32, 32)) -> String? {
    do throws(CheckpointError) {
      _ = try Checkpoint.load(path: path, imageSize: imageSize)
      return nil
    } catch { return error.description }
  }
}

@Suite struct CheckpointTests {
  @Test func loadsAFileBesideItsConfiguration() throws {
    let path = GoldenFiles.path("seed-vit/model.safetensors")
    let checkpoint = try Checkpoint.load(path: path)
    #expect(checkpoint.model.configuration.tokens == 17)
    #expect(checkpoint.preprocessing == nil)
  }

  @Test func refusesWeightsThatAreNotFinite() throws {
    let folder = try Folder(golden: "seed-vit")
    var bytes = try folder.bytes("model.safetensors")
    bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0x80, 0x7F])
    try folder.save(bytes, "model.safetensors")
    let message = try #require(folder.refusal())
    #expect(message.hasPrefix("inf at element 639, tensor \"2.2.weight\""), "\(message)")
  }

  @Test func namesTensorsThatAreMissingOrOfAnotherShape() throws {
    let folder = try Folder(golden: "seed-vit")
    let text = String(decoding: try folder.bytes("config.json"), as: UTF8.self)
    func configure(_ key: String, _ value: Int) throws {
      var members = try JSON(parsing: Array(text.utf8)).members ?? []
      for index in members.indices where members[index].key == key { members[index].value = .integer(value) }
      try folder.save(Array(JSON.object(members).serialized().utf8), "config.json")
    }
    try configure("num_hidden_layers", 3)
    #expect(folder.refusal()?.hasPrefix("no tensor \"1.2.0.fn.0.weight\"") == true)
    try configure("num_hidden_layers", 1)
    #expect(folder.refusal()?.hasPrefix("unexpected tensor \"1.1.0.fn.0.bias\"") == true)
    try configure("intermediate_size", 128)
    #expect(folder.refusal()?.hasPrefix("shape [256, 64] of tensor \"1.0.1.fn.1.0.weight\"") == true)
    try configure("num_labels", 11)
    #expect(folder.refusal()?.hasPrefix("shape [10, 64] of tensor \"2.2.weight\"") == true)
    try configure("image_size", 64)
    #expect(folder.refusal()?.hasPrefix("shape [17, 64] of tensor \"0.positions\"") == true)
  }

  @Test func refusesImageSizesThatPatchesCannotCover() throws {
    let folder = try Folder(golden: "seed-vit")
    #expect(folder.refusal(imageSize: (33, 32))?.hasPrefix("an image size of 33 x 32") == true)
    #expect(folder.refusal(imageSize: (0, 32)) != nil)
    #expect(folder.refusal(imageSize: (65_536, 65_536)) != nil)
    #expect(folder.refusal(imageSize: (48, 40)) == nil)
  }

  @Test func loadsShardsThroughTheirIndex() throws {
    let folder = try Folder(golden: "seed-vit")
    let whole = try SafetensorsFile(path: "\(folder.path)/model.safetensors")
    var map: [JSON.Member] = whole.header.tensors.map { JSON.Member(key: $0.name, value: "a.safetensors") }
    func save(_ map: [JSON.Member]) throws {
      let index: JSON = ["weight_map": .object(map)]
      try folder.save(Array(index.serialized().utf8), "model.safetensors.index.json")
    }
    folder.move("model.safetensors", to: "a.safetensors")
    try save(map)
    #expect(folder.refusal() == nil)
    try save(map + [JSON.Member(key: "extra", value: "a.safetensors")])
    #expect(folder.refusal()?.hasPrefix("no tensor \"extra\"") == true)
    map[0].value = "../a.safetensors"
    try save(map)
    #expect(folder.refusal()?.hasPrefix("a file for tensor") == true)
  }

  @Test func saysWhichFileIsMissing() {
    #expect(throws: CheckpointError.self) { try Checkpoint.load(path: "/nonexistent") }
    #expect(throws: CheckpointError.self) { try Checkpoint.load(path: GoldenFiles.path("gguf")) }
  }

  @Test func presetsHaveTheirPublishedNumbersOfParameters() {
    func parameters(_ preset: Preset) -> Int {
      let model = FloatModel.random(preset)
      func count(_ layer: FloatLinear?) -> Int { layer.map { $0.weight.count + $0.bias.count } ?? 0 }
      func count(_ norm: FloatNorm) -> Int { norm.gain.count + norm.bias.count }
      let blocks = model.blocks.reduce(0) { sum, block in
        sum + count(block.ln1) + count(block.layers.attnQKV) + count(block.layers.attnOut) + count(block.ln2)
          + count(block.layers.ffnUp)
          + count(block.layers.ffnDown)
      }
      return count(model.patchEmbedding) + model.prefixTokens.count + model.positions.count + blocks
        + count(model.finalNorm) + count(model.head)
    }
    // Published numbers count the class token's position, which is added into the token here.
    #expect(parameters(.viTTiny) == 5_717_416 - 192)
    #expect(parameters(.viTSmall) == 22_050_664 - 384)
    // The seed implementation's own table leaves out its class token and positions, 152,064 numbers.
    #expect(parameters(.seedViT) == 86_415_592 + 152_064 - 768)
  }
}
