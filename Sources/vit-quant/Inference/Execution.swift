import Int8Kernels
import ViTLite

/// How an int8 model is run: with which kernels, threads and memory.
struct Execution: Sendable {
  var instructionSet: InstructionSet
  var threads = 1
  /// Nil for the fast plan, and for the lean one under a limit that leaves too little room for the fast one.
  var plan: PlanKind?
  /// Resident memory of the whole process to stay under, in bytes; nil without a limit.
  var memoryLimit: Int?
  /// Whether one image is all that is run: then weights need not stay once they have been used.
  var runsOnce = false

  /// What is left free of a limit, for images, results and the stacks of threads.
  private static let reserve = 3 << 19
  /// By how much the memory that starting and loading leave behind differs from run to run, generously: the smallest limit
  /// that an error names is that much more than this run needs, so that the next run meets it too.
  private static let spread = 1 << 19

  /// A session of a model, with as much of its weights in memory as the limit leaves.
  ///
  /// - Throws: `limit` when the instruction set cannot be used, or when the memory limit cannot be met.
  func session(
    _ model: IntegerModel, threads: Int? = nil, measuresPhases: Bool = false
  ) throws(CommandError) -> InferenceSession {
    let threads = threads ?? self.threads
    let (plan, weightBytes) = try memory(for: model, threads: threads)
    do {
      return try InferenceSession(
        model: model, instructionSet: instructionSet, threads: threads, plan: plan, weightBytes: weightBytes,
        measuresPhases: measuresPhases)
    } catch { throw .limit("\(error)") }
  }

  /// Whether memory is given back as soon as it can be.
  var holdsLittle: Bool { memoryLimit != nil || runsOnce }

  /// The plan, and the bytes that weights may take; nil for all.
  private func memory(
    for model: IntegerModel, threads: Int
  ) throws(CommandError) -> (PlanKind, weightBytes: Int?) {
    let least = InferenceSession.minimumWeightBytes(model, threads: threads)
    let useful = max(least, InferenceSession.usefulWeightBytes(threads: threads))
    if holdsLittle { model.releaseWeights() }
    let loaded = ResidentMemory.current ?? 0
    if holdsLittle { ResidentMemory.releaseCode() }
    guard let memoryLimit else { return (plan ?? .fast, runsOnce ? useful : nil) }
    let left = ResidentMemory.current ?? 0
    // About half of the code comes back: what runs the model, or what decodes images and writes results.
    let held = left + max(0, loaded - left) / 2 + Self.reserve
    func arena(_ plan: PlanKind) -> Int { ForwardPlan(model, kind: plan, workers: threads).arenaByteCount }
    // The fast plan reads each weight once for an image, the lean one once for each group of tokens. With less than a
    // quarter of what is useful, products are too small.
    let fits = held + arena(.fast) + max(least, useful / 4) <= memoryLimit
    let plan = plan ?? (fits ? .fast : .lean)
    let smallest = max(held + arena(plan) + least, ResidentMemory.peak ?? 0)
    guard smallest <= memoryLimit else {
      let needed = (smallest + Self.spread + 999_999) / 1_000_000
      throw .limit(
        "--memory-limit of \(memoryLimit) bytes, with the \(plan) plan and \(threads) thread\(threads == 1 ? "" : "s"), "
          + "expected at least \(needed)M")
    }
    return (plan, memoryLimit - held - arena(plan))
  }
}
