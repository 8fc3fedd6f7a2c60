import CKernels

extension InstructionSet {
  /// Runs the set's product instruction on registers alone, on one core. Its rate is the peak of which `bench` and
  /// `selftest` print a matrix product's share.
  ///
  /// - Parameter rounds: of a dozen vector products, or of four tile products; at least 1.
  /// - Returns: operations done (a multiplication and an addition are two); nil where the set is not present, or has no
  ///   such loop.
  package func runPeakLoop(rounds: Int64) -> Int64? {
    guard isPresent, let row = unsafe vq_find_instruction_set(index) else { return nil }
    return unsafe row.pointee.run_peak_loop?(rounds)
  }
}
