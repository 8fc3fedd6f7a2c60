import Int8Kernels

/// Why an inference can't run.
public enum InferenceError: Error, Equatable, Sendable {
  case unavailable(InstructionSet, available: [InstructionSet])
  case pixelCount(found: Int, expected: Int)
}

extension InferenceError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unavailable(let set, let available):
      "instruction set \(set.rawValue) on this machine, expected one of "
        + available.map(\.rawValue).joined(separator: ", ")
    case .pixelCount(let found, let expected): "\(found) pixels as input, expected \(expected)"
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
  private let pool: WorkerPool

  /// - Parameters:
  ///   - threads: workers on one image, at least 1.
  ///   - measuresStages: whether each run is timed stage by stage, for `stageMilliseconds`.
  public init(
    model: IntegerModel, instructionSet: InstructionSet = .fastest, threads: Int = 1, measuresStages: Bool = false
  ) throws(InferenceError) {
    guard let kernels = instructionSet.kernels else {
      throw .unavailable(instructionSet, available: InstructionSet.available)
    }
    self.model = model
    self.instructionSet = instructionSet
    let workers = max(1, min(threads, 256))
    let task = InferenceTask(
      model: model, arena: InferenceArena(model, workers: workers), kernels: kernels,
      timer: measuresStages ? StageTimer() : nil)
    self.task = task
    pool = WorkerPool(count: workers) { worker in task.run(worker) }
  }

  /// Workers on one image.
  public var threads: Int { pool.count }

  /// Where each buffer lies.
  public var memoryPlan: MemoryPlan { task.arena.plan }

  /// Bytes of activations.
  public var arenaByteCount: Int { memoryPlan.byteCount }

  /// The time that the last run spent in a stage, on the calling thread; 0 when stages are not measured.
  public func stageMilliseconds(_ stage: ForwardStage) -> Double {
    Double(task.timer?.times[stage.rawValue] ?? 0) / 1e6
  }

  /// One inference; allocates nothing but the result.
  /// - Parameter pixels: 8 bits each, `channels x height x width` of the model's configuration.
  public func run(_ pixels: [UInt8], keepingHiddenStates: Bool = false) throws(InferenceError) -> IntegerOutput {
    let configuration = model.configuration
    let expected = configuration.channels * configuration.imageHeight * configuration.imageWidth
    guard pixels.count == expected else { throw .pixelCount(found: pixels.count, expected: expected) }
    let stateCount = configuration.tokens * configuration.width
    var states = [Int32](
      repeating: 0, count: keepingHiddenStates ? (configuration.depth + 1) * stateCount : 0)
    unsafe pixels.withUnsafeBufferPointer { pixels in
      unsafe states.withUnsafeMutableBufferPointer { states in
        unsafe task.pixels = pixels.baseAddress
        unsafe task.hiddenStates = keepingHiddenStates ? states.baseAddress : nil
        pool.run()
        unsafe task.pixels = nil
        unsafe task.hiddenStates = nil
      }
    }
    return IntegerOutput(
      model, task.arena, hiddenStates: states, hasFinalTokens: model.normsAllTokens || keepingHiddenStates)
  }
}

/// What the workers of a session run.
@safe
private final class InferenceTask: @unchecked Sendable {
  let model: IntegerModel
  let arena: InferenceArena
  let kernels: Kernels
  /// Of the first worker; nil when stages are not measured.
  let timer: StageTimer?
  /// Set for the time of a run.
  var pixels: UnsafePointer<UInt8>?
  var hiddenStates: UnsafeMutablePointer<Int32>?

  init(model: IntegerModel, arena: InferenceArena, kernels: Kernels, timer: StageTimer?) {
    self.model = model
    self.arena = arena
    self.kernels = kernels
    self.timer = timer
  }

  func run(_ worker: Worker) {
    if worker.index == 0, let timer {
      timer.start()
      run(worker, stages: timer)
    } else {
      run(worker, stages: UnobservedStages())
    }
  }

  private func run(_ worker: Worker, stages: some StageObserver) {
    guard let pixels = unsafe pixels else { return }
    unsafe ForwardPass(model: model, arena: arena, kernels: kernels, worker: worker, stages: stages)
      .run(pixels: pixels, hiddenStates: hiddenStates)
  }
}
