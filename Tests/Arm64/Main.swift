import CKernels
import GuardedMemory

/// Compares the kernels of every instruction set of this architecture with the portable ones, in guarded memory; prints
/// a line for each kernel and exits with 1 when one differs. Compiled into one module with the kernels, as Embedded
/// Swift.
@main
struct Arm64Kernels {
  static func main() {
    var allAgree = true
    for set in InstructionSet.all where hasKernels(set) {
      guard let table = set.table else {
        print("\(set.name) is not available")
        continue
      }
      var comparison = KernelComparison<GuardedOperandMemory>(of: table, with: Kernels.portable.table)
      for kernel in Kernel.allCases {
        let agrees = comparison.compare(kernel, on: .quick) && comparison.compare(kernel, on: .thorough)
        print("\(set.name) \(kernel.rawValue) \(agrees ? "equal" : "DIFFERENT")")
        allAgree = allAgree && agrees
      }
      print("\(set.name) \(comparison.cases) comparisons")
      allAgree = allAgree && set.verdict == .equal
    }
    if !allAgree { exit_with_failure() }
    print("all kernels equal, \(InstructionSet.fastest.name) is the fastest")
  }

  /// Whether the table has kernels for this architecture.
  static func hasKernels(_ set: InstructionSet) -> Bool {
    vq_find_instruction_set(set.index)?.pointee.kernels != nil
  }
}
