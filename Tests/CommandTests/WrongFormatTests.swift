import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Files of other formats")
struct WrongFormatTests {
  private static let pyTorch = "PK\u{3}\u{4}" + String(repeating: "\0", count: 26) + "archive/data.pkl"

  private static let files = [
    ("weights.pth", pyTorch, "a PyTorch checkpoint"), ("noname", pyTorch, "a PyTorch checkpoint"),
    ("model.onnx", "\u{8}\u{8}\u{12}\u{7}pytorch", "an ONNX model"), ("a.gif", "GIF89a", "a GIF image"),
    ("a.tif", "II*\0", "a TIFF image"), ("a.heic", "\0\0\0\u{18}ftypheic", "a HEIC image"),
    ("config.json", "{\"a\": 1}", "a JSON file"),
    ("model.safetensors", "version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
  ]

  @Test("A file of another format is named as model, as image, as data and to verify", arguments: files)
  func named(_ name: String, _ text: String, _ format: String) throws {
    let scratch = try Scratch()
    let path = try scratch.write(text, to: name)
    let golden = TestModels.golden("hf-vit")
    for arguments in [["run", path, golden.values], ["inspect", path]] {
      try Program.expectRefusal(arguments, status: 3, naming: [format, path, "expected", "model.safetensors"])
    }
    try Program.expectRefusal(["verify", path], status: 3, naming: [format, path, ".gguf"])
    try Program.expectRefusal(
      ["calibrate", golden.model, "--data", path, "--output", scratch.path("o.gguf")], status: 3,
      naming: [format, path, "a folder of images", "pixel_values"])
    if !name.hasSuffix(".safetensors") {
      try Program.expectRefusal(
        ["run", TestModels.fashion, path], status: 3, naming: [format, path, "PNG, JPEG"])
    }
    #expect(try scratch.contents == [name])
  }

  @Test("A file of another format is named on standard input")
  func standardInput() throws {
    let outcome = try Program.run(["run", TestModels.fashion, "-"], input: Data("GIF89a".utf8))
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("a GIF image, in standard input"))
  }

  @Test("An image where a model or a folder of images is expected is named")
  func image() throws {
    let scratch = try Scratch()
    try TestModels.grayImage().write(to: scratch.url("photo.pgm"))
    let photo = scratch.path("photo.pgm")
    try Program.expectRefusal(
      ["run", photo, TestModels.fashion], status: 3, naming: ["a Netpbm image", "a model before the images"])
    try Program.expectRefusal(
      ["calibrate", TestModels.fashion, "--data", photo, "--output", scratch.path("o.gguf")], status: 3,
      naming: ["a Netpbm image", photo, "a folder of images"])
    let text = try scratch.write("no image", to: "note.txt")
    try Program.expectRefusal(
      ["calibrate", TestModels.fashion, "--data", text, "--output", scratch.path("o.gguf")], status: 3,
      naming: ["one file", text, "a folder of images"])
  }

  @Test(
    "A folder without model.safetensors: what it has instead is named, and how that is converted",
    arguments: [
      ("pytorch_model.bin", pyTorch, ["\"pytorch_model.bin\"", "torch.load(\"pytorch_model.bin\"", "save_file"]),
      ("net.pt", pyTorch, ["\"net.pt\"", "torch.load(\"net.pt\""]),
      ("it's.pth", pyTorch, ["it's.pth", "torch.load(\"FILE\""]),
      ("model.onnx", "\u{8}\u{8}\u{12}\u{7}pytorch", ["\"model.onnx\"", "an ONNX model", "save_pretrained"]),
      ("pytorch_model.bin.index.json", "{}", ["several files", "save_pretrained"]),
      ("other.safetensors", "\u{2}\0\0\0\0\0\0\0{}", ["\"other.safetensors\"", "its path instead"]),
      ("int8.gguf", "GGUF", ["\"int8.gguf\"", "a float model"]),
      ("notes.txt", "hello", ["no model.safetensors", "config.json and model.safetensors"]),
    ])
  func folder(_ name: String, _ text: String, _ words: [String]) throws {
    let scratch = try Scratch()
    let folder = try scratch.makeFolder("model")
    _ = try scratch.write(text, to: "model/\(name)")
    _ = try scratch.write("{\"model_type\": \"vit\"}", to: "model/config.json")
    for command in [["run", folder, TestModels.golden("hf-vit").values], ["inspect", folder]] {
      try Program.expectRefusal(command, status: 3, naming: [folder, "expected"] + words)
    }
  }

  @Test("Weights without config.json are named with what is missing")
  func configuration() throws {
    let scratch = try Scratch()
    let folder = try TestModels.copy("hf-vit", to: scratch)
    try FileManager.default.removeItem(atPath: folder + "/config.json")
    for path in [folder, folder + "/model.safetensors"] {
      try Program.expectRefusal(["inspect", path], status: 3, naming: ["no config.json", folder, "expected"])
    }
  }

  @Test("What verify cannot check is bad input, and what is damaged fails the check")
  func verify() throws {
    let golden = TestModels.golden("hf-vit")
    for path in [golden.model, golden.model + "/model.safetensors", "/nowhere.gguf"] {
      try Program.expectRefusal(["verify", path], status: 3, naming: [path, "an int8 model (.gguf)"])
    }
    let scratch = try Scratch()
    for text in ["", "GGUF", "HGUF and more", "BM", "{\"a\": 1}"] {
      let path = try scratch.write(text, to: "damaged.gguf")
      try Program.expectRefusal(["verify", path], status: 1, naming: [path])
    }
  }

  @Test("What cannot be opened is named with what would be valid")
  func unreadable() throws {
    let scratch = try Scratch()
    let path = scratch.path("absent.json")
    try Program.expectRefusal(
      ["report", "f", "i", "--data", "d", "--baseline", path], status: 3,
      naming: ["cannot open", path, "expected a file that can be read"])
    try Program.expectRefusal(
      ["calibrate", "m", "--data", "d", "--output", "/nowhere/o.gguf"], status: 3,
      naming: ["cannot open", "/nowhere/o.gguf", "expected a place that can be written"])
  }
}
