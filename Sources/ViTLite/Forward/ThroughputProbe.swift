import Int8Kernels

/// Work of a known number of operations, to be timed: a model's matrix products alone, or the processor's peak.
///
///     let probe = ThroughputProbe.products(of: model, on: .fastest, threads: 1)
///     probe.run()      // operations / seconds of it is the rate
@safe
public final class ThroughputProbe {
  /// Of one run; a multiplication and an addition are two.
  public let operations: Int64
  private let pool: WorkerPool

  private init(operations: Int64, pool: WorkerPool) {
    self.operations = operations
    self.pool = pool
  }

  public func run() { pool.run() }

  /// The products of all linear layers that see every token, in the order of the forward pass, on whatever the buffers
  /// hold. Nil where the instruction set cannot be used.
  public static func products(
    of model: IntegerModel, on instructionSet: InstructionSet, threads: Int
  ) -> ThroughputProbe? {
    guard let kernels = instructionSet.kernels else { return nil }
    let workers = max(1, min(threads, 256))
    let products = LinearProducts(model: model, arena: InferenceArena(model, workers: workers), kernels: kernels)
    let pool = WorkerPool(count: workers) { worker in products.run(worker) }
    return ThroughputProbe(operations: products.operations, pool: pool)
  }

  /// The instruction set's product instruction on registers alone, on every thread. Nil where there is no such loop.
  ///
  /// - Parameter rounds: at least 1; a million take some milliseconds.
  public static func peak(of instructionSet: InstructionSet, threads: Int, rounds: Int64) -> ThroughputProbe? {
    guard let operations = instructionSet.runPeakLoop(rounds: rounds) else { return nil }
    let pool = WorkerPool(count: max(1, min(threads, 256))) { _ in _ = instructionSet.runPeakLoop(rounds: rounds) }
    return ThroughputProbe(operations: operations * Int64(pool.count), pool: pool)
  }
}

/// The matrix products of a forward pass without what lies between them.
@safe
private final class LinearProducts: @unchecked Sendable {
  private let model: IntegerModel
  private let arena: InferenceArena
  private let kernels: Kernels

  init(model: IntegerModel, arena: InferenceArena, kernels: Kernels) {
    self.model = model
    self.arena = arena
    self.kernels = kernels
  }

  var operations: Int64 {
    let configuration = model.configuration
    let (width, mlpWidth) = (Int64(configuration.width), Int64(configuration.mlpWidth))
    let block = Int64(configuration.tokens) * width * (4 * width + 2 * mlpWidth)
    let embedding = Int64(configuration.patches) * width * Int64(configuration.patchInputs)
    return 2 * (Int64(configuration.depth) * block + embedding)
  }

  func run(_ worker: Worker) {
    let configuration = model.configuration
    let (tokens, width, mlpWidth) = (configuration.tokens, configuration.width, configuration.mlpWidth)
    let columns = worker.share(of: width, unit: WeightLayout.panelColumns)
    unsafe kernels.multiply(
      arena.patches, rows: configuration.patches, model.patchEmbedding, columns: columns,
      into: .accumulate(arena.residual, stride: width))
    let qkvColumns = worker.share(of: 3 * width, unit: WeightLayout.panelColumns)
    let hiddenColumns = worker.share(of: mlpWidth, unit: WeightLayout.panelColumns)
    for index in unsafe model.blocks.indices {
      let block = unsafe model.blocks[index]
      unsafe kernels.multiply(
        arena.rows, rows: tokens, block.qkv, columns: qkvColumns, into: .int16(arena.qkv, stride: 3 * width))
      unsafe kernels.multiply(
        arena.rows, rows: tokens, block.projection, columns: columns, into: .accumulate(arena.residual, stride: width))
      unsafe kernels.multiply(
        arena.rows, rows: tokens, block.fc1, columns: hiddenColumns, into: .int16(arena.hidden, stride: mlpWidth))
      unsafe kernels.multiply(
        arena.hiddenRows, rows: tokens, block.fc2, columns: columns, into: .accumulate(arena.residual, stride: width))
    }
  }
}
