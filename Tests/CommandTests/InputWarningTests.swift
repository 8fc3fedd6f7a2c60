import Foundation
import LibC
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite
@testable import vit_quant

@Suite("Inputs that are not what they seem")
struct InputWarningTests {
  // MARK: Values that no pixel has

  @Test("Values beyond what pixels can have are counted, told and a row of the report")
  func clippedInputs() throws {
    let scratch = try Scratch()
    // Half of the values as ImageNet's normalisation might leave them; the model's pixels are -0.81 to 2.02.
    var values = (0..<2 * 784).map { Float($0 % 10) / 10 }
    for index in 0..<784 { values[index] = index.isMultiple(of: 2) ? 3 : -2 }
    let wrong = scratch.path("wrong.safetensors")
    try TestModels.write(values: values, shape: [2, 1, 28, 28], to: wrong)
    let run = try Program.run("run", TestModels.fashionInt8, wrong)
    #expect(run.status == 0)
    #expect(run.errors.contains("warning: 50.00% of the input values") && run.errors.contains("wrong.safetensors"))
    let report = try Program.run(
      "report", TestModels.fashion, TestModels.fashionInt8, "--data", wrong, "--json", scratch.path("r.json"))
    #expect(report.errors.contains("50.00% of the input values"))
    #expect(report.output.contains("Clipped inputs"))
    let json = try JSON(parsing: Array(Data(contentsOf: scratch.url("r.json"))))
    #expect(json["clipped_inputs"]?.double == 0.5)
    let gate = try Program.run(
      "report", TestModels.fashion, TestModels.fashionInt8, "--data", wrong, "--fail-over", "clipped_inputs=0.1")
    #expect(gate.status == 1)
    let calibrate = try Program.run(
      "calibrate", TestModels.fashion, "--data", wrong, "--output", scratch.path("o.gguf"))
    #expect(calibrate.status == 0 && calibrate.errors.contains("50.00% of the values"), "\(calibrate.errors)")
  }

  @Test("Values that pixels have are not told")
  func noClippedInputs() throws {
    let report = try Program.run(
      "report", TestModels.fashion, TestModels.fashionInt8, "--data", TestModels.fashionTest, "--samples", "4",
      "--json", "-")
    #expect(report.status == 0 && report.errors.isEmpty)
    #expect(try report.json["clipped_inputs"]?.double == 0)
  }

  // MARK: Values that are not finite

  private let golden = TestModels.golden("timm-vit")

  /// A small model with all tensors of a kind multiplied.
  private func scaled(_ factor: Float, _ name: String, in scratch: Scratch) throws -> String {
    let folder = try scratch.makeFolder("scaled")
    try FileManager.default.copyItem(atPath: "\(golden.model)/config.json", toPath: "\(folder)/config.json")
    let source = try SafetensorsFile(path: golden.model + "/model.safetensors")
    let tensors = source.header.tensors
    try #require(tensors.contains { "\($0.name)".contains(name) })
    var writer = try SafetensorsWriter(
      path: folder + "/model.safetensors",
      tensors: tensors.map { SafetensorsDeclaration(name: "\($0.name)", type: .float32, shape: $0.shape) })
    for tensor in tensors {
      let values = try source.floats(tensor.name)
      try writer.append("\(tensor.name)".contains(name) ? values.map { $0 * factor } : values)
    }
    try writer.commit()
    return folder
  }

  @Test(
    "A float model that gives no finite values is an error, never a result",
    arguments: [("weight", 1e10), ("attn.qkv.weight", 1e30), ("fc2.weight", 1e38)] as [(String, Float)])
  func notFinite(_ tensor: String, _ factor: Float) throws {
    let scratch = try Scratch()
    let model = try scaled(factor, tensor, in: scratch)
    for format in [[], ["--json"]] {
      try Program.expectRefusal(["run", model, golden.values] + format, status: 3, naming: ["NaN or infinity"])
    }
    let int8 = scratch.path("int8.gguf")
    let made = try Program.run("calibrate", golden.model, "--data", golden.values, "--output", int8, "--quiet")
    try #require(made.status == 0)
    try Program.expectRefusal(
      ["report", model, int8, "--data", golden.values], status: 3, naming: ["NaN or infinity"])
    try Program.expectRefusal(
      ["calibrate", model, "--data", golden.values, "--quiet", "--output", scratch.path("o.gguf")], status: 3,
      naming: ["blk."])
    #expect(try scratch.contents == ["int8.gguf", "scaled"])
  }

  @Test(
    "Numbers beyond what calibration can hold are refused with a name, or calibrated; nothing traps",
    arguments: ["norm1.weight", "norm2.weight", "norm.weight", "head.weight", "attn.proj.weight", "fc1.bias"],
    [1e18, 1e30, 1e38, 1e-9, 1e-30, 0] as [Float])
  func extremes(_ tensor: String, _ factor: Float) throws {
    let scratch = try Scratch()
    let model = try scaled(factor, tensor, in: scratch)
    for options in [[], ["--activations", "static", "--no-smoothing"], ["--keep", "output=int16"]] {
      let path = scratch.path("o.gguf")
      let outcome = try Program.run(
        ["calibrate", model, "--data", golden.values, "--quiet", "--output", path] + options)
      #expect([0, 3].contains(outcome.status), "\(outcome.errors)")
      if outcome.status == 0 {
        #expect(try Program.run("verify", path).status == 0)
        try FileManager.default.removeItem(atPath: path)
      } else {
        #expect(outcome.errors.contains("layer ") || outcome.errors.contains("NaN or infinity"), "\(outcome.errors)")
      }
      #expect(try scratch.contents == ["scaled"])
    }
  }

