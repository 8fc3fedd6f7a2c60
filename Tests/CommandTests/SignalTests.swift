#if os(Linux)
  import Foundation
  import Testing

  @testable import Int8Kernels
  @testable import Quant
  @testable import ViTLite

  /// The program while it runs, to be disturbed. What it is in the middle of is read from `/proc`.
  final class RunningProgram {
    let process = Process()
    private let input = Pipe()
    private let scratch: Scratch

    init(_ arguments: [String]) throws {
      scratch = try Scratch()
      process.executableURL = Program.url
      process.arguments = arguments
      for name in ["out", "err"] { try Data().write(to: scratch.url(name)) }
      process.standardInput = input
      process.standardOutput = try FileHandle(forWritingTo: scratch.url("out"))
      process.standardError = try FileHandle(forWritingTo: scratch.url("err"))
      try process.run()
    }

    /// Waits until a file of `/proc` about the process says something.
    func wait(until name: String, _ condition: (String) -> Bool) throws {
      for _ in 0..<3000 {
        if condition(contents(of: name)) { return }
        usleep(10_000)
      }
      Issue.record("the program never came so far")
    }

    /// All of a file of `/proc` about the process.
    func contents(of name: String) -> String { Self.contents(ofFile: "/proc/\(process.processIdentifier)/\(name)") }

    /// All of a file of `/proc`, of which a read gives at most a page; empty where there is none.
    static func contents(ofFile path: String) -> String {
      guard let file = fopen(path, "r") else { return "" }
      defer { fclose(file) }
      var bytes: [UInt8] = []
      while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
      return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits until a signal would be handled.
    func waitUntilHandling(_ signal: Int32) throws {
      try wait(until: "status") { text in
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("SigCgt:") }),
          let mask = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
        else { return false }
        return mask & (1 << UInt64(signal - 1)) != 0
      }
    }

    func send(_ data: Data) throws {
      try input.fileHandleForWriting.write(contentsOf: data)
      try input.fileHandleForWriting.close()
    }

    /// - Returns: the exit status, or nil when a signal ended the process, and what it wrote.
    func finish() throws -> (status: Int32?, output: String, errors: String) {
      process.waitUntilExit()
      let status = process.terminationReason == .exit ? process.terminationStatus : nil
      return (
        status, try String(contentsOf: scratch.url("out"), encoding: .utf8),
        try String(contentsOf: scratch.url("err"), encoding: .utf8)
      )
    }
  }

  @Suite("Signals")
  struct SignalTests {
    @Test(
      "A signal that asks to end leaves nothing behind, with the status that shells give",
      arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
    func ends(_ signal: Int32, _ status: Int32) throws {
      let scratch = try Scratch()
      let output = try scratch.write("old", to: "out.safetensors")
      let program = try RunningProgram(["run", TestModels.fashionInt8, "-", "--output", output])
      try program.waitUntilHandling(signal)
      kill(program.process.processIdentifier, signal)
      #expect(try program.finish().status == status)
      #expect(try scratch.contents == ["out.safetensors"])
      #expect(try String(contentsOfFile: output, encoding: .utf8) == "old")
    }

    @Test("Killed at any moment, an output is the old file or the new one, and nothing else is left")
    func killed() throws {
      let scratch = try Scratch()
      let output = scratch.path("out.safetensors")
      let image = TestModels.fashionSamples + "/23-ankle-boot.png"
      let arguments = ["run", TestModels.fashionInt8, image, "--hidden-states", "--output", output]
      let start = ContinuousClock.now
      #expect(try Program.run(arguments).status == 0)
      let duration = start.duration(to: .now)
      let new = try Data(contentsOf: scratch.url("out.safetensors"))
      let old = Data("old".utf8)
      var generator = SplitMix64(seed: 1)
      for _ in 0..<30 {
        try old.write(to: scratch.url("out.safetensors"))
        let program = try RunningProgram(arguments)
        let moment = Double.random(in: 0...1.2, using: &generator) * (duration / .seconds(1))
        usleep(UInt32(moment * 1e6))
        kill(program.process.processIdentifier, SIGKILL)
        _ = try program.finish()
        let found = try Data(contentsOf: scratch.url("out.safetensors"))
        #expect(found == old || found == new)
      }
      // At most one hidden file after a kill between two system calls; the next run takes it away.
      #expect(try Program.run(arguments).status == 0)
      #expect(try scratch.contents == ["out.safetensors"])
    }

    @Test("A file larger than the limit on files is an error, and the old file stays")
    func fileSizeLimit() throws {
      let scratch = try Scratch()
      let output = try scratch.write("old", to: "out.safetensors")
      let shell = Process()
      shell.executableURL = URL(filePath: "/bin/sh")
      let image = TestModels.fashionSamples + "/23-ankle-boot.png"
      shell.arguments = [
        "-c", "ulimit -f 8; exec \"$0\" \"$@\"", Program.url.path(percentEncoded: false), "run", TestModels.fashionInt8,
        image, "--hidden-states", "--output", output,
      ]
      let errors = Pipe()
      shell.standardOutput = FileHandle.nullDevice
      shell.standardError = errors
      try shell.run()
      let text = try String(decoding: errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      shell.waitUntilExit()
      #expect(shell.terminationReason == .exit && shell.terminationStatus == 3, "\(text)")
      #expect(text.contains("File too large") && text.contains("out.safetensors"))
      #expect(try scratch.contents == ["out.safetensors"])
      #expect(try String(contentsOfFile: output, encoding: .utf8) == "old")
    }

    @Test(
      "A model that is shortened while it is in use is an error with its name, without a result",
      arguments: [[], ["--plan", "lean"], ["--memory-limit", "40M"], ["--threads", "3"]])
    func shortenedModel(_ extra: [String]) throws {
      let scratch = try Scratch()
      let model = scratch.path("model.gguf")
      try FileManager.default.copyItem(atPath: TestModels.fashionInt8, toPath: model)
      let program = try RunningProgram(
        ["run", model, "-", "--output", scratch.path("out.safetensors")] + extra)
      // Before it reads standard input it has loaded the model.
      try program.wait(until: "maps") { $0.contains("model.gguf") }
      try program.wait(until: "syscall") { $0.hasPrefix("0 0x0 ") }
      #expect(truncate(model, 300_000) == 0)
      try program.send(TestModels.grayImage())
      let (status, output, errors) = try program.finish()
      #expect(status == 3, "\(errors)")
      #expect(output.isEmpty)
      // Where weights are copied from the file, reading fails; where they are mapped, the guard tells.
      let isTold = errors.contains("cannot be read") || errors.contains("became shorter")
      #expect(errors.hasPrefix("vit-quant: error: ") && isTold, "\(errors)")
      #expect(try scratch.contents == ["model.gguf"])
    }
  }
#endif
