import Foundation
import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

#if os(Linux)
  /// What the system accounts is read where `/proc` is.
  @Suite("A memory limit", .serialized)
  struct MemoryLimitTests {
    private func bench(_ arguments: String...) throws -> Program.Outcome {
      try Program.run(["bench", "--preset", "vit-small", "--runs", "2", "--warmup", "1", "--json"] + arguments)
    }

    @Test("The peak of resident memory is under the limit, far below what the model needs without one")
    func peak() throws {
      let free = try bench()
      try #require(free.status == 0, "\(free.errors)")
      let limit = 20_000_000
      let limited = try bench("--memory-limit", "20M")
      try #require(limited.status == 0, "\(limited.errors)")
      let freePeak = try #require(try free.json["peak_rss_bytes"]?.int)
      let limitedPeak = try #require(try limited.json["peak_rss_bytes"]?.int)
      #expect(limitedPeak <= limit)
      #expect(freePeak > limit + 5_000_000)
    }

    @Test("The program's code is mapped so that a page that is touched brings at most 16 KB into memory")
    func pieces() throws {
      let program = try RunningProgram(["run", TestModels.fashionInt8, "-"])
      // Before it reads standard input it has loaded the model.
      try program.wait(until: "syscall") { $0.hasPrefix("0 0x0 ") }
      let maps = program.contents(of: "maps")
      try program.send(TestModels.grayImage())
      #expect(try program.finish().status == 0)
      let code = maps.split(separator: "\n").filter { $0.contains(" r-xp ") && $0.contains("/") }
      #expect(code.count > 100)
      for line in code {
        let ends = line.prefix { $0 != " " }.split(separator: "-").compactMap { Int($0, radix: 16) }
        try #require(ends.count == 2)
        #expect(ends[1] - ends[0] <= 16 << 10, "\(line)")
      }
    }

    @Test("Of a file of images that are read one by one, little is in memory at a time")
    func inputFile() throws {
      let scratch = try Scratch()
      let shape = [24, 1, 1024, 1024]
      let images = [UInt8](repeating: 100, count: shape.reduce(1, *))
      let path = scratch.path("images.safetensors")
      try TestModels.write(images: images, shape: shape, to: path)
      let tensors = try SampleTensors(path: path)
      for index in 0..<tensors.count { _ = try tensors.sample(index) }
      let maps = RunningProgram.contents(ofFile: "/proc/self/smaps")
      let mapping = try #require(maps.range(of: path)).upperBound
      let resident = try #require(maps[mapping...].firstMatch(of: /Rss: +(\d+) kB/)?.1)
      #expect(try #require(Int(resident)) < 8_192)
    }

    @Test("A limit that cannot be met is exit 4 with the smallest that can, and that one is met")
    func tooSmall() throws {
      let refused = try bench("--memory-limit", "1M", "--threads", "1")
      #expect(refused.status == 4)
      let smallest = try #require(refused.errors.firstMatch(of: /expected at least (\d+)M/)?.1)
      let accepted = try bench("--memory-limit", "\(smallest)M", "--threads", "1")
      try #require(accepted.status == 0, "\(accepted.errors)")
      #expect(try #require(try accepted.json["peak_rss_bytes"]?.int) <= #require(Int(smallest)) * 1_000_000)
    }

    @Test("A file that the system has forgotten is read again, with the same results")
    func cold() throws {
      for arguments in [[], ["--memory-limit", "40M"]] {
        let outcome = try Program.run(
          ["bench", TestModels.fashionInt8, "--cold", "--runs", "2", "--profile", "--json"] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.json["latency_ms"]?["min"]?.double ?? 0 > 0)
      }
    }

    @Test("An arena that a limit of the process has no room for is exit 4 with the bytes")
    func addressSpace() throws {
      // 27,000 tokens of a small model: an arena of some 340 MB.
      let example = IntegerModelCase.random(
        IntegerModelCase.configuration { ($0.width, $0.heads, $0.mlpWidth) = (8, 1, 4096) })
      var quantized = try example.quantized()
      quantized.configuration.imageHeight = quantized.configuration.patchSize * 5_400
      quantized.configuration.imageWidth = quantized.configuration.patchSize * 5
      quantized.positions = [Int32](repeating: 0, count: quantized.configuration.tokens * 8)
      let scratch = try Scratch()
      let path = scratch.url("model.gguf").path(percentEncoded: false)
      try quantized.write(to: path)
      // In kilobytes, enough for the program itself.
      let outcome = try Program.run(["bench", path, "--runs", "1", "--threads", "1"], addressSpace: 300_000)
      #expect(outcome.status == 4, "\(outcome.errors)")
      #expect(outcome.errors.contains("expected at most the 307200000 bytes of memory"))
    }

    @Test("A limit, a plan and threads change no result")
    func results() throws {
      func checksums(_ arguments: String...) throws -> [Int?] {
        let outcome = try Program.run(["run", TestModels.fashionInt8, TestModels.fashionSamples, "--json"] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try outcome.jsonLines.map { $0["logits_crc32"]?.int }
      }
      let expected = try checksums()
      #expect(try checksums("--plan", "lean") == expected)
      #expect(try checksums("--memory-limit", "40M", "--threads", "2") == expected)
      #expect(try checksums("--memory-limit", "40M", "--plan", "lean", "--threads", "3") == expected)
    }

    @Test(
      "A float model has neither a plan nor a limit", arguments: [["--plan", "lean"], ["--memory-limit", "100M"]])
    func floatModel(_ arguments: [String]) throws {
      let outcome = try Program.run(["run", TestModels.fashion, TestModels.fashionSamples] + arguments)
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains(arguments[0]))
    }
  }
#endif