  @Test("Samples of the largest values are calibrated on or refused, and nothing traps", arguments: [3e38, 1e30, 1e20])
  func hugeSamples(_ magnitude: Float) throws {
    let scratch = try Scratch()
    let data = scratch.path("data.safetensors")
    let io = try SampleTensors(path: golden.values)
    let shape = [2, io.channels, io.height, io.width]
    let values = (0..<shape.reduce(1, *)).map { $0.isMultiple(of: 3) ? -magnitude : magnitude }
    try TestModels.write(values: values, shape: shape, to: data)
    for options in [[], ["--activations", "static"], ["--no-smoothing", "--rounding", "nearest"]] {
      let outcome = try Program.run(
        ["calibrate", golden.model, "--data", data, "--output", scratch.path("o.gguf")] + options)
      #expect([0, 3].contains(outcome.status), "\(outcome.errors)")
    }
  }

  // MARK: Files that are no images

  @Test("What a folder holds beside images is counted by kind")
  func leftOutFiles() throws {
    let scratch = try Scratch()
    let folder = try scratch.makeFolder("data")
    try TestModels.grayImage().write(to: scratch.url("data/a.pgm"))
    for name in ["photo.heic", "other.heic", "README"] { _ = try scratch.write("x", to: "data/\(name)") }
    #expect(symlink("nowhere.png", folder + "/broken.png") == 0)
    #expect(mkfifo(folder + "/pipe.png", 0o600) == 0)
    // An image whose name is Latin-1.
    let name = Array("\(folder)/caf".utf8) + [0xE9] + Array(".pgm".utf8) + [0]
    let isMade = name.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { path in
        path.baseAddress.map { link(folder + "/a.pgm", $0) == 0 } ?? false
      }
    }
    try #require(isMade)
    let commands = [
      ["run", TestModels.fashionInt8, folder],
      ["report", TestModels.fashion, TestModels.fashionInt8, "--data", folder],
      ["calibrate", TestModels.fashion, "--data", folder, "--output", scratch.path("o.gguf")],
    ]
    for command in commands {
      let outcome = try Program.run(command)
      #expect(outcome.status == 0, "\(outcome.errors)")
      for words in [
        "1 link to nothing (\(folder)/broken.png)", "1 name that is not UTF-8 (\(folder)/caf\\xE9.pgm)",
        "1 device or pipe (\(folder)/pipe.png)", "3 files of other formats", "2 .heic", "1 without an ending",
      ] { #expect(outcome.errors.contains(words), "\(outcome.errors)") }
    }
  }

  // MARK: Text for terminals

  @Test("Control characters of file names and labels are written out")
  func controlCharacters() throws {
    let scratch = try Scratch()
    let name = "a\u{1B}]0;owned\u{7}\u{9B}31m.pgm"
    try TestModels.grayImage().write(to: scratch.url(name))
    for format in [[], ["--json"]] {
      let outcome = try Program.run(["run", TestModels.fashionInt8, scratch.path(name)] + format)
      #expect(outcome.status == 0)
      #expect(outcome.output.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
      #expect(outcome.output.contains(format.isEmpty ? "a\\u{1B}]0;owned\\u{7}\\u{9B}31m.pgm" : "a\\u001b]0;owned"))
    }
    let missing = try Program.run("run", TestModels.fashionInt8, "/nowhere/\u{1B}[2J.png")
    #expect(missing.errors.contains("/nowhere/\\u{1B}[2J.png") && !missing.errors.contains("\u{1B}"))
    let wrong = try Program.run("run", "--\u{1B}[2J")
    #expect(wrong.status == 2 && !wrong.errors.contains("\u{1B}"))
  }

  @Test("Of a styled text only the program's own sequences are kept")
  func styledText() {
    #expect(TerminalText.escaped("a\tb\u{202E}c\u{85}") == "a\\u{9}b\\u{202E}c\\u{85}")
    let styled = "\u{1B}[1mname \u{1B}[5m\u{1B}[0m\nnext\u{1B}"
    #expect(TerminalText.escapedLines(styled, hasStyles: true) == "\u{1B}[1mname \\u{1B}[5m\u{1B}[0m\nnext\\u{1B}")
    #expect(TerminalText.escapedLines(styled, hasStyles: false) == "\\u{1B}[1mname \\u{1B}[5m\\u{1B}[0m\nnext\\u{1B}")
  }

  @Test("A comparison with NaN is no number, and worse than any")
  func comparisons() throws {
    var comparison = Comparison()
    comparison.add(reference: [1, .nan].span, got: [1, 2].span)
    #expect(comparison.sqnr.isNaN && comparison.cosine.isNaN)
    let figure = try #require(ReportFigures.summary.first { $0.key == "logit_sqnr_db" })
    #expect(figure.isWorse(comparison.sqnr, than: 10, by: 5))
  }
}
