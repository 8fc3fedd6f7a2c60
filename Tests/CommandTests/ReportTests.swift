import Foundation
import TestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite
@testable import vit_quant

@Suite("vit-quant report")
struct ReportTests {
  private static let arguments = [
    "report", TestModels.fashion, TestModels.fashionInt8, "--data", TestModels.fashionTest, "--samples", "40",
  ]

  private func report(_ arguments: String...) throws -> Program.Outcome {
    try Program.run(Self.arguments + arguments)
  }

  /// A golden model, and the int8 model that its own values make of it.
  private func golden(_ name: String, in scratch: Scratch) throws -> (model: String, values: String, int8: String) {
    let (model, values) = TestModels.golden(name)
    let int8 = scratch.path("\(name).gguf")
    let outcome = try Program.run("calibrate", model, "--data", values, "--output", int8)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return (model, values, int8)
  }

  @Test("JSON has every key of the interface")
  func json() throws {
    let outcome = try report("--json", "-")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try outcome.json
    let keys = [
      "samples", "labelled", "fp32_top1", "int8_top1", "top1_drop", "fp32_top5", "int8_top5", "agreement",
      "logit_sqnr_db", "logit_cosine", "kl_divergence", "token_sqnr_db", "token_cosine",
    ]
    for key in keys { #expect(json[key]?.double != nil, "\(key)") }
    #expect(json["samples"]?.int == 40)
    #expect(json["labelled"]?.int == 40)
    #expect(json["logit_sqnr_db"]?.double ?? 0 > 20)
    #expect(json["agreement"]?.double ?? 0 > 0.9)
    let layers = try #require(json["layers"]?.array)
    let parts = ["attn_qkv", "attn", "attn_out", "ffn_up", "ffn_down"]
    let blocks = (0..<6).flatMap { block in parts.map { "blk.\(block).\($0)" } + ["blk.\(block)"] }
    #expect(layers.map { $0["name"]?.string } == ["patch_embd"] + blocks + ["output_norm", "output"])
    for layer in layers { for key in ["sqnr_db", "cosine", "max_abs_error"] { #expect(layer[key]?.double != nil) } }
    let noise = layers.compactMap { $0["noise_share"]?.double }
    #expect(noise.count == 32)
    #expect(abs(noise.reduce(0, +) - 1) < 1e-9)
    #expect(json["disagreements"]?.array != nil)
    #expect(json["verdict"]?.string != nil)
    #expect(json["data"]?["calibration_images"]?.int == 0)
  }

  @Test("JSON is what its schema says, with and without a head and labels")
  func schema() throws {
    let path = Repository.path("docs/report.schema.json")
    let schema = try JSONSchema(parsing: MappedFile.contents(of: path, limit: 1 << 20))
    #expect(schema.problems(of: try report("--json", "-").json).isEmpty)
    let scratch = try Scratch()
    for name in ["hf-dinov2", "timm-vit"] {
      let golden = try golden(name, in: scratch)
      let outcome = try Program.run(
        "report", golden.model, golden.int8, "--data", golden.values, "--json", "-", "--layer-samples", "0")
      let json = try outcome.json
      #expect(schema.problems(of: json).isEmpty, "\(name)")
      #expect(json["data"]?["calibration_images"] == json["samples"])
      #expect(json["layers"]?.array?.allSatisfy { $0["alone_db"] == .null || $0["name"]?.string == "output" } == true)
    }
    let broken = try JSON(parsing: Array("{\"version\": \"2\"}".utf8))
    #expect(!schema.problems(of: broken).isEmpty)
  }

  @Test("The report does not depend on the number of threads")
  func threads() throws {
    #expect(try report("--json", "-", "--threads", "1").output == report("--json", "-", "--threads", "3").output)
  }

  @Test("Keys that mean nothing for a model without a head are null")
  func nullKeys() throws {
    let scratch = try Scratch()
    let golden = try golden("hf-dinov2", in: scratch)
    let outcome = try Program.run("report", golden.model, golden.int8, "--data", golden.values, "--json", "-")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try outcome.json
    for key in ["fp32_top1", "int8_top1", "top1_drop", "agreement", "logit_sqnr_db", "logit_cosine", "kl_divergence"] {
      #expect(json[key] == .null, "\(key)")
    }
    #expect(json["labelled"]?.int == 0)
    #expect(json["token_sqnr_db"]?.double ?? 0 > 20)
    #expect(json["pooled_cosine"]?.double ?? 0 > 0.99)
    #expect(json["neighbour_agreement"]?.double != nil)
    for key in ["mcnemar_p", "agreement_interval"] { #expect(json[key] == .null, "\(key)") }
  }

  @Test("Gates decide the exit status")
  func gates() throws {
    let passed = try report("--fail-under", "agreement=0.5", "--fail-over", "top1_drop=50")
    #expect(passed.status == 0)
    let failed = try report("--fail-under", "agreement=1.5", "--fail-under=logit_sqnr_db=1000")
    #expect(failed.status == 1)
    #expect(failed.errors.contains("agreement"))
    #expect(failed.errors.contains("logit_sqnr_db"))
    #expect(failed.errors.contains("2 gates failed: "))
    #expect(try report("--fail-over", "samples=39").status == 1)
  }

  @Test("A comparison with a baseline names what got worse")
  func baseline() throws {
    let scratch = try Scratch()
    let path = scratch.path("old.json")
    #expect(try report("--json", path).status == 0)
    #expect(try report("--baseline", path).status == 0)
    // The same report as if the model had once been better in one layer.
    let text = try String(contentsOf: scratch.url("old.json"), encoding: .utf8)
    let old = try JSON(parsing: Array(text.utf8))
    let layer = try #require(old["layers"]?.array?.first { $0["name"]?.string == "blk.2.ffn_up" })
    let sqnr = try #require(layer["own_db"]?.double)
    let better = text.replacingOccurrences(of: "\(sqnr)", with: "\(sqnr + 15)")
    let worse = try report("--baseline", scratch.write(better, to: "better.json"), "--junit", scratch.path("gates.xml"))
    #expect(worse.status == 1)
    #expect(worse.errors.contains("a gate failed: own_db of layer blk.2.ffn_up"))
    #expect(worse.errors.contains(/dB, worse by more than [0-9.]+ dB, compared with/))
    #expect(!worse.errors.contains("blk.3"))
    let junit = try String(contentsOf: scratch.url("gates.xml"), encoding: .utf8)
    #expect(junit.contains("failures=\"1\""))
    #expect(junit.contains("<failure message=\"own_db of layer blk.2.ffn_up went from"))
    try XMLParserCheck.expectWellFormed(junit)
    let noReport = try report("--baseline", scratch.write("{}", to: "empty.json"))
    #expect(noReport.status == 3)
  }

  @Test("A baseline of other images or of another model is refused")
  func otherBaseline() throws {
    let scratch = try Scratch()
    #expect(try report("--json", scratch.path("old.json"), "--layer-samples", "0").status == 0)
    let text = try String(contentsOf: scratch.url("old.json"), encoding: .utf8)
    let json = try JSON(parsing: Array(text.utf8))
    let digest = try #require(json["data"]?["digest"]?.string)
    let model = try #require(json["model"]?["fp32_sha256"]?.string)
    let changes = [
      ("\"samples\": 40", "\"samples\": 41", "41 images"), (digest, "0123456789abcdef", "other images"),
      (model, "abc", "another float model"), ("\"version\": 2", "\"version\": 99", "version 99"),
    ]
    for (found, replacement, word) in changes {
      let path = try scratch.write(text.replacingOccurrences(of: found, with: replacement), to: "other.json")
      let outcome = try report("--baseline", path, "--layer-samples", "0")
      #expect(outcome.status == 3)
      #expect(outcome.errors.contains(word), "\(outcome.errors)")
    }
  }

  @Test("Single layers and classes have gates")
  func partGates() throws {
    let passed = try report(
      "--fail-under", "layers.blk.2.ffn_up.own_db=20", "--fail-under", "layers.*.sqnr_db=10", "--fail-over",
      "classes.*.top1_drop=100", "--fail-over", "classes.T-shirt/top.top1_drop=100")
    #expect(passed.status == 0, "\(passed.errors)")
    let failed = try report(
      "--fail-under", "layers.blk.2.ffn_up.own_db=150", "--fail-under", "classes.Bag.int8_top1=1.5")
    #expect(failed.status == 1)
    #expect(failed.errors.contains("layers.blk.2.ffn_up.own_db is"))
    #expect(failed.errors.contains("classes.Bag.int8_top1 is"))
    let unknown = try report("--fail-under", "layers.blk.99.ffn_up.own_db=1")
    #expect(unknown.status == 2)
    #expect(unknown.errors.contains("blk.5.ffn_up"))
    #expect(Gate("layers.own_db=1") == nil)
    #expect(Gate("layers.blk.0.colour=1") == nil)
  }

  @Test("A layer that the baseline does not have is named, not passed over")
  func baselineWithoutLayer() throws {
    let scratch = try Scratch()
    #expect(try report("--json", scratch.path("old.json")).status == 0)
    let text = try String(contentsOf: scratch.url("old.json"), encoding: .utf8)
    let renamed = text.replacingOccurrences(of: "\"name\": \"blk.2\"", with: "\"name\": \"block.2\"")
    let outcome = try report("--baseline", scratch.write(renamed, to: "renamed.json"))
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("no layer blk.2:"))
  }

  @Test("Every figure is a gate, and the help names it")
  func figures() throws {
    let help = try Program.run("report", "--help").output
    for figure in ReportFigures.summary {
      #expect(Gate("\(figure.key)=0.5")?.key == figure.key)
      #expect(help.contains(figure.key))
    }
    #expect(Gate("layers=1") == nil)
    #expect(Gate("agreement=nan") == nil)
  }

  @Test("The HTML page loads nothing from elsewhere")
  func page() throws {
    let scratch = try Scratch()
    let outcome = try report("--html", scratch.path("drift.html"))
    #expect(outcome.status == 0)
    let page = try String(contentsOf: scratch.url("drift.html"), encoding: .utf8)
    #expect(page.contains("<svg"))
    #expect(page.contains("blk.5.ffn_down"))
    #expect(page.contains("prefers-color-scheme: dark"))
    #expect(page.contains("data:image/png;base64,"))
    for outside in ["http://", "https://", "<script", "<link", "@import", "url("] { #expect(!page.contains(outside)) }
    #expect(try scratch.contents == ["drift.html"])
  }

  @Test("The page of a small model without a head has a chart of its size, and a row for each neighbour that changed")
  func smallPage() throws {
    let scratch = try Scratch()
    let golden = try golden("hf-dinov2", in: scratch)
    var random = SplitMix64(seed: 3)
    let image = 3 * 42 * 42
    let values = (0..<24 * image).map { _ in Float(random.next() >> 40) / Float(1 << 23) - 1 }
    try TestModels.write(values: values, shape: [24, 3, 42, 42], labels: nil, to: scratch.path("d.safetensors"))
    let outcome = try Program.run(
      "report", golden.model, golden.int8, "--data", scratch.path("d.safetensors"), "--html",
      scratch.path("drift.html"), "--json", scratch.path("drift.json"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let page = try String(contentsOf: scratch.url("drift.html"), encoding: .utf8)
    #expect(page.contains(/<svg [^>]*style="min-width:[0-9]+px;max-width:[0-9]+px">/))
    #expect(page.contains("patch_embd reads pixels"))
    if page.contains("have another nearest neighbour") {
      let item = try #require(page.firstMatch(of: /<li class="neighbours">(.*?)<\/li>/)?.1)
      #expect(item.split(separator: "<div>").count == 3, "\(item)")
    } else {
      #expect(page.contains("All 24 images keep theirs"))
    }
  }

  @Test("For attention whose rounding causes noise the page recommends 16 bits, as for other layers")
  func attentionAdvice() throws {
    let scratch = try Scratch()
    let golden = try golden("hf-clip-vision", in: scratch)
    let json = try Program.run("report", golden.model, golden.int8, "--data", golden.values, "--json", "-").json
    let causes = json["causes"]?.array?.filter { $0["finding"]?.string?.contains("rounding to 8 bits") == true } ?? []
    #expect(causes.contains { $0["layer"]?.string?.hasSuffix(".attn") == true })
    for cause in causes {
      let layer = try #require(cause["layer"]?.string)
      #expect(cause["advice"]?.string?.contains("--keep \(layer)=int16") == true, "\(cause)")
    }
  }

  @Test("Labels come from class folders and from label files")
  func labels() throws {
    let scratch = try Scratch()
    for (index, name) in ["t-shirt_top", "ankle boot", "Bag"].enumerated() {
      _ = try scratch.makeFolder("folders/\(name)")
      try TestModels.grayImage(seed: UInt64(index)).write(to: scratch.url("folders/\(name)/image.pgm"))
    }
    _ = try scratch.makeFolder("list")
    try TestModels.grayImage().write(to: scratch.url("list/a, b.pgm"))
    try TestModels.grayImage().write(to: scratch.url("list/c.pgm"))
    _ = try scratch.write("label,file\r\n9,\"a, b.pgm\"\r\n\"T-shirt/top\",c.pgm\r\n", to: "list/labels.csv")
    for (folder, count) in [("folders", 3), ("list", 2)] {
      let outcome = try Program.run(
        "report", TestModels.fashion, TestModels.fashionInt8, "--data", scratch.path(folder), "--json", "-")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try outcome.json["labelled"]?.int == count)
    }
  }
}

/// Foundation's parser, for texts that other programs must be able to read.
private enum XMLParserCheck {
  static func expectWellFormed(_ text: String) throws {
    let parser = XMLParser(data: Data(text.utf8))
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
  }
}
