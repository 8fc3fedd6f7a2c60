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
    allAgree = checksumsAgree() && allAgree
    if !allAgree { exit_with_failure() }
    print("all kernels equal, \(InstructionSet.fastest.name) is the fastest")
  }

  /// Compares the checksum that the processor's instructions give with the definition.
  static func checksumsAgree() -> Bool {
    let bytes = (0..<1500).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ $0 &>> 3) }
    var agree = true
    for length in [0, 63, 127, 128, 129, 191, 192, 1023, 1400] {
      for first in 0..<17 {
        let part = bytes.span.bytes.extracting(first..<first + length)
        agree = agree && CRC32.checksum(of: part) == CRC32.portableChecksum(of: part)
      }
    }
    print("checksums \(agree ? "equal" : "DIFFERENT")\(vq_find_crc32_fold() == nil ? ", portable" : "")")
    return agree
  }

  /// Whether the table has kernels for this architecture.
  static func hasKernels(_ set: InstructionSet) -> Bool {
    vq_find_instruction_set(set.index)?.pointee.kernels != nil
  }
}
