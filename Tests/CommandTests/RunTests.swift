import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("vit-quant run")
struct RunTests {
  @Test(
    "A float model writes what other implementations compute",
    arguments: ["seed-vit", "timm-vit", "hf-vit", "hf-dinov2", "hf-dinov2-registers"])
  func floatOutputs(_ name: String) throws {
    let golden = TestModels.golden(name)
    let scratch = try Scratch()
    let outcome = try Program.run(
      "run", golden.model, golden.values, "--hidden-states", "--output", scratch.path("o.safetensors"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let (expected, got) = (
      try SafetensorsFile(path: golden.values), try SafetensorsFile(path: scratch.path("o.safetensors"))
    )
    for tensor in expected.header.tensors where tensor.name != "pixel_values" {
      #expect(got[tensor.name]?.shape == tensor.shape, "\(tensor.name)")
      let (a, b) = (try expected.floats(tensor.name), try got.floats(tensor.name))
      let largest = a.map(\.magnitude).max() ?? 0
      let error = zip(a, b).map { abs($0 - $1) }.max() ?? 0
      #expect(error <= 1e-4 * largest, "\(tensor.name)")
    }
  }

  @Test("JSON has one object for each input")
  func json() throws {
    let outcome = try Program.run("run", TestModels.fashionInt8, TestModels.fashionSamples, "--json", "--top-k", "3")
    #expect(outcome.status == 0)
    let lines = try outcome.jsonLines
    let names = try FileManager.default.contentsOfDirectory(atPath: TestModels.fashionSamples)
    #expect(lines.count == names.count { $0.hasSuffix(".png") })
    for line in lines {
      #expect(line.members?.map(\.key) == ["input", "top", "latency_ms", "logits_crc32"])
      let top = try #require(line["top"]?.array)
      #expect(top.count == 3)
      #expect(top.allSatisfy { $0["index"]?.int != nil && $0["label"]?.string != nil })
      let scores = top.compactMap { $0["score"]?.double }
      #expect(scores == scores.sorted(by: >) && scores.allSatisfy { (0...1).contains($0) })
      #expect(line["latency_ms"]?.double ?? 0 > 0)
      #expect(line["logits_crc32"]?.int != nil)
    }
  }

  @Test("Checksums are equal for every choice of instruction set and number of threads")
  func checksums() throws {
    func checksums(_ arguments: String...) throws -> [Int?] {
      let outcome = try Program.run(["run", TestModels.fashionInt8, TestModels.fashionSamples, "--json"] + arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try outcome.jsonLines.map { $0["logits_crc32"]?.int }
    }
    let expected = try checksums("--isa", "portable", "--threads", "1")
    #expect(Set(expected).count > 1)
    #expect(try checksums("--isa", "auto", "--threads", "1") == expected)
    #expect(try checksums("--threads", "3") == expected)
    // One image: the threads share it.
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: TestModels.fashionSamples).filter { $0.hasSuffix(".png") }
        .min())
    let alone = try Program.run(
      "run", TestModels.fashionInt8, "\(TestModels.fashionSamples)/\(name)", "--json", "--threads", "2")
    #expect(try alone.jsonLines.first?["logits_crc32"]?.int == expected.first)
  }

  @Test("An image is read from standard input")
  func standardInput() throws {
    let scratch = try Scratch()
    let image = TestModels.grayImage()
    try image.write(to: scratch.url("image.pgm"))
    let piped = try Program.run(["run", TestModels.fashionInt8, "-", "--json"], input: image)
    let read = try Program.run("run", TestModels.fashionInt8, scratch.path("image.pgm"), "--json")
    #expect(piped.status == 0 && read.status == 0)
    #expect(try piped.json["input"]?.string == "-")
    #expect(try piped.json["logits_crc32"]?.int == read.json["logits_crc32"]?.int)
  }

  @Test("Pixels and their normalized values give the same integers")
  func normalizedValues() throws {
    let scratch = try Scratch()
    var generator = SplitMix64(seed: 1)
    let pixels = (0..<2 * 784).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let values = pixels.map { Float((Double($0) / 255 - 0.286) / 0.353) }
    try TestModels.write(images: pixels, shape: [2, 1, 28, 28], to: scratch.path("images.safetensors"))
    try TestModels.write(values: values, shape: [2, 1, 28, 28], to: scratch.path("values.safetensors"))
    let checksums = try ["images", "values"].map { name in
      try Program.run("run", TestModels.fashionInt8, scratch.path("\(name).safetensors"), "--json").jsonLines
        .map { $0["logits_crc32"]?.int }
    }
    #expect(checksums[0].count == 2)
    #expect(checksums[0] == checksums[1])
  }

  @Test("People see class names, and no colors where the output is a file")
  func text() throws {
    let outcome = try Program.run("run", TestModels.fashion, TestModels.fashionSamples, "--top-k", "1")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("Ankle boot"))
    #expect(!outcome.output.contains("\u{1B}"))
    #expect(outcome.errors.isEmpty)
  }

  @Test("An unreadable image among others ends the run without an output file")
  func unreadableImage() throws {
    let scratch = try Scratch()
    _ = try scratch.makeFolder("images")
    try TestModels.grayImage().write(to: scratch.url("images/a.pgm"))
    _ = try scratch.write("damaged", to: "images/b.pgm")
    let outcome = try Program.run(
      "run", TestModels.fashionInt8, scratch.path("images"), "--json", "--output", scratch.path("o.safetensors"))
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("b.pgm"))
    #expect(try outcome.jsonLines.count == 1)
    #expect(try scratch.contents == ["images"])
  }
}
