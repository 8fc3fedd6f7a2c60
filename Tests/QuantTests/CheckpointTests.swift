import LibC
import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

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

@Suite("Checkpoints")
struct CheckpointTests {
  @Test("A model file is loaded with the configuration beside it")
  func file() throws {
    let path = GoldenFiles.path("seed-vit/model.safetensors")
    let checkpoint = try Checkpoint.load(path: path)
    #expect(checkpoint.model.configuration.tokens == 17)
    #expect(checkpoint.preprocessing == nil)
  }

  @Test("Weights that are not finite are refused")
  func notFinite() throws {
    let folder = try Folder(golden: "seed-vit")
    var bytes = try folder.bytes("model.safetensors")
    bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0x80, 0x7F])
    try folder.save(bytes, "model.safetensors")
    let message = try #require(folder.refusal())
    #expect(message.hasPrefix("inf at element 639, tensor \"2.2.weight\""), "\(message)")
  }

  @Test("Tensors that are missing, unexpected or of another shape are named")
  func tensors() throws {
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

  @Test("Image sizes that whole patches cannot cover are refused")
  func imageSizes() throws {
    let folder = try Folder(golden: "seed-vit")
    #expect(folder.refusal(imageSize: (33, 32))?.hasPrefix("an image size of 33 x 32") == true)
    #expect(folder.refusal(imageSize: (0, 32)) != nil)
    #expect(folder.refusal(imageSize: (65_536, 65_536)) != nil)
    #expect(folder.refusal(imageSize: (48, 40)) == nil)
  }

  @Test("Shards are loaded through their index")
  func shards() throws {
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

  @Test("A folder without a model is refused")
  func missingFiles() {
    #expect(throws: CheckpointError.self) { try Checkpoint.load(path: "/nonexistent") }
    #expect(throws: CheckpointError.self) { try Checkpoint.load(path: GoldenFiles.path("gguf")) }
  }

  @Test("Presets have their published numbers of parameters")
  func presets() {
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
    // OpenAI's CLIP: 87,849,216 in the image half. The random models have biases everywhere, and the class token has its
    // position added.
    #expect(FloatModel.random(.clipBase32).parameterCount == 87_849_216 + 768 - 768 + 512)
    // The seed implementation's own table leaves out its class token and positions, 152,064 numbers.
    #expect(parameters(.seedViT) == 86_415_592 + 152_064 - 768)
  }
}
