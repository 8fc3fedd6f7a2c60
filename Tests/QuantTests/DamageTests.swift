import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// The damage is the same in every run.
@Suite("Damaged checkpoints")
struct DamageTests {
  @Test("A safetensors header with random damage is read or refused, and never traps")
  func safetensorsHeaders() throws {
    var generator = SplitMix64(seed: 1)
    let file = try MappedFile.contents(of: GoldenFiles.path("hf-vit/io.safetensors"), limit: 1 << 20)
    _ = try unsafe SafetensorsHeader(parsing: file.span.bytes)
    var read = 0
    for _ in 0..<3000 {
      let damaged = file.damaged(within: 0..<400, using: &generator)
      if (try? unsafe SafetensorsHeader(parsing: damaged.span.bytes)) != nil { read += 1 }
    }
    #expect((1..<3000).contains(read))
  }

  @Test(
    "A configuration with random damage is read or refused, and never traps",
    arguments: GoldenFiles.models + GoldenFiles.families)
  func configurations(_ name: String) throws {
    var generator = SplitMix64(seed: 3)
    let path = GoldenFiles.path("\(name)/config.json")
    let text = try MappedFile.contents(of: path, limit: 1 << 20)
    var read = 0
    for _ in 0..<1000 {
      let damaged = text.damaged(within: 0..<text.count, using: &generator)
      guard let json = try? JSON(parsing: damaged), let file = try? ConfigurationFile(json: json, path: path) else {
        continue
      }
      read += 1
      _ = try? CheckpointConfiguration(file) { _ in nil }
      _ = try? PreprocessingParser.huggingFace(file, family: .viT)
    }
    #expect((1..<1000).contains(read))
  }

  /// Every dimension of a configuration at values around its limits, against tensors that stay what they are.
  @Test("Dimensions that the tensors do not have are refused, and never trap")
  func dimensions() throws {
    let path = GoldenFiles.path("hf-dinov2-registers")
    let text = try MappedFile.contents(of: path + "/config.json", limit: 1 << 20)
    let members = try #require(try JSON(parsing: text).members)
    var configurations = 0
    for (index, member) in members.enumerated() where member.value.double != nil {
      for value in [0, 1, 2, 3, 64, 65_536, .max, .min] {
        var changed = members
        changed[index].value = .integer(value)
        let file = try ConfigurationFile(json: .object(changed), path: path)
        guard let configuration = try? CheckpointConfiguration(file, shape: { _ in nil }) else { continue }
        configurations += 1
        var store = try TensorStore(file: path + "/model.safetensors")
        _ = try? FloatModel(configuration, tensors: &store, imageSize: (56, 56))
        _ = try? FloatModel(
          configuration, tensors: &store, imageSize: (configuration.imageHeight, configuration.imageWidth))
      }
    }
    #expect(configurations > 0)
  }
}
