import Foundation
import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite
@testable import vit_quant

@Suite("vit-quant calibrate")
struct CalibrateTests {
  @Test("The same seed gives the same file for any number of threads")
  func reproducibility() throws {
    let scratch = try Scratch()
    func calibrate(_ name: String, _ arguments: String...) throws -> Data {
      let outcome = try Program.run(
        [
          "calibrate", TestModels.fashion, "--data", TestModels.fashionCalibration, "--samples", "16", "--output",
          scratch.path(name),
        ] + arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try Data(contentsOf: scratch.url(name))
    }
    let first = try calibrate("a.gguf", "--threads", "1")
    #expect(try calibrate("b.gguf", "--threads", "2") == first)
    #expect(try calibrate("c.gguf", "--seed", "1") != first)
    #expect(try calibrate("d.gguf", "--activations", "static", "--observer", "mse", "--no-smoothing") != first)
    #expect(try scratch.contents == ["a.gguf", "b.gguf", "c.gguf", "d.gguf"])
  }

  @Test("A report is written beside the model, and few samples are noted")
  func report() throws {
    let scratch = try Scratch()
    let outcome = try Program.run(
      "calibrate", TestModels.fashion, "--data", TestModels.fashionSamples, "--output", scratch.path("m.gguf"),
      "--report", scratch.path("r.html"), "--samples", "2")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("only 2 samples"))
    #expect(try scratch.contents == ["m.gguf", "r.html"])
  }
}

@Suite("vit-quant verify")
struct VerifyTests {
  @Test("A whole model passes, and a damaged one fails")
  func damage() throws {
    #expect(try Program.run("verify", TestModels.fashionInt8).status == 0)
    let scratch = try Scratch()
    let whole = try Data(contentsOf: URL(filePath: TestModels.fashionInt8))
    var generator = SplitMix64(seed: 3)
    let reader = try MappedFile(path: TestModels.fashionInt8).withBytes { try GGUFReader(parsing: $0) }
    for _ in 0..<20 {
      var damaged = whole
      let range = reader.dataOffset..<whole.count
      let offset = range.lowerBound + Int(generator.next() % UInt64(range.count))
      damaged[offset] ^= 1 << UInt8(generator.next() % 8)
      try damaged.write(to: scratch.url("damaged.gguf"))
      try Program.expectRefusal(["verify", scratch.path("damaged.gguf")], status: 1, naming: ["damaged.gguf"])
    }
    for length in [0, 3, 100, reader.dataOffset, whole.count - 1] {
      try whole.prefix(length).write(to: scratch.url("short.gguf"))
      try Program.expectRefusal(["verify", scratch.path("short.gguf")], status: 1, naming: ["short.gguf"])
    }
  }

  @Test("A damaged model runs only when asked not to verify it, and only where its structure is whole")
  func damagedRun() throws {
    let scratch = try Scratch()
    let whole = try Data(contentsOf: URL(filePath: TestModels.fashionInt8))
    let path = scratch.path("damaged.gguf")
    let photo = TestModels.fashionSamples + "/00-ankle-boot.png"
    var damaged = whole
    damaged[whole.count / 2] ^= 4
    try damaged.write(to: scratch.url("damaged.gguf"))
    try Program.expectRefusal(["run", path, photo], status: 3, naming: ["damaged.gguf", "checksum"])
    try Program.expectRefusal(
      ["run", path, photo, "--memory-limit", "64M"], status: 3, naming: ["damaged.gguf", "checksum"])
    #expect(try Program.run("run", path, photo, "--no-verify").status == 0)
    #expect(try Program.run("inspect", path).status == 0)
    try Program.expectRefusal(["bench", path], status: 3, naming: ["damaged.gguf"])
    try whole.dropLast().write(to: scratch.url("damaged.gguf"))
    try Program.expectRefusal(["run", path, photo, "--no-verify"], status: 3, naming: ["damaged.gguf"])
    try Program.expectRefusal(
      ["run", TestModels.fashion, photo, "--no-verify"], status: 2, naming: ["--no-verify", "int8"])
  }

  @Test("A file that cannot be read is bad input")
  func unreadableFile() throws {
    try Program.expectRefusal(["verify", "/nowhere.gguf"], status: 3, naming: ["/nowhere.gguf"])
    try Program.expectRefusal(["verify", "/"], status: 3, naming: ["a folder, /", "an int8 model"])
  }
}

@Suite("vit-quant inspect")
struct InspectTests {
  @Test("The seed preset has the layer table of the seed implementation")
  func seedLayers() throws {
    let expected = try String(
      contentsOfFile: Repository.path("Tests/CommandTests/Fixtures/seed-vit-summary.txt"), encoding: .utf8)
    let outcome = try Program.run("inspect", "--preset", "seed-vit", "--layers")
    #expect(outcome.status == 0)
    let (rows, wanted) = (outcome.output.split(separator: "\n"), expected.split(separator: "\n"))
    // A heading, a rule, 174 rows, a rule, the total.
    #expect(rows.prefix(178) == wanted.prefix(178))
    #expect(rows[177] == "Total params: 86,415,592")
    #expect(outcome.output.contains("152,064"))
  }

