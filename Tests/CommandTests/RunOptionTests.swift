import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("vit-quant run: names of classes, and what the model sees")
struct RunOptionTests {
  private let scratch: Scratch
  private let image: String

  init() throws {
    scratch = try Scratch()
    // Larger than the model's 28 x 28, so that it is resized.
    let pixels = (0..<40 * 50).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) }
    try Data(Array("P5\n50 40\n255\n".utf8) + pixels).write(to: scratch.url("image.pgm"))
    image = scratch.path("image.pgm")
  }

  private func labels(_ text: String) throws -> String { try scratch.write(text, to: "labels.txt") }

  @Test("Names of the classes come from a file", arguments: ["\n", "\r\n"])
  func names(_ newline: String) throws {
    let path = try labels((0..<10).map { "name \($0)" }.joined(separator: newline) + newline)
    let outcome = try Program.run("run", TestModels.fashionInt8, image, "--labels", path, "--json", "--top-k", "10")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let top = try #require(try outcome.json["top"]?.array)
    #expect(top.count == 10)
    for entry in top { #expect(try entry["label"]?.string == "name \(#require(entry["index"]?.int))") }
  }

  @Test("report calls the classes by the names of a file, those of class folders too")
  func report() throws {
    let path = try labels((0..<10).map { "name \($0)" }.joined(separator: "\n"))
    _ = try scratch.makeFolder("data")
    _ = try scratch.makeFolder("data/name_3")
    try TestModels.grayImage().write(to: scratch.url("data/name_3/a.pgm"))
    let outcome = try Program.run(
      "report", TestModels.fashion, TestModels.fashionInt8, "--data", scratch.path("data"), "--labels", path, "--json",
      "-", "--layer-samples", "0")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let classes = try #require(try outcome.json["classes"]?.array)
    #expect(classes.count == 1)
    #expect(classes.first?["name"]?.string == "name 3")
    #expect(classes.first?["index"]?.int == 3)
  }

  @Test("A list of names that is not the model's is refused")
  func wrongNames() throws {
    let nine = try labels(String(repeating: "a\n", count: 9))
    let run = ["run", TestModels.fashionInt8, image, "--labels"]
    try Program.expectRefusal(run + [nine], status: 3, naming: ["9 lines", nine, "expected 10"])
    let empty = try labels("a\n\n" + String(repeating: "a\n", count: 8))
    try Program.expectRefusal(run + [empty], status: 3, naming: ["an empty line", "line 2 of \(empty)"])
    try Data([0xFF, 0xFE, 0x0A]).write(to: scratch.url("binary"))
    try Program.expectRefusal(run + [scratch.path("binary")], status: 3, naming: ["not UTF-8", "binary"])
    try Program.expectRefusal(run + [scratch.path("none")], status: 3, naming: [scratch.path("none")])
    let golden = TestModels.golden("hf-dinov2")
    try Program.expectRefusal(
      ["run", golden.model, golden.values, "--labels", nine], status: 2, naming: ["--labels", "a model with a head"])
  }

  @Test("What the model sees gives the same result as the image that it was made of")
  func picture() throws {
    let seen = scratch.path("seen.png")
    let outcome = try Program.run("run", TestModels.fashionInt8, image, "--json", "--show-preprocessing", seen)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let size = try Data(contentsOf: scratch.url("seen.png")).dropFirst(16).prefix(8)
    #expect(Array(size) == [0, 0, 0, 28, 0, 0, 0, 28])
    let again = try Program.run("run", TestModels.fashionInt8, seen, "--json")
    #expect(again.status == 0, "\(again.errors)")
    #expect(try again.json["logits_crc32"]?.int == outcome.json["logits_crc32"]?.int)
    let float = try Program.run("run", TestModels.fashion, image, "--show-preprocessing", scratch.path("float.png"))
    #expect(float.status == 0, "\(float.errors)")
    #expect(try Data(contentsOf: scratch.url("float.png")) == Data(contentsOf: scratch.url("seen.png")))
  }

  @Test("No picture is made of several images, of values, or over an input")
  func noPicture() throws {
    let run = ["run", TestModels.fashionInt8]
    let seen = scratch.path("seen.png")
    try Program.expectRefusal(
      run + [image, image, "--show-preprocessing", seen], status: 2, naming: ["--show-preprocessing", "2 images"])
    try Program.expectRefusal(
      run + [image, "--show-preprocessing", image], status: 2, naming: ["--show-preprocessing is also INPUT"])
    try Program.expectRefusal(
      run + [image, "--output", seen, "--show-preprocessing", seen], status: 2, naming: [seen, "a file of its own"])
    let values = scratch.path("values.safetensors")
    try TestModels.write(values: [Float](repeating: 0.5, count: 784), shape: [1, 1, 28, 28], to: values)
    try Program.expectRefusal(
      run + [values, "--show-preprocessing", seen], status: 3, naming: ["normalised already", values])
    #expect(try !scratch.contents.contains("seen.png"))
  }
}
