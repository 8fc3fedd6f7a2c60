import Int8Kernels

/// Why an inference can't run.
public enum InferenceError: Error, Equatable, Sendable {
  case unavailable(InstructionSet, available: [InstructionSet])
  case pixelCount(found: Int, expected: Int)
  /// Fewer bytes for weights than a session needs.
  case weightBytes(found: Int, expected: Int)
  /// Weights that cannot be read again: the file has become shorter, or its disk has failed.
  case weightsUnreadable
  /// A plan whose arena takes more memory than the machine, or a limit of the process, has.
  case memory(needed: Int, available: Int)
  /// Fewer bytes of lent memory than the plan's arena.
  case arenaBytes(found: Int, expected: Int)
  /// Lent memory that does not begin at a multiple of `expected`; `found` is the remainder.
  case arenaAlignment(found: Int, expected: Int)
  /// The model's file became shorter while it was read, so that there is no result; see `MappedFileGuard`.
  case modelShortened
  /// A float model that gives NaN or infinity.
  case notFinite(what: String)
}

extension InferenceError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unavailable(let set, let available):
      "instruction set \(set.name) on this machine, expected one of "
        + available.map { $0.name }.joined(separator: ", ")
    case .pixelCount(let found, let expected): "\(found) pixels as input, expected \(expected)"
    case .weightBytes(let found, let expected): "\(found) bytes for weights in memory, expected at least \(expected)"
    case .weightsUnreadable: "weights that cannot be read from the model file, expected the file as it was opened"
    case .memory(let needed, let available):
      "an arena of \(needed) bytes, expected at most the \(available) bytes of memory that this process can have"
    case .arenaBytes(let found, let expected): "an arena of \(found) bytes, expected at least \(expected)"
    case .arenaAlignment(let found, let expected):
      "an arena \(found) bytes after a multiple of \(expected), expected at a multiple"
    case .notFinite(let what):
      "NaN or infinity in \(what), which the float model gives, expected finite values: its weights or the input are too "
        + "large"
    case .modelShortened:
      "the model's file became shorter while it was read, expected one that nothing changes"
    }
  }
}

/// Runs one model, one image at a time: an arena and a team of workers.
///
/// Sessions share a model; each is used by one thread at a time.
@safe
public final class InferenceSession {
  public let model: IntegerModel
  public let instructionSet: InstructionSet
  private let task: InferenceTask
  private let pool: WorkerPool<InferenceInput>

  /// - Parameters:
  ///   - threads: workers on one image, at least 1.
  ///   - plan: whether to save time or memory; the results are the same.
  ///   - weightBytes: how many bytes of weights of a model that was opened by its path may be in memory at a time, at
  ///     least `minimumWeightBytes`; nil for all. Where that is less than the model, each weight is read again from the
  ///     file for each image.
  ///   - measuresPhases: whether each run is timed phase by phase, for `nanoseconds(of:)`.
  public convenience init(
    model: IntegerModel, instructionSet: InstructionSet = .fastest, threads: Int = 1, plan: PlanKind = .fast,
    weightBytes: Int? = nil, measuresPhases: Bool = false
  ) throws(InferenceError) {
    try unsafe self.init(
      model, instructionSet, threads: threads, plan, memory: nil, weightBytes: weightBytes,
      measuresPhases: measuresPhases)
  }

  /// A session whose arena lies in memory of the caller.
  ///
  /// - Parameter arena: at least `ForwardPlan(model, kind: plan, workers: threads).arenaByteCount` bytes, at a multiple of
  ///   64. The caller keeps the memory, and leaves it alone, as long as the session exists.
  @unsafe
  public convenience init(
    model: IntegerModel, instructionSet: InstructionSet = .fastest, threads: Int = 1, plan: PlanKind = .fast,
    arena: UnsafeMutableRawBufferPointer, weightBytes: Int? = nil
  ) throws(InferenceError) {
    try unsafe self.init(
      model, instructionSet, threads: threads, plan, memory: arena, weightBytes: weightBytes, measuresPhases: false)
  }

  /// A session with kernels that no instruction set of this machine has, such as emulated ones; for tests.
  convenience init(
    model: IntegerModel, kernels: Kernels, threads: Int, plan: PlanKind = .fast
  ) throws(InferenceError) {
    try unsafe self.init(
      model, .portable, kernels: kernels, threads: threads, plan, memory: nil, weightBytes: nil, measuresPhases: false)
  }

