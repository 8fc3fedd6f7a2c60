import CKernels
import Testing

@testable import Int8Kernels

@Suite("Instruction sets")
struct InstructionSetTests {
  /// Those of this machine that have kernels in C.
  static let present = InstructionSet.all.filter { $0.isPresent && $0 != .portable }

  @Test("Names are the table's, each once, and lead back to their rows")
  func names() {
    let names = InstructionSet.all.map(\.name)
    #expect(names.first == "portable" && names.count > 1)
    #expect(Set(names).count == names.count && !names.contains(""))
    for set in InstructionSet.all {
      #expect(InstructionSet(name: set.name) == set)
      #expect("\(set)" == set.name)
    }
    #expect(InstructionSet(name: "auto") == nil && InstructionSet(name: "") == nil)
  }

  @Test("Those that are available can be used, and portable always is one")
  func availability() {
    #expect(InstructionSet.available.first == .portable)
    #expect(InstructionSet.fastest == InstructionSet.available.last)
    for set in InstructionSet.all {
      #expect(set.isAvailable == (set.kernels != nil))
      #expect(set.isAvailable == (set.verdict == .equal))
    }
  }

  @Test("Those that are present are equal to portable; the others are unavailable, and have no peak either")
  func verdicts() {
    for set in InstructionSet.all {
      #expect(set.verdict == (set.isPresent ? .equal : .unavailable), "\(set)")
      // A verdict is remembered.
      #expect(set.verdict == set.verdict)
      if !set.isPresent { #expect(set.runPeakLoop(rounds: 1) == nil) }
    }
  }

  @Test("An index outside of the table is no instruction set, and remembers nothing")
  func outside() {
    for index in [Int32(-1), Int32(InstructionSet.all.count), .max, .min] {
      #expect(vq_find_instruction_set(index) == nil)
      vq_remember_verdict(index, 1)
      #expect(vq_known_verdict(index) == 0)
    }
  }

  @Test("Every instruction set gives the portable integers, and touches nothing else", arguments: Kernel.allCases)
  func equalInGuardedMemory(kernel: Kernel) {
    for set in Self.present {
      guard let table = set.table else { continue }
      var comparison = KernelComparison<GuardedMemory>(of: table, with: Kernels.portable.table)
      let isEqual = comparison.compare(kernel, on: .quick) && comparison.compare(kernel, on: .thorough)
      #expect(isEqual, "\(set)")
      #expect(comparison.cases > 100)
    }
  }

  @Test("The comparison for the user counts what it compared")
  func comparisonForTheUser() throws {
    for set in InstructionSet.all {
      let result = set.compareThoroughly()
      #expect((result != nil) == set.isPresent)
      guard let result else { continue }
      #expect(result.differing.isEmpty, "\(set)")
      #expect(result.cases > 10_000)
    }
  }
}
