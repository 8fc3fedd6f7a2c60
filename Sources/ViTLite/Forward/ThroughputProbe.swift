import Int8Kernels

/// Work of a known number of operations, to be timed: a model's matrix products alone, or the processor's peak.
///
///     let probe = ThroughputProbe.products(of: model, on: .fastest, threads: 1)
///     probe.run()      // operations / seconds of it is the rate
@safe
package final class ThroughputProbe {
  /// Of one run; a multiplication and an addition are two.
  package let operations: Int64
  private let pool: WorkerPool<Void>

  private init(operations: Int64, pool: WorkerPool<Void>) {
    self.operations = operations
    self.pool = pool
  }

  package func run() { pool.run(()) }

  /// The products of all linear layers that see every token, in the order of the forward pass, on whatever the buffers
  /// hold. Nil where the instruction set cannot be used, or where memory is short.
  package static func products(
    of model: IntegerModel, on instructionSet: InstructionSet, threads: Int, plan kind: PlanKind = .fast
  ) -> ThroughputProbe? {
    guard let kernels = instructionSet.kernels else { return nil }
    let plan = ForwardPlan(model.outline, kind: kind, workers: ForwardPlan.workers(forThreads: threads))
    guard let memory = try? unsafe InferenceArena.allocate(plan) else { return nil }
    let arena = unsafe InferenceArena(plan, memory, isOwned: true)
    let pool = WorkerPool<Void>(count: plan.workers) { worker, _ in
      ForwardPass(model: model, arena: arena, kernels: kernels, worker: worker, observer: NoObserver()).runProducts()
    }
    return ThroughputProbe(operations: plan.linearOperations, pool: pool)
  }

  /// The instruction set's product instruction on registers alone, on every thread. Nil where there is no such loop.
  ///
  /// - Parameter rounds: at least 1; a million take some milliseconds.
  package static func peak(of instructionSet: InstructionSet, threads: Int, rounds: Int64) -> ThroughputProbe? {
    guard let operations = instructionSet.runPeakLoop(rounds: rounds) else { return nil }
    let count = ForwardPlan.workers(forThreads: threads)
    let pool = WorkerPool<Void>(count: count) { worker, _ in
      worker.take(worker.count, unit: 1) { loops in
        for _ in loops { _ = instructionSet.runPeakLoop(rounds: rounds) }
      }
      worker.finishPhase(worker.count)
    }
    return ThroughputProbe(operations: operations * Int64(count), pool: pool)
  }
}
