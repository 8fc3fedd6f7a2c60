import CKernels

extension InstructionSet {
  /// Whether the kernels of an instruction set can be relied on.
  package enum Verdict: Sendable, Equatable {
    /// This build or this machine does not have them.
    case unavailable
    /// They gave the portable kernels' integers on the quick list of cases.
    case equal
    /// One of them did not, so none is used.
    case differs(kernel: Kernel)
  }

  /// What the comparison with the portable kernels found.
  ///
  /// The first call compares, which takes a fraction of a millisecond; later calls return what it found. Two threads
  /// that make the first call at the same time both compare, and find the same. The portable kernels need no
  /// comparison.
  package var verdict: Verdict {
    guard self != .portable else { return .equal }
    guard let table else { return .unavailable }
    if let known = Verdict(code: vq_known_verdict(index)) { return known }
    let verdict = Self.verdict(on: table)
    vq_remember_verdict(index, verdict.code)
    return verdict
  }

  /// Compares a table with the portable one on the quick list, up to the first kernel that differs.
  static func verdict(on table: vq_kernels) -> Verdict {
    var comparison = KernelComparison<ExactMemory>(of: table, with: Kernels.portable.table)
    for kernel in Kernel.allCases where !comparison.compare(kernel, on: .quick) { return .differs(kernel: kernel) }
    return .equal
  }

  /// Compares the kernels with the portable ones on the thorough list, which takes about a second.
  ///
  /// The portable kernels are compared with themselves, which shows whether this machine computes the same twice.
  ///
  /// - Returns: nil where the instruction set is not present.
  package func compareThoroughly() -> ComparisonResult? {
    guard let table else { return nil }
    var comparison = KernelComparison<ExactMemory>(of: table, with: Kernels.portable.table)
    let differing = Kernel.allCases.filter { !comparison.compare($0, on: .thorough) }
    return ComparisonResult(cases: comparison.cases, differing: differing)
  }
}

/// What the comparison of a whole table found.
package struct ComparisonResult: Sendable, Equatable {
  /// Single comparisons: one kernel called once on each side. For a kernel that differs there are fewer, since its
  /// comparison ends at the first difference.
  package var cases: Int
  package var differing: [Kernel]

  package init(cases: Int, differing: [Kernel]) {
    self.cases = cases
    self.differing = differing
  }
}

extension InstructionSet.Verdict {
  /// From the number that the C table remembers: 1 is `equal`, 2 and more are the kernel that differs; 0 means that
  /// nothing is known.
  fileprivate init?(code: Int32) {
    let kernels = Kernel.allCases
    switch Int(code) {
    case 1: self = .equal
    case 2..<2 + kernels.count: self = .differs(kernel: kernels[Int(code) - 2])
    default: return nil
    }
  }

  fileprivate var code: Int32 {
    switch self {
    case .unavailable: 0
    case .equal: 1
    case .differs(let kernel): 2 + Int32(Kernel.allCases.firstIndex(of: kernel) ?? 0)
    }
  }
}
