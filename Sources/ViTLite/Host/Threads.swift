#if !hasFeature(Embedded)
  import LibC

  /// A mutex with one condition, that anything changed.
  @safe package final class Lock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
      unsafe pthread_mutex_init(mutex, nil)
      unsafe pthread_cond_init(condition, nil)
    }

    deinit {
      unsafe pthread_cond_destroy(condition)
      unsafe pthread_mutex_destroy(mutex)
      unsafe condition.deallocate()
      unsafe mutex.deallocate()
    }

    /// Waits until `isReady`, then runs `body` and wakes the others; both run with the lock held.
    @discardableResult
    package func whenever<Result>(_ isReady: () -> Bool, _ body: () -> Result) -> Result {
      unsafe pthread_mutex_lock(mutex)
      defer {
        unsafe pthread_cond_broadcast(condition)
        unsafe pthread_mutex_unlock(mutex)
      }
      while !isReady() { unsafe pthread_cond_wait(condition, mutex) }
      return body()
    }

    /// Runs `body` with the lock held and wakes those who wait.
    package func change(_ body: () -> Void) { whenever({ true }, body) }

    /// Waits until `isReady`, then runs `body`, which changes nothing that others wait for; both run with the lock
    /// held.
    package func wait<Result>(until isReady: () -> Bool, _ body: () -> Result) -> Result {
      unsafe pthread_mutex_lock(mutex)
      defer { unsafe pthread_mutex_unlock(mutex) }
      while !isReady() { unsafe pthread_cond_wait(condition, mutex) }
      return body()
    }
  }

  /// A running thread.
  @safe package struct ThreadHandle {
    private let thread: pthread_t

    private final class Work: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a thread; nil when the system has none to give.
    package init?(_ body: @escaping @Sendable () -> Void) {
      let work = unsafe Unmanaged.passRetained(Work(body))
      #if canImport(Darwin)
        var started: pthread_t?
        let status = unsafe pthread_create(&started, nil, { unsafe ThreadHandle.run($0) }, work.toOpaque())
        guard status == 0, let started = unsafe started else {
          unsafe work.release()
          return nil
        }
        unsafe thread = unsafe started
      #else
        var started = pthread_t()
        let status = unsafe pthread_create(&started, nil, { unsafe ThreadHandle.run($0) }, work.toOpaque())
        guard status == 0 else {
          unsafe work.release()
          return nil
        }
        thread = started
      #endif
    }

    private static func run(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
      if let work = unsafe work { unsafe Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
      return nil
    }

    package func join() {
      #if canImport(Darwin)
        unsafe pthread_join(thread, nil)
      #else
        pthread_join(thread, nil)
      #endif
    }
  }
#endif
