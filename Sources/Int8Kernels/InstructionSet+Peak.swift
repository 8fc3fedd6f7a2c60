import CKernels

extension InstructionSet {
  /// Runs the set's product instruction on registers alone, on one core: the peak that a matrix product is measured
  /// against.
  ///
  /// - Parameter rounds: of a dozen vector products, or of four tile products; at least 1.
  /// - Returns: operations done (a multiplication and an addition are two); nil where the set cannot be used here, or
  ///   has no such loop.
  public func runPeakLoop(rounds: Int64) -> Int64? {
    guard isAvailable else { return nil }
    #if arch(x86_64)
      return switch self {
      case .avx2: vq_peak_avx2(rounds)
      case .avxvnni: vq_peak_avxvnni(rounds)
      case .avx512vnni: vq_peak_avx512vnni(rounds)
      case .amx: vq_peak_amx(rounds)
      case .portable, .neon, .dotprod, .i8mm: nil
      }
    #else
      return nil
    #endif
  }
}
