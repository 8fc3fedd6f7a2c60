import Int8Kernels
import Testing

@testable import vit_quant

@Suite("selftest")
struct SelfTestTests {
  @Test("JSON has one object for each instruction set of this machine, and all are equal")
  func json() throws {
    let outcome = try Program.run("selftest", "--json", "--quiet")
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    let lines = try outcome.jsonLines
    #expect(lines.map { $0["isa"]?.string } == InstructionSet.all.filter(\.isPresent).map(\.name))
    for line in lines {
      #expect(line.members?.map(\.key) == ["isa", "cases", "equal", "gops", "peak_gops"])
      #expect(line["equal"]?.bool == true)
      #expect(line["cases"]?.int ?? 0 > 10_000)
      #expect(line["gops"]?.double ?? 0 > 0)
    }
    #expect(lines.first?["peak_gops"]?.isNull == true)
  }

  @Test("People get a table")
  func table() throws {
    let outcome = try Program.run("selftest")
    #expect(outcome.status == 0)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.first?.hasPrefix("Set ") == true)
    let names = lines.dropFirst().map { String($0.prefix { $0 != " " }) }
    #expect(names == InstructionSet.all.filter(\.isPresent).map(\.name))
    #expect(lines.dropFirst().allSatisfy { $0.contains("  yes  ") })
    #expect(outcome.errors.contains("comparing portable"))
  }

  @Test("A kernel that differs is named with its instruction set, and fails the gate")
  func difference() {
    func test(_ differing: [Kernel], peak: Double?) -> SelfTest {
      SelfTest(
        instructionSet: .portable, comparison: ComparisonResult(cases: 1234, differing: differing), productRate: 100,
        peakRate: peak)
    }
    let tests = [test([], peak: nil), test([.matmul, .rowGELU], peak: 400)]
    #expect(SelfTest.problem(in: [tests[0]]) == nil)
    #expect(SelfTest.problem(in: tests)?.contains("matmul, row_gelu of portable") == true)
    #expect(
      SelfTest.table(tests).lines == [
        "Set       Cases  Equal  Gop/s  Of its peak", "portable  1,234  yes    100.0            -",
        "portable  1,234  NO     100.0        25.0%",
      ])
    #expect(tests[1].json["equal"]?.bool == false && tests[1].json["peak_gops"]?.double == 400)
  }
}

@Suite("Choice of an instruction set")
struct InstructionSetChoiceTests {
  private func choose(
    _ verdicts: [InstructionSet.Verdict]
  ) -> (instructionSet: InstructionSet, warnings: [String], asked: Int) {
    let sets = Array(InstructionSet.all.prefix(verdicts.count))
    var asked = 0
    let choice = InstructionSetChoice.fastest(of: sets) { set in
      asked += 1
      return sets.firstIndex(of: set).map { verdicts[$0] } ?? .unavailable
    }
    return (choice.instructionSet, choice.warnings, asked)
  }

  @Test("It is the last that is equal; those before it are not compared")
  func fastest() {
    let choice = choose([.equal, .equal, .equal, .unavailable])
    #expect(choice.instructionSet == InstructionSet.all[2])
    #expect(choice.warnings.isEmpty)
    #expect(choice.asked == 2)
  }

  @Test("One whose kernel differs is passed over, with a warning that names both")
  func passedOver() throws {
    let choice = choose([.equal, .equal, .differs(kernel: .packKeysFixed), .unavailable])
    #expect(choice.instructionSet == InstructionSet.all[1])
    #expect(choice.warnings.count == 1)
    let warning = try #require(choice.warnings.first)
    #expect(warning.contains("instruction set \(InstructionSet.all[2].name),") && warning.contains("pack_keys_fixed"))
  }

  @Test("What is asked for by name and differs is refused, and the kernel named; what is not there, too")
  func refusals() {
    let set = InstructionSet.all[1]
    #expect(InstructionSetChoice.problem(with: set, .equal) == nil)
    #expect(InstructionSetChoice.problem(with: set, .unavailable)?.contains("not on this machine") == true)
    let problem = InstructionSetChoice.problem(with: set, .differs(kernel: .rowExp2))
    #expect(problem?.contains("row_exp2") == true && problem?.contains(set.name) == true)
  }
}