  private init(
    _ model: IntegerModel, _ instructionSet: InstructionSet, kernels: Kernels? = nil, threads: Int, _ plan: PlanKind,
    memory: UnsafeMutableRawBufferPointer?, weightBytes: Int?, measuresPhases: Bool
  ) throws(InferenceError) {
    guard let kernels = kernels ?? instructionSet.kernels else {
      throw .unavailable(instructionSet, available: InstructionSet.available)
    }
    self.model = model
    self.instructionSet = instructionSet
    #if hasFeature(Embedded)
      // No threads, and no clock that would be known here.
      let (workers, now) = (1, (() -> UInt64)?.none)
    #else
      let workers = ForwardPlan.workers(forThreads: threads)
      let now: (() -> UInt64)? = measuresPhases ? { MonotonicClock.nanoseconds } : nil
    #endif
    let least = Self.minimumWeightBytes(model, threads: workers)
    if let weightBytes, weightBytes < least { throw .weightBytes(found: weightBytes, expected: least) }
    let plan = ForwardPlan(model.outline, kind: plan, workers: workers)
    let arena: InferenceArena
    if let memory = unsafe memory {
      arena = try unsafe InferenceArena(plan, InferenceArena.part(of: memory, for: plan), isOwned: false)
    } else {
      arena = try unsafe InferenceArena(plan, InferenceArena.allocate(plan), isOwned: true)
    }
    var windows: [WeightWindow] = []
    if let weightBytes, weightBytes < model.byteCount, let source = model.weightSource {
      let capacity = min(weightBytes / workers, WeightWindow.useful)
      windows = (0..<workers).map { _ in WeightWindow(source, capacity: max(capacity, least / workers), now: now) }
      source.release()
    }
    let task = InferenceTask(
      model: model, arena: arena, kernels: kernels, windows: windows, timer: now.map { PhaseTimer(now: $0) })
    self.task = task
    pool = WorkerPool(count: workers) { worker, input in task.run(worker, input) }
  }

  /// The fewest bytes of weights with which a session can run: room for the weights of 16 outputs for each thread.
  public static func minimumWeightBytes(_ model: IntegerModel, threads: Int) -> Int {
    ForwardPlan.workers(forThreads: threads) * WeightWindow.minimum(model)
  }

  /// As many bytes of weights as take no more time than any larger number that is smaller than the model.
  package static func usefulWeightBytes(threads: Int) -> Int {
    ForwardPlan.workers(forThreads: threads) * WeightWindow.useful
  }

  /// Nanoseconds that the last run spent waiting for weights, on the calling thread; 0 when phases are not measured.
  package var stallNanoseconds: UInt64 { task.windows.first?.stall ?? 0 }

  /// Workers on one image.
  public var threads: Int { pool.count }

  /// How an inference goes, and where each buffer lies.
  public var plan: ForwardPlan { task.arena.plan }

  /// Nanoseconds that the last run spent in a phase, on the calling thread; 0 when phases are not measured.
  package func nanoseconds(of phase: Phase) -> UInt64 { task.timer?.times[phase.rawValue] ?? 0 }

  /// Nanoseconds that the last run spent waiting for the other workers, on the calling thread.
  package var waitingNanoseconds: UInt64 { task.timer?.waiting ?? 0 }

  /// One inference; allocates nothing but the result.
  /// - Parameter pixels: 8 bits each, `channels x height x width` of the model's configuration.
  public func run(_ pixels: [UInt8], keepingHiddenStates: Bool = false) throws(InferenceError) -> IntegerOutput {
    try run(pixels.span, keepingHiddenStates: keepingHiddenStates)
  }

  /// One inference on pixels that are read in place, wherever they lie.
  /// - Parameter pixels: as above.
  public func run(_ pixels: Span<UInt8>, keepingHiddenStates: Bool = false) throws(InferenceError) -> IntegerOutput {
    try run(pixels, fractions: nil, keepingHiddenStates: keepingHiddenStates)
  }

  /// One inference on an image whose values may lie between pixels; what lies between is used where the model's patch
  /// embedding is at int16.
  public func run(_ input: InputPixels, keepingHiddenStates: Bool = false) throws(InferenceError) -> IntegerOutput {
    try run(input.levels.span, fractions: input.fractions, keepingHiddenStates: keepingHiddenStates)
  }

