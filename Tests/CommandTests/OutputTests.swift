import Foundation
import LibC
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Outputs")
struct OutputTests {
  /// Images as `images` of a safetensors file.
  private func data(_ count: Int, in scratch: Scratch) throws -> String {
    var generator = SplitMix64(seed: 1)
    let pixels = (0..<count * 784).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let path = scratch.path("images-\(count).safetensors")
    try TestModels.write(images: pixels, shape: [count, 1, 28, 28], to: path)
    return path
  }

  @Test("The results of many images are the results of each", arguments: [TestModels.fashion, TestModels.fashionInt8])
  func rows(_ model: String) throws {
    let scratch = try Scratch()
    let (five, one) = (try data(5, in: scratch), try data(1, in: scratch))
    for data in [five, one] {
      let output = data + ".out"
      let outcome = try Program.run("run", model, data, "--hidden-states", "--output", output, "--threads", "2")
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let (all, first) = (try SafetensorsFile(path: five + ".out"), try SafetensorsFile(path: one + ".out"))
    #expect(all.header.tensors.map(\.name) == first.header.tensors.map(\.name))
    #expect(all["logits"]?.shape == [5, 10])
    for tensor in first.header.tensors {
      let (rows, row) = (try all.floats(tensor.name), try first.floats(tensor.name))
      #expect(rows.count == 5 * row.count)
      #expect(Array(rows[..<row.count]) == row, "\(tensor.name)")
    }
  }

  @Test("A pipe gets the same bytes as a file")
  func pipe() throws {
    let scratch = try Scratch()
    let data = try data(3, in: scratch)
    let arguments = ["run", TestModels.fashionInt8, data, "--hidden-states", "--output"]
    #expect(try Program.run(arguments + [scratch.path("file")]).status == 0)
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments =
      ["-c", "\"$0\" \"$@\" 3>&1 >/dev/null | cat >\"$TARGET\"", Program.url.path(percentEncoded: false)] + arguments
      + ["/dev/fd/3"]
    shell.environment = ["TARGET": scratch.path("piped"), "PATH": "/bin:/usr/bin"]
    try shell.run()
    shell.waitUntilExit()
    #expect(try Data(contentsOf: scratch.url("piped")) == Data(contentsOf: scratch.url("file")))
  }

  @Test("Bad images among others: the first ends the run, or all are named, counted and left out", arguments: [1, 3])
  func badImages(_ threads: Int) throws {
    let scratch = try Scratch()
    _ = try scratch.makeFolder("images")
    for index in 0..<6 { try TestModels.grayImage(seed: UInt64(index)).write(to: scratch.url("images/\(index).pgm")) }
    _ = try scratch.write("damaged", to: "images/1.pgm")
    _ = try scratch.write("damaged", to: "images/4.pgm")
    let run = [
      "run", TestModels.fashionInt8, scratch.path("images"), "--json", "--hidden-states", "--threads", "\(threads)",
    ]
    let stopped = try Program.run(run + ["--output", scratch.path("o.safetensors")])
    #expect(stopped.status == 3)
    #expect(stopped.errors.contains("1.pgm") && stopped.errors.contains("image 2 of 6"))
    #expect(try scratch.contents == ["images"])
    let skipped = try Program.run(run + ["--output", scratch.path("o.safetensors"), "--skip-bad"])
    #expect(skipped.status == 0, "\(skipped.errors)")
    #expect(skipped.errors.contains("1.pgm") && skipped.errors.contains("4.pgm"))
    #expect(skipped.errors.contains("left out 2 of 6 images"))
    #expect(try skipped.jsonLines.count == 4)
    // The file is the one that the good images alone give.
    for name in ["1", "4"] { try FileManager.default.removeItem(at: scratch.url("images/\(name).pgm")) }
    #expect(try Program.run(run + ["--output", scratch.path("good.safetensors")]).status == 0)
    let (got, expected) = try (
      SafetensorsFile(path: scratch.path("o.safetensors")), SafetensorsFile(path: scratch.path("good.safetensors"))
    )
    #expect(got.header.tensors.map(\.shape) == expected.header.tensors.map(\.shape))
    for tensor in expected.header.tensors {
      #expect(try got.floats(tensor.name) == expected.floats(tensor.name), "\(tensor.name)")
    }
    for index in [0, 2, 3, 5] { _ = try scratch.write("damaged", to: "images/\(index).pgm") }
    let none = try Program.run(run + ["--skip-bad", "--output", scratch.path("none.safetensors")])
    #expect(none.status == 3 && none.errors.contains("no image that can be read"))
    #expect(try scratch.contents == ["good.safetensors", "images", "o.safetensors"])
  }

  @Test("That a model does not say how images are prepared is the fault of no image", arguments: [[], ["--skip-bad"]])
  func noPreprocessing(_ options: [String]) throws {
    let scratch = try Scratch()
    _ = try scratch.makeFolder("model")
    _ = try scratch.makeFolder("images")
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(atPath: "\(TestModels.fashion)/\(name)", toPath: scratch.path("model/\(name)"))
    }
    for index in 0..<2 { try TestModels.grayImage(seed: UInt64(index)).write(to: scratch.url("images/\(index).pgm")) }
    let calibrate = ["calibrate", scratch.path("model"), "--data", scratch.path("images")]
    let outcome = try Program.run(calibrate + ["--output", scratch.path("o.gguf")] + options)
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("the model does not say how pixels are normalised"), "\(outcome.errors)")
    for text in ["skip-bad", "image 1", "left out"] { #expect(!outcome.errors.contains(text), "\(outcome.errors)") }
  }

