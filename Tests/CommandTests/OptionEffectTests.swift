import Testing

@testable import vit_quant

@Suite("Options and usage lines")
struct OptionEffectTests {
  @Test(
    "An option without effect is refused with what it needs",
    arguments: [
      (["calibrate", "m", "--data", "d", "-o", "o", "--observer", "mse"], ["--observer", "--activations static"]),
      (
        ["calibrate", "m", "--data", "d", "-o", "o", "--observer", "mse", "--activations", "dynamic"],
        ["--observer", "--activations static"]
      ),
      (["calibrate", "--preset", "vit-tiny", "-o", "o", "--report", "r.html"], ["--report", "MODEL and --data"]),
      (["calibrate", "--preset", "vit-tiny", "-o", "o", "--skip-bad"], ["--skip-bad", "MODEL and --data"]),
      (["calibrate", "--preset", "vit-tiny", "-o", "o", "--max-pixels", "9"], ["--max-pixels", "MODEL and --data"]),
      (["report", "f", "i", "--data", "d", "--seed", "1"], ["--seed", "--samples"]),
      (["run", "m", "i", "--hidden-states"], ["--hidden-states", "--output"]),
      (["inspect", "--preset", "vit-tiny", "--plan", "lean"], ["--plan", "int8 model"]),
      (["inspect", "--preset", "vit-tiny", "--memory-map", "m.svg"], ["--memory-map", "int8 model"]),
      (["inspect", "m", "--layers", "--plan", "lean"], ["--plan", "--json"]),
      (["inspect", TestModels.fashion, "--plan", "lean"], ["--plan", "int8 model"]),
      (["run", TestModels.fashion, TestModels.fashionTest, "--isa", "portable"], ["--isa", "int8 model"]),
      (["run", TestModels.fashion, TestModels.fashionTest, "--no-verify"], ["--no-verify", "int8 model"]),
      (
        ["run", TestModels.golden("hf-dinov2").model, TestModels.golden("hf-dinov2").values, "--top-k", "3"],
        ["--top-k", "a model with a head"]
      ),
    ])
  func withoutEffect(_ arguments: [String], _ words: [String]) throws {
    try Program.expectRefusal(arguments, status: 2, naming: words + ["has no effect here", "expected"])
  }

  @Test(
    "A usage line shows what is required",
    arguments: [
      ("demo", ["vit-quant demo [options]"]),
      (
        "calibrate",
        [
          "vit-quant calibrate MODEL --data DATA --output OUT.gguf [options]",
          "vit-quant calibrate --preset NAME --output OUT.gguf [options]",
        ]
      ),
      ("run", ["vit-quant run MODEL INPUT... [options]"]),
      ("report", ["vit-quant report FLOAT INT8 --data DATA [options]"]),
      ("bench", ["vit-quant bench MODEL [options]", "vit-quant bench --preset NAME [options]"]),
      ("inspect", ["vit-quant inspect MODEL [options]", "vit-quant inspect --preset NAME [options]"]),
      ("verify", ["vit-quant verify MODEL"]),
      ("selftest", ["vit-quant selftest [options]"]),
      ("export", ["vit-quant export MODEL --to-safetensors F.safetensors"]),
      ("completions", ["vit-quant completions SHELL"]),
    ])
  func usage(_ name: String, _ lines: [String]) throws {
    #expect(try Command.find(name).specification.usages == lines)
    let page = try Program.run("help", name).output
    #expect(page.contains("Usage: " + lines.joined(separator: "\n       ") + "\n"))
  }

  @Test("vit-quant alone prints a short page that fits a terminal")
  func overview() throws {
    let lines = try Program.run().output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 24)
    #expect(lines.allSatisfy { $0.count <= 107 })
  }
}
