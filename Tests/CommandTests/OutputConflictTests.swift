import Foundation
import LibC
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("An output is no input")
struct OutputConflictTests {
  private let scratch: Scratch
  private let model: String
  private let float: String
  private let data: String

  init() throws {
    scratch = try Scratch()
    model = scratch.path("model.gguf")
    try FileManager.default.copyItem(atPath: TestModels.fashionInt8, toPath: model)
    float = scratch.path("float")
    try FileManager.default.createDirectory(atPath: float, withIntermediateDirectories: true)
    for name in ["model.safetensors", "config.json", "preprocessor_config.json"] {
      try FileManager.default.copyItem(atPath: "\(TestModels.fashion)/\(name)", toPath: "\(float)/\(name)")
    }
    data = try scratch.makeFolder("data")
    try TestModels.grayImage().write(to: scratch.url("data/a.pgm"))
    _ = try scratch.makeFolder("data/inner")
    try TestModels.grayImage().write(to: scratch.url("data/inner/b.pgm"))
    #expect(link(model, scratch.path("hard.gguf")) == 0)
    #expect(symlink("model.gguf", scratch.path("soft.gguf")) == 0)
    #expect(symlink(".", scratch.path("here")) == 0)
    #expect(symlink("later", scratch.path("dangling")) == 0)
  }

  /// Nothing in the folder changes.
  private func expectRefused(_ arguments: [String], naming words: [String]) throws {
    let before = try state()
    try Program.expectRefusal(arguments, status: 2, naming: words)
    #expect(try state() == before)
  }

  private func state() throws -> [String: Data] {
    let files = try FileManager.default.subpathsOfDirectory(atPath: scratch.path(""))
    return Dictionary(
      uniqueKeysWithValues: files.map { ($0, FileManager.default.contents(atPath: scratch.path($0)) ?? Data()) })
  }

  @Test("run refuses to write over its model and its images, however they are spelled")
  func run() throws {
    let image = data + "/a.pgm"
    for output in [model, "hard.gguf", "soft.gguf", "here/model.gguf", "./data/../model.gguf"] {
      let path = output.hasPrefix("/") ? output : scratch.path(output)
      try expectRefused(["run", model, image, "--output", path], naming: ["--output is also MODEL", path])
    }
    try expectRefused(["run", model, image, "--output", image], naming: ["--output is also INPUT"])
    try expectRefused(["run", model, data, "--output", data + "/inner/b.pgm"], naming: ["INPUT", "b.pgm"])
    try expectRefused(["run", float, image, "--output", float + "/config.json"], naming: ["MODEL", "config.json"])
    try expectRefused(
      ["run", float + "/model.safetensors", image, "--output", float + "/config.json"], naming: ["MODEL"])
  }

  @Test("calibrate refuses to write over its model, its data or its own report")
  func calibrate() throws {
    let calibrate = ["calibrate", float, "--data", data]
    try expectRefused(calibrate + ["--output", float + "/config.json"], naming: ["--output is also MODEL"])
    try expectRefused(calibrate + ["--output", data + "/a.pgm"], naming: ["--output is also --data"])
    let new = scratch.path("new.gguf")
    for report in [new, scratch.path("here/new.gguf")] {
      try expectRefused(calibrate + ["--output", new, "--report", report], naming: ["--report is also --output"])
    }
    try expectRefused(
      calibrate + ["--output", scratch.path("later"), "--report", scratch.path("dangling")],
      naming: ["--report is also --output"])
    try expectRefused(
      ["calibrate", float, "--data", scratch.path("values.safetensors"), "--output", float + "/model.safetensors"],
      naming: ["model.safetensors"])
  }

  @Test("report refuses to write one file twice, or over what it reads")
  func report() throws {
    let report = ["report", float, model, "--data", data]
    let new = scratch.path("drift")
    try expectRefused(report + ["--html", new, "--json", new], naming: ["--json is also --html"])
    try expectRefused(report + ["--json", model], naming: ["--json is also INT8"])
    let old = try scratch.write("{}", to: "old.json")
    try expectRefused(report + ["--json", old, "--baseline", old], naming: ["--json is also --baseline"])
  }

  @Test("A device may be given twice, and an int8 model may be written again beside its float model")
  func allowed() throws {
    let data = try scratch.makeFolder("plain")
    try TestModels.grayImage().write(to: scratch.url("plain/a.pgm"))
    let twice = try Program.run("report", float, model, "--data", data, "--html", "/dev/null", "--json", "/dev/null")
    #expect(twice.status == 0, "\(twice.errors)")
    for _ in 0..<2 {
      let outcome = try Program.run("calibrate", float, "--data", data, "--output", float + "/int8.gguf", "--quiet")
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
  }
}