  @Test("Calibration and report go on without bad images where they may")
  func badSamples() throws {
    let scratch = try Scratch()
    _ = try scratch.makeFolder("images")
    for index in 0..<4 { try TestModels.grayImage(seed: UInt64(index)).write(to: scratch.url("images/\(index).pgm")) }
    _ = try scratch.write("damaged", to: "images/0.pgm")
    let calibrate = [
      "calibrate", TestModels.fashion, "--data", scratch.path("images"), "--output", scratch.path("out.gguf"),
    ]
    let stopped = try Program.run(calibrate)
    #expect(stopped.status == 3 && stopped.errors.contains("image 1 of 4"))
    #expect(try scratch.contents == ["images"])
    let skipped = try Program.run(calibrate + ["--skip-bad", "--report", scratch.path("out.html")])
    #expect(skipped.status == 0 && skipped.errors.contains("left out 1 of 4"), "\(skipped.errors)")
    #expect(try scratch.contents == ["images", "out.gguf", "out.html"])
    let report = try Program.run(
      "report", TestModels.fashion, scratch.path("out.gguf"), "--data", scratch.path("images"), "--json", "-",
      "--skip-bad")
    #expect(report.status == 0)
    #expect(try report.json["samples"]?.int == 3)
  }

  @Test("When the report of a calibration cannot be written, the old model stays")
  func bothOrNeither() throws {
    let scratch = try Scratch()
    let model = try scratch.write("old", to: "model.gguf")
    // Unlike a missing folder, a full device is found only when the report is written.
    try Program.expectRefusal(
      [
        "calibrate", TestModels.fashion, "--data", TestModels.fashionCalibration, "--samples", "16", "--quiet",
        "--output", model, "--report", "/dev/full",
      ], status: 3, naming: ["/dev/full"])
    #expect(try String(contentsOfFile: model, encoding: .utf8) == "old")
    #expect(try scratch.contents == ["model.gguf"])
  }

  /// Peak resident memory of a run.
  private func peak(_ arguments: [String]) throws -> Int {
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    let read = """
      "$0" "$@" >/dev/null & pid=$!; p=0
      while s=$(grep VmHWM /proc/$pid/status 2>/dev/null); do p=$s; done; echo $p
      """
    shell.arguments = ["-c", read, Program.url.path(percentEncoded: false)] + arguments
    let output = Pipe()
    shell.standardOutput = output
    try shell.run()
    let text = try String(decoding: output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    shell.waitUntilExit()
    return try #require(Int(text.split(separator: " ").dropFirst().first ?? ""), "\(text)") * 1024
  }

  #if os(Linux)
    @Test("The memory of a run does not grow with the number of images, hidden states included")
    func memory() throws {
      let scratch = try Scratch()
      let (few, many) = (try data(20, in: scratch), try data(400, in: scratch))
      let model = TestModels.fashionInt8
      func run(_ data: String) throws -> Int {
        try peak(["run", model, data, "--hidden-states", "--output", scratch.path("o"), "--json", "--threads", "2"])
      }
      let (first, second) = (try run(few), try run(many))
      // 380 images have 87 MB of hidden states, and 0.3 MB of pixels that are mapped.
      let size = try #require(try FileManager.default.attributesOfItem(atPath: scratch.path("o"))[.size] as? Int)
      #expect(size > 80_000_000)
      #expect(second - first < 4_000_000, "\(first) and \(second) bytes")
    }

    @Test("The memory of a report does not grow with the number of images")
    func reportMemory() throws {
      let scratch = try Scratch()
      let (few, many) = (try data(20, in: scratch), try data(200, in: scratch))
      func run(_ data: String) throws -> Int {
        try peak([
          "report", TestModels.fashion, TestModels.fashionInt8, "--data", data, "--json", "-", "--threads", "2",
        ])
      }
      let (first, second) = (try run(few), try run(many))
      #expect(second - first < 4_000_000, "\(first) and \(second) bytes")
    }
  #endif
}
