import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Bad input")
struct BadInputTests {
  private let golden = TestModels.golden("hf-vit")

  private func expectBadModel(_ folder: String, naming words: [String]) throws {
    try Program.expectRefusal(["run", folder, golden.values], status: 3, naming: words)
    try Program.expectRefusal(["inspect", folder], status: 3, naming: words)
  }

  @Test("A missing tensor is named")
  func missingTensor() throws {
    let scratch = try Scratch()
    let folder = try TestModels.copy("hf-vit", to: scratch)
    let name = "vit.encoder.layer.1.output.dense.weight"
    try TestModels.rewrite(folder + "/model.safetensors", leavingOut: name)
    try expectBadModel(folder, naming: [name])
  }

  @Test("A tensor of the wrong shape is named with both shapes")
  func tensorShape() throws {
    let scratch = try Scratch()
    let folder = try TestModels.copy("hf-vit", to: scratch)
    try TestModels.rewrite(folder + "/model.safetensors", reshaping: ("classifier.weight", [10, 32]))
    try expectBadModel(folder, naming: ["classifier.weight", "[10, 32]", "[10, 64]"])
  }

  @Test("A number of heads that does not divide the width is named")
  func heads() throws {
    let scratch = try Scratch()
    let folder = try TestModels.copy("hf-vit", to: scratch) { $0["num_attention_heads"] = 7 }
    try expectBadModel(folder, naming: ["num_attention_heads", "7", "64"])
  }

  @Test("An unsupported activation is named with the supported ones")
  func activation() throws {
    let scratch = try Scratch()
    let folder = try TestModels.copy("hf-vit", to: scratch) { $0["hidden_act"] = "relu6" }
    try expectBadModel(folder, naming: ["hidden_act", "relu6", "gelu"])
  }

  @Test("A model that is not there, or is no model, is named")
  func missingModel() throws {
    try expectBadModel("/nowhere/model", naming: ["/nowhere/model"])
    let scratch = try Scratch()
    try expectBadModel(scratch.makeFolder("empty"), naming: ["model.safetensors"])
    try expectBadModel(scratch.write("hello", to: "model.bin"), naming: ["model.bin", ".gguf"])
    try expectBadModel(scratch.write("GG", to: "model.gguf"), naming: ["model.gguf"])
  }

  @Test("An input that is not there, or is no image, is named")
  func missingInput() throws {
    let scratch = try Scratch()
    let empty = try scratch.makeFolder("empty")
    let text = try scratch.write("no image", to: "note.png")
    let model = TestModels.fashion
    try Program.expectRefusal(["run", model, "/nowhere.png"], status: 3, naming: ["/nowhere.png"])
    try Program.expectRefusal(["run", model, empty], status: 3, naming: [empty, "PNG"])
    try Program.expectRefusal(["run", model, text], status: 3, naming: ["note.png", "PNG"])
    try Program.expectRefusal(["run", model, "-"], status: 3, naming: ["standard input"])
  }

  @Test("An empty data folder is named, and nothing is written")
  func emptyData() throws {
    let scratch = try Scratch()
    let empty = try scratch.makeFolder("data")
    try Program.expectRefusal(
      ["calibrate", TestModels.fashion, "--data", empty, "--output", scratch.path("out.gguf")], status: 3,
      naming: [empty, "no images"])
    #expect(try scratch.contents == ["data"])
  }

  @Test("Images of another number of channels are refused")
  func channels() throws {
    let scratch = try Scratch()
    let path = scratch.path("color.safetensors")
    let images = [UInt8](repeating: 7, count: 2 * 3 * 28 * 28)
    try TestModels.write(images: images, shape: [2, 3, 28, 28], to: path)
    try Program.expectRefusal(["run", TestModels.fashion, path], status: 3, naming: ["3 channels", "expected 1"])
    try Program.expectRefusal(
      ["calibrate", TestModels.fashion, "--data", path, "--output", scratch.path("out.gguf")], status: 3,
      naming: ["3 channels", "expected 1"])
    #expect(try scratch.contents == ["color.safetensors"])
  }

  @Test("An image beyond the limit on pixels is refused with the option that sets it")
  func pixelLimit() throws {
    let scratch = try Scratch()
    try TestModels.grayImage().write(to: scratch.url("a.pgm"))
    try Program.expectRefusal(
      ["run", TestModels.fashionInt8, scratch.path("a.pgm"), "--max-pixels", "783"], status: 3,
      naming: ["28 x 28", "a.pgm", "783", "--max-pixels"])
  }

