import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Files with random damage are read or refused, but nothing traps. The damage is the same in every run.
@Suite struct DamageTests {
  private static func damaged(_ bytes: [UInt8], within range: Range<Int>, _ generator: inout SplitMix64) -> [UInt8] {
    var bytes = bytes
    let index = Int.random(in: range, using: &generator)
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
    case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 2: bytes.removeSubrange(index..<min(index + Int.random(in: 1...8, using: &generator), bytes.count))
    default:
      let end = min(index + Int.random(in: 1...16, using: &generator), bytes.count)
      bytes.insert(contentsOf: bytes[index..<end], at: Int.random(in: range, using: &generator))
    }
    return bytes
  }

  @Test func safetensorsHeaders() throws {
    var generator = SplitMix64(seed: 1)
    let file = try MappedFile.contents(of: GoldenFiles.path("hf-vit/io.safetensors"), limit: 1 << 20)
    for _ in 0..<3000 {
      let damaged = Self.damaged(file, within: 0..<400, &generator)
      _ = try? unsafe SafetensorsHeader(parsing: damaged.span.bytes)
    }
  }

  @Test func gguf() throws {
    var generator = SplitMix64(seed: 2)
    let file = try MappedFile.contents(of: GoldenFiles.path("gguf/reference.bin"), limit: 1 << 20)
    for _ in 0..<10_000 {
      let damaged = Self.damaged(file, within: 0..<700, &generator)
      _ = try? unsafe GGUFReader(parsing: damaged.span.bytes)
    }
  }

  @Test(arguments: GoldenTests.cases)
  func configurations(_ name: String) throws {
    var generator = SplitMix64(seed: 3)
    let path = GoldenFiles.path("\(name)/config.json")
    let text = try MappedFile.contents(of: path, limit: 1 << 20)
    for _ in 0..<1000 {
      let damaged = Self.damaged(text, within: 0..<text.count, &generator)
      guard let json = try? JSON(parsing: damaged), let file = try? ConfigurationFile(json: json, path: path) else {
        continue
      }
      _ = try? CheckpointConfiguration(file) { _ in nil }
      _ = try? PreprocessingParser.huggingFace(file, family: .viT)
    }
  }

  /// Every dimension of a configuration at values around its limits, against tensors that stay what they are.
  @Test func dimensionsThatTheTensorsDoNotHave() throws {
    let path = GoldenFiles.path("hf-dinov2-registers")
    let text = try MappedFile.contents(of: path + "/config.json", limit: 1 << 20)
    let members = try #require(try JSON(parsing: text).members)
    for (index, member) in members.enumerated() where member.value.double != nil {
      for value in [0, 1, 2, 3, 64, 65_536, .max, .min] {
        var changed = members
        changed[index].value = .integer(value)
        let file = try ConfigurationFile(json: .object(changed), path: path)
        guard let configuration = try? CheckpointConfiguration(file, shape: { _ in nil }) else { continue }
        var store = try TensorStore(file: path + "/model.safetensors")
        _ = try? FloatModel(configuration, tensors: &store, imageSize: (56, 56))
        _ = try? FloatModel(
          configuration, tensors: &store, imageSize: (configuration.imageHeight, configuration.imageWidth))
      }
    }
  }

  @Test func theRealBackboneLoadsWhereItIsThere() throws {
    let path = "\(GoldenFiles.folder)/../../../../shared/vit-s14"
    guard FileKind(of: path) == .folder else { return }
    let checkpoint = try Checkpoint.load(path: path)
    #expect(checkpoint.model.configuration.tokens == 257)
    let reference = FloatReference(checkpoint.model)
    let pixels = [Float](repeating: 0.1, count: 3 * 224 * 224)
    let output = reference.run(pixels, workspace: FloatWorkspace(reference.configuration))
    #expect(FloatConversion.firstNotFinite(output.lastHiddenState) == nil)
  }
}
