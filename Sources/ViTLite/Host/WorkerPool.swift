import LibC

/// A fixed team of threads that runs one piece of work again and again.
///
/// The threads start with the pool and sleep between runs; a run allocates nothing. The calling thread is worker 0.
final class WorkerPool {
  private let team: Team
  private var threads: [pthread_t] = []

  /// - Parameters:
  ///   - count: workers, at least 1; fewer are used when the system has no more threads to give.
  ///   - body: what each worker does in a run.
  init(count: Int, body: @escaping @Sendable (Worker) -> Void) {
    team = Team(body: body)
    while threads.count + 1 < count {
      var thread = pthread_t(bitPattern: 0)
      let member = unsafe Unmanaged.passRetained(Team.Member(team: team, index: threads.count + 1))
      let status = unsafe pthread_create(&thread, nil, runMember, member.toOpaque())
      guard status == 0, let started = Optional(thread) else {
        unsafe member.release()
        break
      }
      threads.append(started)
    }
    team.count = threads.count + 1
  }

  deinit {
    team.stop()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Workers in the team.
  var count: Int { team.count }

  /// Runs the body on all workers and returns when all have finished.
  func run() { team.run() }
}

/// What the threads of a pool share.
@safe private final class Team: @unchecked Sendable {
  /// One thread's place in the team.
  final class Member {
    let team: Team
    let index: Int

    init(team: Team, index: Int) {
      self.team = team
      self.index = index
    }
  }

  let body: @Sendable (Worker) -> Void
  /// Set once, before the first run.
  var count = 1
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var generation = 0
  private var isStopping = false
  private let meeting = Barrier()
  private let finish = Barrier()

  init(body: @escaping @Sendable (Worker) -> Void) {
    self.body = body
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe wake.initialize(to: pthread_cond_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(wake, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(wake)
    unsafe pthread_mutex_destroy(mutex)
    unsafe wake.deallocate()
    unsafe mutex.deallocate()
  }

  func run() {
    if count > 1 { signal { generation &+= 1 } }
    body(Worker(index: 0, count: count, meeting: meeting))
    if count > 1 { finish.wait(for: count) }
  }

  func stop() { signal { isStopping = true } }

  private func signal(_ change: () -> Void) {
    unsafe pthread_mutex_lock(mutex)
    change()
    unsafe pthread_cond_broadcast(wake)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Runs the body each time the generation turns, until the pool goes away.
  func serve(as index: Int) {
    var seen = 0
    while true {
      unsafe pthread_mutex_lock(mutex)
      while generation == seen && !isStopping { unsafe pthread_cond_wait(wake, mutex) }
      seen = generation
      let stopping = isStopping
      unsafe pthread_mutex_unlock(mutex)
      if stopping { return }
      body(Worker(index: index, count: count, meeting: meeting))
      finish.wait(for: count)
    }
  }
}

#if canImport(Darwin)
  private func runMember(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let member = unsafe Unmanaged<Team.Member>.fromOpaque(argument).takeRetainedValue()
    member.team.serve(as: member.index)
    return nil
  }
#else
  private func runMember(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    let member = unsafe Unmanaged<Team.Member>.fromOpaque(argument).takeRetainedValue()
    member.team.serve(as: member.index)
    return nil
  }
#endif
