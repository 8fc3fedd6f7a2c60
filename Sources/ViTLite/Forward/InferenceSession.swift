import Int8Kernels

/// Why an inference can't run.
public enum InferenceError: Error, Equatable, Sendable {
  case unavailable(InstructionSet, available: [InstructionSet])
  case pixelCount(found: Int, expected: Int)
  /// Fewer bytes for weights than a session needs.
  case weightBytes(found: Int, expected: Int)
  /// Fewer bytes of lent memory than the plan's arena.
  case arenaBytes(found: Int, expected: Int)
  /// Lent memory that does not begin at a multiple of `expected`; `found` is the remainder.
  case arenaAlignment(found: Int, expected: Int)
}

extension InferenceError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unavailable(let set, let available):
      "instruction set \(set.name) on this machine, expected one of "
        + available.map { $0.name }.joined(separator: ", ")
    case .pixelCount(let found, let expected): "\(found) pixels as input, expected \(expected)"
    case .weightBytes(let found, let expected): "\(found) bytes for weights in memory, expected at least \(expected)"
    case .arenaBytes(let found, let expected): "an arena of \(found) bytes, expected at least \(expected)"
    case .arenaAlignment(let found, let expected):
      "an arena \(found) bytes after a multiple of \(expected), expected at a multiple"
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
  ///   - weightBytes: how many bytes of a mapped model's weights may be in memory at a time, at least
  ///     `minimumWeightBytes`; nil for all. The others are read again from the file for each image.
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
      let workers = max(1, min(threads, 256))
      let now: (() -> UInt64)? = measuresPhases ? { MonotonicClock.nanoseconds } : nil
    #endif
    let plan = ForwardPlan(model.outline, kind: plan, workers: workers)
    let arena: InferenceArena
    if let memory = unsafe memory {
      arena = try unsafe InferenceArena(plan, borrowing: memory)
    } else {
      arena = InferenceArena(plan)
    }
    var windows: [WeightWindow] = []
    if let weightBytes, let memory = model.weightMemory {
      let least = Self.minimumWeightBytes(model, threads: workers)
      guard weightBytes >= least else { throw .weightBytes(found: weightBytes, expected: least) }
      windows = (0..<workers).map { _ in WeightWindow(memory, capacity: weightBytes / workers, now: now) }
      memory.release()
    }
    let task = InferenceTask(
      model: model, arena: arena, kernels: kernels, windows: windows, timer: now.map { PhaseTimer(now: $0) })
    self.task = task
    pool = WorkerPool(count: workers) { worker, input in task.run(worker, input) }
  }

  /// The fewest bytes of weights with which a session can run.
  public static func minimumWeightBytes(_ model: IntegerModel, threads: Int) -> Int {
    let least = model.layerNames.compactMap { model.layer($0) }
      .map { WeightWindow.minimum(inputs: $0.inputs, isWide: $0.isWide) }.max()
    return max(1, min(threads, 256)) * (least ?? 0)
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
    let configuration = model.configuration
    guard pixels.count == configuration.imageElements else {
      throw .pixelCount(found: pixels.count, expected: configuration.imageElements)
    }
    var states = [Int32](repeating: 0, count: keepingHiddenStates ? HiddenStates.count(configuration) : 0)
    unsafe pixels.withUnsafeBufferPointer { pixels in
      unsafe states.withUnsafeMutableBufferPointer { states in
        guard let base = pixels.baseAddress else { return }
        var input = unsafe InferenceInput(pixels: Vector(base: base, count: pixels.count), states: nil)
        if keepingHiddenStates, let base = states.baseAddress {
          input.states = unsafe HiddenStates(base: base, configuration)
        }
        pool.run(input)
      }
    }
    return IntegerOutput(result, hiddenStates: states)
  }

  /// One inference, whose result stays in the arena; allocates nothing.
  ///
  /// - Parameter pixels: 8 bits each, `channels x height x width` of the model's configuration.
  @unsafe
  package func run(inPlace pixels: UnsafeBufferPointer<UInt8>) throws(InferenceError) {
    guard let base = pixels.baseAddress, pixels.count == model.configuration.imageElements else {
      throw .pixelCount(found: pixels.count, expected: model.configuration.imageElements)
    }
    unsafe pool.run(InferenceInput(pixels: Vector(base: base, count: pixels.count), states: nil))
  }

  /// The result of the last run, until the next one begins.
  package var result: ResultView { ResultView(model, task.arena) }
}

/// What one inference reads and, where it is asked to, writes beside the arena.
private struct InferenceInput: Sendable {
  let pixels: Vector<UInt8>
  var states: HiddenStates?
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
    if worker.index == 0, let timer {
      timer.start()
      run(worker, input, timer)
    } else {
      run(worker, input, NoObserver())
    }
  }

  private func run(_ worker: Worker, _ input: InferenceInput, _ observer: some PhaseObserver) {
    let window = windows.isEmpty ? nil : windows[worker.index]
    window?.start()
    ForwardPass(model: model, arena: arena, kernels: kernels, worker: worker, window: window, observer: observer)
      .run(pixels: input.pixels, states: input.states)
  }
}
