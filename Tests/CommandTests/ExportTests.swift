import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite
@testable import vit_quant

@Suite("vit-quant export and completions")
struct ExportTests {
  @Test("Weights are written as levels times scales")
  func weights() throws {
    let scratch = try Scratch()
    let (path, modelPath) = (scratch.path("weights.safetensors"), scratch.path("model.gguf"))
    let calibration = try Program.run(
      "calibrate", TestModels.fashion, "--data", TestModels.fashionCalibration, "--samples", "24", "--rotation", "on",
      "--output", modelPath)
    try #require(calibration.status == 0, "\(calibration.errors)")
    let outcome = try Program.run("export", modelPath, "--to-safetensors", path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let file = try SafetensorsFile(path: path)
    let model = try IntegerModel(path: modelPath)
    let rotation = try #require(model.hadamard)
    #expect(file["hadamard.matrix"]?.shape == [rotation.width, rotation.width])
    #expect(try file.floats("hadamard.matrix") == rotation.matrix())
    for name in model.layerNames {
      let weight = try #require(file["\(name).weight"])
      let (scales, weights) = (try file.floats("\(name).scale"), try file.floats("\(name).weight"))
      #expect(weight.shape[0] == scales.count)
      #expect(try file.floats("\(name).bias").count == scales.count)
      for index in weights.indices {
        let level = weights[index] / scales[index / weight.shape[1]]
        let largest: Float = model.wideLayerNames.contains(name) ? 32767 : 127
        #expect(abs(level - level.rounded()) < 0.02 && abs(level.rounded()) <= largest)
        if abs(level - level.rounded()) >= 0.02 { break }
      }
    }
    #expect(file["blk.5.ln2.bias"]?.shape == [model.configuration.width])
    let missing = try Program.run("export", TestModels.fashionInt8)
    #expect(missing.status == 2)
  }

  @Test("Factors of hidden layers are written where there are some, and no rotation where there is none")
  func factors() throws {
    let scratch = try Scratch()
    let exported = scratch.path("weights.safetensors")
    try #require(try Program.run("export", TestModels.fashionInt8, "--to-safetensors", exported).status == 0)
    let (file, model) = (try SafetensorsFile(path: exported), try IntegerModel(path: TestModels.fashionInt8))
    #expect(file["hadamard.matrix"] == nil)
    let factors = (0..<model.configuration.blockCount).map { model.hiddenFactors(block: $0) }
    #expect(factors.contains { $0 != nil })
    for (block, expected) in factors.enumerated() {
      #expect(try file[ModelKey.hiddenFactors(block)].map { try file.floats($0.name) } == expected)
    }
  }

  @Test("Completions name every command and option", arguments: Completions.Kind.allCases)
  func completions(_ kind: Completions.Kind) throws {
    let outcome = try Program.run("completions", kind.rawValue)
    #expect(outcome.status == 0)
    for command in Command.all {
      #expect(outcome.output.contains(command.specification.name))
      for option in command.specification.allOptions {
        let name = String(option.name.dropFirst(2))
        let written = kind == .man ? name.replacingOccurrences(of: "-", with: "\\-") : name
        #expect(outcome.output.contains(written), "\(option.name)")
      }
    }
    let output = kind == .fish ? "-l output -s o" : kind == .man ? "\\fB\\-o\\fR, \\fB\\-\\-output\\fR" : "-o["
    if kind != .bash { #expect(outcome.output.contains(output)) }
    if kind != .man { #expect(outcome.output.contains("bash zsh fish man")) }
    #expect(try Program.run("completions", "tcsh").status == 2)
  }

  @Test(
    "The completions for bash are a script that it accepts and that completes",
    arguments: [
      ("report --ba", "--baseline"), ("completions ''", "bash zsh fish man"), ("help sel", "selftest"),
      ("calibrate --observer m", "minmax mse"), ("completions --q", "--quiet"),
      ("run --plan =", "fast lean"), ("run --plan = l", "lean"), ("run --threads ''", ""),
      ("run -k ''", ""), ("run --labels 'a b'", "a b.txt"),
    ])
  func bash(_ words: String, _ expected: String) throws {
    let scratch = try Scratch()
    let script = try scratch.write(Program.run("completions", "bash").output, to: "completions")
    let folder = try scratch.makeFolder("files")
    _ = try scratch.write("", to: "files/a b.txt")
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [
      "-c",
      "cd \(folder); source \(script); COMP_WORDS=(vit-quant \(words)); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _vit_quant; "
        + "echo \"${COMPREPLY[@]}\"",
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(output == "\(expected)\n")
  }

  @Test("Short forms stand for the options that people type most")
  func shortForms() throws {
    let image = TestModels.fashionSamples + "/23-ankle-boot.png"
    let long = try Program.run("run", TestModels.fashionInt8, image, "--top-k", "2", "--json", "--quiet").json
    let short = try Program.run("run", TestModels.fashionInt8, image, "-k", "2", "--json", "-q").json
    #expect(long["top"] == short["top"])
    #expect(short["top"]?.array?.count == 2)
    #expect(try Program.run("verify", TestModels.fashionInt8, "-k", "2").status == 2)
    #expect(try Program.run("run", "--help").output.contains("-k, --top-k"))
  }

  @Test("A model without a head gives an embedding in JSON")
  func embedding() throws {
    let golden = TestModels.golden("hf-dinov2")
    let line = try #require(try Program.run("run", golden.model, golden.values, "--json").jsonLines.first)
    #expect(line["top"] == nil)
    #expect(line["embedding"]?.array?.isEmpty == false)
  }
}
