import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite
@testable import vit_quant

@Suite("Folders of images")
struct FolderOrderTests {
  @Test(
    "Names are in natural order",
    arguments: [
      ["img1.png", "img2.png", "img10.png"], ["a", "a1", "a01b", "a2", "b"], ["1", "2", "11", "a"],
      ["x9y10", "x9y11", "x10y2"], ["B", "a"], ["img", "img-1", "img1"],
      ["7", "12345678901234567890123", "12345678901234567890124"],
    ])
  func naturalOrder(_ names: [String]) {
    #expect(names.reversed().sorted(by: NaturalOrder.areInOrder) == names)
    for (a, b) in zip(names, names.dropFirst()) { #expect(!NaturalOrder.areInOrder(b, a)) }
    for name in names { #expect(!NaturalOrder.areInOrder(name, name)) }
  }

  @Test("Leading zeros decide last, so that the order is one")
  func leadingZeros() {
    #expect(["a1", "a01", "a001"].sorted(by: NaturalOrder.areInOrder) == ["a001", "a01", "a1"])
  }

  @Test("Results of a folder are in natural order, folders as well")
  func results() throws {
    let scratch = try Scratch()
    for name in ["img10", "img2", "img1", "set10/a", "set9/a"] {
      _ = try scratch.makeFolder("data/" + (name.contains("/") ? String(name.prefix { $0 != "/" }) : ""))
      try TestModels.grayImage().write(to: scratch.url("data/\(name).pgm"))
    }
    let outcome = try Program.run("run", TestModels.fashion, scratch.path("data"), "--json")
    let names = try outcome.jsonLines.compactMap { $0["input"]?.string?.split(separator: "data/").last }
    #expect(names == ["img1.pgm", "img2.pgm", "img10.pgm", "set9/a.pgm", "set10/a.pgm"])
  }

  @Test("Class folders without names of the model's classes are numbered as torchvision does, by the names' bytes")
  func classNumbers() throws {
    let scratch = try Scratch()
    for index in 1...10 {
      _ = try scratch.makeFolder("data/n\(index)")
      try TestModels.grayImage().write(to: scratch.url("data/n\(index)/a.pgm"))
    }
    let configuration = try Checkpoint.load(path: TestModels.fashion).model.configuration
    let data = try DataSet(path: scratch.path("data"), configuration: configuration)
    // n1, n10, n2 ... n9 are 0 ... 9.
    #expect(data.items.map(\.name).last?.hasSuffix("n10/a.pgm") == true)
    #expect(data.labels == [0, 2, 3, 4, 5, 6, 7, 8, 9, 1])
  }

  @Test("Images that a label file does not name, and hidden files, are counted")
  func unlisted() throws {
    let scratch = try Scratch()
    _ = try scratch.makeFolder("data")
    for name in ["a", "b", "c"] { try TestModels.grayImage().write(to: scratch.url("data/\(name).pgm")) }
    _ = try scratch.write("file,label\n./a.pgm,1\n", to: "data/labels.csv")
    _ = try scratch.write("x", to: "data/.DS_Store")
    _ = try scratch.write("x", to: "data/photo.heic")
    let configuration = try Checkpoint.load(path: TestModels.fashion).model.configuration
    let data = try DataSet(path: scratch.path("data"), configuration: configuration)
    #expect(data.items.count == 1 && data.leftOut.unlisted == 2 && data.leftOut.hidden == 1)
    let outcome = try Program.run("run", TestModels.fashion, scratch.path("data"))
    #expect(outcome.errors.contains("1 file of another format (1 .heic)") && outcome.errors.contains("1 hidden entry"))
    #expect(try Program.run("run", TestModels.fashion, scratch.path("data"), "--quiet").errors.isEmpty)
  }

  @Test("A folder without images: what it has instead is counted")
  func noImages() throws {
    let scratch = try Scratch()
    let folder = try scratch.makeFolder("data")
    for name in ["a.heic", "b.heic", "c.txt"] { _ = try scratch.write("x", to: "data/\(name)") }
    for command in [
      ["run", TestModels.fashion, folder],
      ["calibrate", TestModels.fashion, "--data", folder, "--output", scratch.path("o.gguf")],
    ] {
      try Program.expectRefusal(command, status: 3, naming: ["3 files of other formats (2 .heic, 1 .txt)", folder])
    }
  }
}
