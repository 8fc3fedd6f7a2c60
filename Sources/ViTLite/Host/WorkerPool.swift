#if !hasFeature(Embedded)
  import CKernels
  import Synchronization

  /// A fixed team of threads that runs one piece of work again and again.
  ///
  /// The threads start with the pool and sleep between runs; a run allocates nothing. The calling thread is worker 0,
  /// and a run is over when it has come to the end of the body: as every phase's work is done then, the others have
  /// nothing left to do, wherever they are.
  final class WorkerPool<Input: Sendable>: Sendable {
    private let team: Team<Input>
    private let threads: [ThreadHandle]

    /// - Parameters:
    ///   - count: workers, at least 1; fewer are used when the system has no more threads to give.
    ///   - body: what each worker does in a run. It touches shared memory, and what the input refers to, only within
    ///     the pieces of work that it takes.
    init(count: Int, body: @escaping @Sendable (Worker, Input) -> Void) {
      // The board has to know how many workers there are before any of them looks at it.
      let team = Team(board: WorkBoard(workers: max(1, count)), body: body)
      var threads: [ThreadHandle] = []
      while threads.count + 1 < count {
        let worker = Worker(index: threads.count + 1, board: team.board)
        guard let thread = ThreadHandle({ [worker = SendableWorker(worker)] in team.serve(worker.worker) }) else {
          break
        }
        threads.append(thread)
      }
      self.team = team
      self.threads = threads
    }

    deinit {
      team.stop()
      for thread in threads { thread.join() }
    }

    /// Threads in the team.
    var count: Int { threads.count + 1 }

    /// Runs the body on all workers and returns when all its work is done. One thread at a time may call it.
    func run(_ input: Input) { team.run(input) }
  }

  /// A worker on its way to the thread that alone uses it.
  private struct SendableWorker: @unchecked Sendable {
    let worker: Worker
    init(_ worker: Worker) { self.worker = worker }
  }

  /// What the threads of a pool share.
  private final class Team<Input: Sendable>: @unchecked Sendable {
    let board: WorkBoard
    private let body: @Sendable (Worker, Input) -> Void
    private let first: Worker
    /// The number of the latest run, for threads that look out for it; set when the lock is free again.
    private let latest = Atomic<Int>(0)
    /// Holds what follows.
    private let lock = Lock()
    private var generation = 0
    private var input: Input?
    private var firstStep: UInt32 = 0
    private var isStopping = false

    init(board: WorkBoard, body: @escaping @Sendable (Worker, Input) -> Void) {
      self.board = board
      self.body = body
      first = Worker(index: 0, board: board)
    }

    func run(_ input: Input) {
      let step = board.step
      if board.workers > 1 {
        lock.change {
          self.input = input
          firstStep = step
          generation &+= 1
        }
        latest.add(1, ordering: .releasing)
      }
      first.begin(at: step)
      body(first, input)
    }

    func stop() {
      lock.change {
        isStopping = true
        generation &+= 1
      }
      latest.add(1, ordering: .releasing)
    }

    /// Runs the body each time the generation turns, until the pool goes away.
    func serve(_ worker: Worker) {
      var seen = 0
      while true {
        // Runs often follow each other closely: a thread that sleeps takes longer to come than a small model to run.
        for _ in 0..<WorkBoard.spins {
          if latest.load(ordering: .acquiring) != seen { break }
          vq_pause()
        }
        let next: (input: Input?, step: UInt32) = lock.wait(until: { generation != seen }) {
          seen = generation
          return (isStopping ? nil : input, firstStep)
        }
        guard let input = next.input else { return }
        worker.begin(at: next.step)
        body(worker, input)
      }
    }
  }
#endif