  @Test(
    "The parameters of layers and of what they leave out add up to those of the file",
    arguments: [
      "seed-vit", "timm-vit", "timm-vit-avgpool", "timm-vit-reg-layerscale", "hf-vit", "hf-deit-distilled", "hf-dinov2",
      "hf-dinov2-registers",
    ])
  func parameterCounts(_ name: String) throws {
    let model = TestModels.golden(name).model
    let outcome = try Program.run("inspect", model, "--layers", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let file = try SafetensorsFile(path: model + "/model.safetensors")
    let json = try outcome.json
    #expect(json["parameters"]?.int == file.header.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) })
    let rows = try #require(json["layers"]?["rows"]?.array)
    #expect(json["layers"]?["total_parameters"]?.int == rows.reduce(0) { $0 + ($1["parameters"]?.int ?? 0) })
    #expect(json["tensors"]?.array?.count == file.header.tensors.count)
  }

  @Test("An int8 model shows its tensors and its memory")
  func int8Model() throws {
    let outcome = try Program.run("inspect", TestModels.fashionInt8, "--json")
    #expect(outcome.status == 0)
    let json = try outcome.json
    #expect(json["kind"]?.string == "int8")
    #expect(json["configuration"]?["width"]?.int == 128)
    #expect(json["memory_plan"]?["arena_bytes"]?.int ?? 0 > 0)
    #expect(json["labels"]?.array?.count == 10)
    #expect(try Program.run("inspect", TestModels.fashionInt8).output.contains("blk.*.ffn_up.weight"))
  }

  @Test("A plan is drawn: every buffer with its name and size, as XML", arguments: ["fast", "lean"])
  func memoryMap(plan: String) throws {
    let scratch = try Scratch()
    let path = scratch.url("map.svg").path(percentEncoded: false)
    let outcome = try Program.run("inspect", TestModels.fashionInt8, "--plan", plan, "--memory-map", path, "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let svg = try String(contentsOfFile: path, encoding: .utf8)
    let buffers = try #require(try outcome.json["memory_plan"]?["buffers"]?.array)
    for buffer in buffers where buffer["bytes"]?.int ?? 0 > 0 {
      let name = try #require(buffer["name"]?.string)
      #expect(svg.contains("<title>\(name): \(NumberText.grouped(buffer["bytes"]?.int ?? 0)) bytes at"), "\(name)")
    }
    #expect(svg.components(separatedBy: "<rect").count - 1 == buffers.count { $0["bytes"]?.int ?? 0 > 0 })
    #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    #expect(svg.contains("prefers-color-scheme: dark"))
  }

  @Test("A float model has no plan to draw")
  func noMemoryMap() throws {
    let outcome = try Program.run("inspect", TestModels.fashion, "--memory-map", "/nowhere/map.svg")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("--memory-map"))
  }
}

@Suite("vit-quant bench")
struct BenchTests {
  private static let keys = [
    "model", "isa", "threads", "runs", "latency_ms", "throughput_images_per_s", "load_ms", "peak_rss_bytes",
    "arena_bytes", "weights_bytes", "gemm_gops", "peak_gops", "gemm_peak_fraction", "disturbances",
    "int16_layers",
  ]

  private static let stages = [
    "position_embd", "patches", "patch_embd", "pre_norm", "ln1", "attn_qkv", "attn_pack", "attn_scores", "attn_softmax",
    "attn_values", "attn_combine", "attn_quantize", "attn_out", "ln2", "ffn_up", "ffn_act", "ffn_down", "output_norm",
    "output", "barrier",
  ]

  @Test("JSON has every key of the interface")
  func json() throws {
    let outcome = try Program.run(
      "bench", TestModels.fashionInt8, "--runs", "3", "--warmup", "1", "--threads", "1", "--profile", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try outcome.json
    #expect(json.members?.map(\.key).filter { $0 != "stages" } == Self.keys)
    #expect(json["stages"]?.members?.map(\.key) == Self.stages)
    #expect(json["stages"]?["ffn_up"]?.double ?? 0 > 0)
    #expect(json["latency_ms"]?["median"]?.double ?? 0 > 0)
    #expect(json["peak_rss_bytes"]?.int ?? 0 > 0)
    #expect(json["gemm_gops"]?.double ?? 0 > 0)
    let portable = try Program.run("bench", TestModels.fashionInt8, "--runs", "1", "--isa", "portable", "--json")
    #expect(try portable.json["peak_gops"] == .null)
  }

  @Test("A preset is measured without a file, and leaves none behind")
  func preset() throws {
    let scratch = try Scratch()
    let temporary = try scratch.makeFolder("tmp")
    let outcome = try Program.run(
      ["bench", "--preset", "vit-tiny", "--runs", "1", "--warmup", "0", "--json", "--quiet"],
      environment: ["TMPDIR": temporary])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try outcome.json["model"]?.string == "vit-tiny")
    #expect(try FileManager.default.contentsOfDirectory(atPath: temporary).isEmpty)
  }
}
