import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Families of checkpoints")
struct FamilyTests {
  private func configuration(
    _ json: JSON, shapes: [String: [Int]] = [:]
  ) throws(ConfigurationError) -> CheckpointConfiguration {
    try CheckpointConfiguration(ConfigurationFile(json: json, path: "config.json")) { shapes[$0] }
  }

  @Test("Each row is found by its name, and a refusal lists them all")
  func names() throws {
    #expect(Set(Family.all.map(\.name)).count == Family.all.count)
    for family in Family.all { #expect(Family(named: family.name)?.name == family.name) }
    let supported = Family.all.map { "\"\($0.name)\"" }.joined(separator: ", ")
    #expect(
      throws: ConfigurationError.unsupported(
        key: "model_type", found: "\"cait\"", supported: supported, path: "config.json")
    ) { try configuration(["model_type": "cait"]) }
  }

  @Test("docs/bring-your-own-model.md lists each row")
  func documents() throws {
    let path = Repository.path("docs/bring-your-own-model.md")
    let text = String(decoding: try MappedFile.contents(of: path, limit: 1 << 20), as: UTF8.self)
    let table = text.split(separator: "\n").filter { $0.hasPrefix("|") }
    let rows = Family.all.map { "| `\($0.name)` | \($0.title) |" }
    #expect(table.dropFirst(2).map(String.init) == rows)
  }

  @Test("A family that a model file names decides nothing: any string runs, to the same bits")
  func provenance() throws {
    let example = try IntegerModelCase.golden("seed-vit")
    var quantized = try example.quantized()
    let expected = try IntegerModel(quantized.bytes)
    quantized.configuration.family = "a family of 2031"
    let renamed = try IntegerModel(quantized.bytes)
    #expect(renamed.configuration.family == "a family of 2031")
    let pixels = example.pixels(expected)[0]
    #expect(
      try InferenceSession(model: renamed).run(pixels).logits == InferenceSession(model: expected).run(pixels).logits)
  }

  @Test("A tensor of timm's registers may be of any extent beside a zero", arguments: [Int.max, .max - 1, 1025])
  func hugeRegisters(_ extent: Int) {
    let shapes = [
      "patch_embed.proj.weight": [64, 3, 16, 16], "reg_token": [1, extent, 0], "pos_embed": [1, .max, 0],
    ]
    #expect(throws: ConfigurationError.self) {
      try configuration(["architecture": "vit_tiny_patch16_224"], shapes: shapes)
    }
  }

  @Test("timm's registers are counted up to the limit")
  func manyRegisters() throws {
    let shapes = ["patch_embed.proj.weight": [192, 3, 16, 16], "reg_token": [1, 1024, 192]]
    #expect(try configuration(["architecture": "vit_tiny_patch16_224"], shapes: shapes).registers == 1024)
  }

  @Test("timm's crop share may not ask for images beyond the limit")
  func hugeResize() throws {
    func preprocessing(_ share: Double) throws(ConfigurationError) -> Preprocessing? {
      try PreprocessingParser.timm(
        ConfigurationFile(json: ["input_size": [3, 1024, 1024], "crop_pct": .double(share)], path: "config.json"),
        channels: 3
      )?.preprocessing
    }
    #expect(try preprocessing(1.0 / 64)?.resize == .shortestEdge(65_536))
    #expect(throws: ConfigurationError.self) { try preprocessing(1.0 / 65) }
  }
}
