import Int8Kernels
import Testing

@testable import vit_quant

@Suite("Command line")
struct CommandLineTests {
  @Test("Help is shown for the program and for each command")
  func help() throws {
    for arguments in [[], ["help"], ["--help"]] {
      let outcome = try Program.run(arguments)
      #expect(outcome.status == 0)
      #expect(outcome.output.contains("vit-quant demo"))
    }
    for command in Command.all {
      let name = command.specification.name
      let asked = try Program.run("help", name)
      let option = try Program.run(name, "--help")
      #expect(asked.status == 0 && option.status == 0)
      #expect(asked.output == option.output)
      #expect(asked.output.contains("Example:\n  vit-quant \(name)"))
      #expect(asked.output.split(separator: "\n").allSatisfy { $0.count <= 120 })
    }
  }

  @Test("The version is printed")
  func version() throws {
    let outcome = try Program.run("--version")
    #expect(outcome.status == 0)
    #expect(outcome.output == "vit-quant \(VitQuant.version)\n")
  }

  @Test(
    "A wrong command line is refused with status 2",
    arguments: [
      (["rnu"], ["rnu", "did you mean run?"]),
      (["frobnicate"], ["frobnicate", "calibrate"]),
      (["hlep"], ["did you mean help?"]),
      (["run", "", "i"], ["an empty argument"]),
      (["run", "--treads", "2"], ["--treads", "did you mean --threads?"]),
      (["run"], ["MODEL is missing"]),
      (["run", "model"], ["INPUT is missing"]),
      (["verify", "a", "b"], ["one argument too many", "\"b\""]),
      (["run", "m", "i", "--threads", "0"], ["--threads", "from 1 to"]),
      (["run", "m", "i", "--threads"], ["no value after --threads"]),
      (["run", "m", "i", "--top-k", "--json"], ["no value after --top-k"]),
      (["run", "m", "i", "--json=yes"], ["--json alone"]),
      (["run", "m", "i", "--threads", "1", "--threads", "2"], ["--threads is given twice"]),
      (["run", "m", "i", "--hidden-states"], ["--output"]),
      (["run", "m", "i", "--isa", "mmx"], ["mmx", "avx512vnni"]),
      (["run", "m", "i", "--memory-limit", "much"], ["16MiB"]),
      (["run", "m", "i", "--plan", "small"], ["fast, lean"]),
      (["calibrate", "m", "--data", "d"], ["--output is missing"]),
      (["calibrate", "m", "--output", "o"], ["--data is missing"]),
      (["calibrate", "m", "--data", "d", "--output", "o", "--observer", "best"], ["minmax, percentile, mse, entropy"]),
      (["report", "f", "i"], ["--data is missing"]),
      (["report", "f", "i", "--data", "d", "--fail-under", "speed=1"], ["agreement"]),
      (["report", "f", "i", "--data", "d", "--fail-under", "agreement"], ["KEY=VALUE"]),
      (["bench"], ["--preset"]),
      (["bench", "m", "--preset", "vit-tiny"], ["both"]),
      (["inspect", "--preset", "vit-huge"], ["vit-tiny"]),
      (["help", "run", "bench"], ["one argument too many"]),
    ])
  func wrongUsage(_ arguments: [String], _ words: [String]) throws {
    try Program.expectRefusal(arguments, status: 2, naming: words)
  }

  @Test("An instruction set of another architecture is refused with status 4")
  func foreignInstructionSet() throws {
    let foreign = try #require(InstructionSet.all.first { !$0.isPresent }).name
    try Program.expectRefusal(["run", "m", "i", "--isa", foreign], status: 4, naming: [foreign, "portable"])
    try Program.expectRefusal(
      ["run", "m", "i"], status: 4, naming: [foreign], environment: ["VIT_QUANT_ISA": foreign])
  }

  @Test("A value follows its option after a space or an equals sign")
  func optionValues() throws {
    let specification = RunCommand.command.specification
    let parsed = try ParsedArguments(["--threads=3", "m", "--json", "--", "--odd", "-"], for: specification)
    #expect(parsed[SharedOptions.threads] == 3)
    #expect(parsed[SharedOptions.json])
    #expect(!parsed[SharedOptions.quiet])
    #expect(parsed.operands == ["m", "--odd", "-"])
  }

  @Test(
    "A size in bytes may have a decimal or a binary unit",
    arguments: [
      ("25000000", 25_000_000), ("24M", 24_000_000), ("24mb", 24_000_000), ("16MiB", 16 << 20), ("2Gi", 2 << 30),
      ("", nil), ("M", nil), ("-1", nil), ("1.5M", nil), ("99999999999G", nil), ("12Q", nil),
    ])
  func byteSizes(_ text: String, _ bytes: Int?) {
    #expect(ByteSize.parse(text) == bytes)
  }

  @Test("The nearest word is suggested, if it is near enough")
  func suggestions() {
    #expect(Suggestion.nearest(to: "--ouptut", among: ["--output", "--json"]) == "--output")
    #expect(Suggestion.nearest(to: "--zzzzzzzz", among: ["--output", "--json"]) == nil)
    #expect(Suggestion.distance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
    #expect(Suggestion.distance(Array("ab".utf8), Array("ba".utf8)) == 1)
  }

  @Test("Numbers are written for people")
  func numberText() {
    #expect(NumberText.fixed(3.14159, 2) == "3.14")
    #expect(NumberText.fixed(-0.004, 2) == "0.00")
    #expect(NumberText.fixed(-12.5, 1) == "-12.5")
    #expect(NumberText.fixed(0.05, 2) == "0.05")
    #expect(NumberText.fixed(nil, 2) == "-")
    let shares = [0, 0.0000001, 0.000049, 0.0006, 0.046]
    #expect(shares.map(NumberText.smallPercent) == ["0%", "<0.0001%", "0.0049%", "0.06%", "4.6%"])
    #expect(NumberText.grouped(86_415_592) == "86,415,592")
    #expect(NumberText.grouped(-1_000) == "-1,000")
    #expect(NumberText.grouped(7) == "7")
    #expect(NumberText.bytes(999) == "999 B")
    #expect(NumberText.bytes(1_325_312) == "1.33 MB")
    #expect(NumberText.duration(seconds: 65) == "1:05")
  }
}
