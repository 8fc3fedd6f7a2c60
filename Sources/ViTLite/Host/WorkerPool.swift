/// A fixed team of threads that runs one piece of work again and again.
///
/// The threads start with the pool and sleep between runs; a run allocates nothing. The calling thread is worker 0.
final class WorkerPool {
  private let team: Team
  private var threads: [ThreadHandle] = []

  /// - Parameters:
  ///   - count: workers, at least 1; fewer are used when the system has no more threads to give.
  ///   - body: what each worker does in a run.
  init(count: Int, body: @escaping @Sendable (Worker) -> Void) {
    let team = Team(body: body)
    self.team = team
    while threads.count + 1 < count {
      let index = threads.count + 1
      guard let thread = ThreadHandle({ team.serve(as: index) }) else { break }
      threads.append(thread)
    }
    team.count = threads.count + 1
  }

  deinit {
    team.stop()
    for thread in threads { thread.join() }
  }

  /// Workers in the team.
  var count: Int { team.count }

  /// Runs the body on all workers and returns when all have finished.
  func run() { team.run() }
}

/// What the threads of a pool share.
private final class Team: @unchecked Sendable {
  let body: @Sendable (Worker) -> Void
  /// Set once, before the first run.
  var count = 1
  /// Holds the two numbers below.
  private let lock = Lock()
  private var generation = 0
  private var isStopping = false
  private let meeting = Barrier()
  private let finish = Barrier()

  init(body: @escaping @Sendable (Worker) -> Void) {
    self.body = body
  }

  func run() {
    if count > 1 { lock.change { generation &+= 1 } }
    body(Worker(index: 0, count: count, meeting: meeting))
    if count > 1 { finish.wait(for: count) }
  }

  func stop() { lock.change { isStopping = true } }

  /// Runs the body each time the generation turns, until the pool goes away.
  func serve(as index: Int) {
    var seen = 0
    while true {
      let isDone = lock.wait(until: { generation != seen || isStopping }) {
        seen = generation
        return isStopping
      }
      if isDone { return }
      body(Worker(index: index, count: count, meeting: meeting))
      finish.wait(for: count)
    }
  }
}
