import CEmulation
import CKernels
import Testing

@testable import Int8Kernels

@Suite("The x86-64 kernels, their instructions emulated in plain C, give the portable result")
struct EmulationTests {
  static let tables: [(name: String, table: vq_kernels)] = [
    ("avx2", vq_emulated_kernels_avx2), ("avxvnni", vq_emulated_kernels_avxvnni),
    ("avx512vnni", vq_emulated_kernels_avx512vnni), ("amx", vq_emulated_kernels_amx),
  ]

  @Test("In guarded memory, on the quick and the thorough list", arguments: Kernel.allCases)
  func equalInGuardedMemory(kernel: Kernel) {
    for (name, table) in Self.tables {
      var comparison = KernelComparison<GuardedMemory>(of: table, with: Kernels.portable.table)
      let isEqual = comparison.compare(kernel, on: .quick) && comparison.compare(kernel, on: .thorough)
      #expect(isEqual, "\(name)")
      #expect(comparison.cases > 100)
      expectNoFault(name)
    }
  }

  @Test("Every x86-64 row of the table of instruction sets is emulated")
  func everyRow() {
    #if arch(x86_64)
      let own = InstructionSet.all.filter { vq_find_instruction_set($0.index)?.pointee.kernels != nil }
      #expect(own.map(\.name) == Self.tables.map(\.name))
    #endif
  }
}

/// Fails where an emulated instruction would have ended the program since the last call.
private func expectNoFault(_ name: String) {
  if let fault = vq_emulation_take_fault() { Issue.record("\(name): \(String(cString: fault))") }
}