  @Test("A label outside of the classes is named with its sample")
  func labelRange() throws {
    let scratch = try Scratch()
    let path = scratch.path("data.safetensors")
    let images = [UInt8](repeating: 7, count: 2 * 28 * 28)
    try TestModels.write(images: images, shape: [2, 1, 28, 28], labels: [3, 10], to: path)
    try Program.expectRefusal(
      ["report", TestModels.fashion, TestModels.fashionInt8, "--data", path], status: 3,
      naming: ["label 10", "data.safetensors[1]", "0 to 9"])
  }

  @Test("An unknown label or file in a label file is named with its line")
  func labelFile() throws {
    let scratch = try Scratch()
    let folder = try scratch.makeFolder("data")
    try TestModels.grayImage().write(to: scratch.url("data/a.pgm"))
    let report = ["report", TestModels.fashion, TestModels.fashionInt8, "--data", folder]
    _ = try scratch.write("file,label\na.pgm,Cravat\n", to: "data/labels.csv")
    try Program.expectRefusal(report, status: 3, naming: ["Cravat", "line 2", "labels.csv"])
    _ = try scratch.write("file,label\na.pgm,11\n", to: "data/labels.csv")
    try Program.expectRefusal(report, status: 3, naming: ["\"11\"", "0 to 9"])
    _ = try scratch.write("file,label\nb.pgm,1\n", to: "data/labels.csv")
    try Program.expectRefusal(report, status: 3, naming: ["b.pgm", "line 2"])
    _ = try scratch.write("name,class\n", to: "data/labels.csv")
    try Program.expectRefusal(report, status: 3, naming: ["line 1", "file and label"])
  }

  @Test("A class folder whose name is no class is named")
  func classFolder() throws {
    let scratch = try Scratch()
    for name in ["Coat", "Cravat"] {
      _ = try scratch.makeFolder("data/\(name)")
      try TestModels.grayImage().write(to: scratch.url("data/\(name)/a.pgm"))
    }
    try Program.expectRefusal(
      ["report", TestModels.fashion, TestModels.fashionInt8, "--data", scratch.path("data")], status: 3,
      naming: ["Cravat"])
  }

  @Test("A value that is not a number is named with its place")
  func notANumber() throws {
    let scratch = try Scratch()
    let path = scratch.path("data.safetensors")
    var values = [Float](repeating: 0, count: 2 * 784)
    values[1000] = .nan
    try TestModels.write(values: values, shape: [2, 1, 28, 28], to: path)
    try Program.expectRefusal(
      ["calibrate", TestModels.fashion, "--data", path, "--output", scratch.path("out.gguf")], status: 3,
      naming: ["nan", "1000", "pixel_values"])
    #expect(try scratch.contents == ["data.safetensors"])
  }

  @Test("Values of another image size than the int8 model's are refused")
  func imageSize() throws {
    let scratch = try Scratch()
    let path = scratch.path("data.safetensors")
    try TestModels.write(values: [Float](repeating: 0, count: 1024), shape: [1, 1, 32, 32], to: path)
    try Program.expectRefusal(["run", TestModels.fashionInt8, path], status: 3, naming: ["32 x 32", "28 x 28"])
  }

  @Test("Images are refused where nothing says how to normalize them")
  func normalization() throws {
    try Program.expectRefusal(
      ["run", TestModels.golden("timm-vit").model, TestModels.fashionSamples], status: 3,
      naming: ["preprocessor_config.json"])
  }

  @Test("An output that cannot be written is named")
  func output() throws {
    try Program.expectRefusal(
      [
        "calibrate", TestModels.fashion, "--data", TestModels.fashionCalibration, "--samples", "16", "--output",
        "/nowhere/out.gguf",
      ],
      status: 3, naming: ["/nowhere/out.gguf"])
  }

  @Test("Models that do not belong together are refused")
  func mismatchedModels() throws {
    let distilled = TestModels.golden("hf-deit-distilled")
    let scratch = try Scratch()
    let int8 = scratch.path("deit.gguf")
    let made = try Program.run("calibrate", distilled.model, "--data", distilled.values, "--output", int8, "--quiet")
    #expect(made.status == 0, "\(made.errors)")
    try Program.expectRefusal(
      ["report", golden.model, int8, "--data", golden.values], status: 3,
      naming: ["different dimensions", "17 x 64", "18 x 64"])
    try Program.expectRefusal(
      ["report", golden.model, TestModels.fashionInt8, "--data", TestModels.fashionTest], status: 3,
      naming: ["28 x 28", "hf-vit"])
    try Program.expectRefusal(
      ["report", TestModels.fashionInt8, TestModels.fashionInt8, "--data", TestModels.fashionTest], status: 3,
      naming: ["float"])
  }
}