  private func run(
    _ pixels: Span<UInt8>, fractions: [UInt8]?, keepingHiddenStates: Bool
  ) throws(InferenceError) -> IntegerOutput {
    let configuration = model.configuration
    var states = [Int32](repeating: 0, count: keepingHiddenStates ? HiddenStates.count(configuration) : 0)
    // An empty array where there are none, which is not read.
    let used = model.patchEmbedding.isWide ? fractions ?? [] : []
    try unsafe pixels.withUnsafeBufferPointer { (pixels) throws(InferenceError) in
      try unsafe used.withUnsafeBufferPointer { (used) throws(InferenceError) in
        try unsafe states.withUnsafeMutableBufferPointer { (states) throws(InferenceError) in
          let kept = unsafe states.baseAddress.flatMap { base in
            keepingHiddenStates ? unsafe HiddenStates(base: base, configuration) : nil
          }
          try unsafe run(inPlace: pixels, fractions: used, states: kept)
        }
      }
    }
    return IntegerOutput(result, hiddenStates: states)
  }

  #if !hasFeature(Embedded)
    /// One inference under a probe's eyes, with all final tokens.
    /// - Precondition: the session has one thread and the fast plan.
    package func run(_ input: InputPixels, probe: any PassProbe) throws(InferenceError) -> IntegerOutput {
      precondition(threads == 1 && plan.kind == .fast, "one worker, which sees all tokens")
      task.probe = probe
      defer { task.probe = nil }
      return try run(input, keepingHiddenStates: true)
    }
  #endif

  /// One inference, whose result stays in the arena; allocates nothing.
  ///
  /// - Parameter pixels: 8 bits each, `channels x height x width` of the model's configuration.
  @unsafe
  package func run(inPlace pixels: UnsafeBufferPointer<UInt8>) throws(InferenceError) {
    try unsafe run(inPlace: pixels, fractions: UnsafeBufferPointer(start: nil, count: 0), states: nil)
  }

  /// - Parameter fractions: empty, or as many as pixels.
  private func run(
    inPlace pixels: UnsafeBufferPointer<UInt8>, fractions: UnsafeBufferPointer<UInt8>, states: HiddenStates?
  ) throws(InferenceError) {
    let expected = model.configuration.imageElements
    guard let base = pixels.baseAddress, pixels.count == expected else {
      throw .pixelCount(found: pixels.count, expected: expected)
    }
    guard fractions.isEmpty || fractions.count == expected else {
      throw .pixelCount(found: fractions.count, expected: expected)
    }
    let parts = unsafe fractions.isEmpty ? nil : fractions.baseAddress.map { unsafe Vector(base: $0, count: expected) }
    for window in task.windows { window.start() }
    unsafe pool.run(InferenceInput(pixels: Vector(base: base, count: pixels.count), fractions: parts, states: states))
    guard !task.windows.contains(where: { $0.hasFailed }) else { throw .weightsUnreadable }
    guard !model.isShortened else { throw .modelShortened }
  }

  /// The result of the last run, until the next one begins.
  package var result: ResultView { ResultView(model, task.arena) }
}

/// What one inference reads and, where it is asked to, writes beside the arena.
private struct InferenceInput: Sendable {
  let pixels: Vector<UInt8>
  /// What values have beyond their pixels, for a wide patch embedding.
  let fractions: Vector<UInt8>?
  let states: HiddenStates?
}

/// What the workers of a session run.
@safe
private final class InferenceTask: @unchecked Sendable {
  let model: IntegerModel
  let arena: InferenceArena
  let kernels: Kernels
  /// One for each worker, or none where all weights may stay in memory.
  let windows: [WeightWindow]
  /// Of the first worker; nil when phases are not measured.
  let timer: PhaseTimer?
  #if !hasFeature(Embedded)
    /// Only with one worker, which is the calling thread: so it is never shared.
    var probe: (any PassProbe)?
    /// The types of the passes. The Swift runtime allocates a type's description when it first needs it: now, rather
    /// than in the first run.
    private let passTypes: [Any.Type] = [ForwardPass<NoObserver>.self, ForwardPass<PhaseTimer>.self]
  #endif

  init(model: IntegerModel, arena: InferenceArena, kernels: Kernels, windows: [WeightWindow], timer: PhaseTimer?) {
    self.model = model
    self.arena = arena
    self.kernels = kernels
    self.windows = windows
    self.timer = timer
  }

  func run(_ worker: Worker, _ input: InferenceInput) {
    #if !hasFeature(Embedded)
      if let probe { return run(worker, input, ProbeObserver(probe, arena)) }
    #endif
    if worker.index == 0, let timer {
      timer.start()
      run(worker, input, timer)
    } else {
      run(worker, input, NoObserver())
    }
  }

  private func run(_ worker: Worker, _ input: InferenceInput, _ observer: some PhaseObserver) {
    let window = windows.isEmpty ? nil : windows[worker.index]
    ForwardPass(model: model, arena: arena, kernels: kernels, worker: worker, window: window, observer: observer)
      .run(pixels: input.pixels, fractions: input.fractions, states: input.states)
  }
}
