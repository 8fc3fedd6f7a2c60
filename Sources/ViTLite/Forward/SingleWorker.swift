// What stands for the team of threads where there are none: one worker, which does all work and never waits.
#if hasFeature(Embedded)
  /// The one thread that works on an inference.
  final class Worker {
    let index = 0
    let count = 1

    /// Works on a phase: calls `body` with all of its items.
    @inline(__always)
    func take(_ total: Int, unit: Int, _ body: (Range<Int>) -> Void) {
      if total > 0 { body(0..<total) }
    }

    /// Returns at once: nobody else works on the phase.
    func finishPhase(_ total: Int) {}
  }

  /// Runs one piece of work again and again, on the calling thread.
  final class WorkerPool<Input: Sendable> {
    private let body: (Worker, Input) -> Void
    private let worker = Worker()

    /// - Parameter count: workers wanted; there is one.
    init(count: Int, body: @escaping @Sendable (Worker, Input) -> Void) { self.body = body }

    var count: Int { 1 }

    func run(_ input: Input) { body(worker, input) }
  }
#endif
