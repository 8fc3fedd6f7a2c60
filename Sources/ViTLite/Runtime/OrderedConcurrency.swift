#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs `body` for 0 ..< `count` on several threads and hands the results to `consume` in the order of the indices, on
/// the calling thread: what comes out does not depend on the number of threads.
///
/// Each thread owns a worker: a workspace or a session, which need not be safe to share. At most a few results per
/// thread wait to be consumed, so that memory does not grow with `count`.
///
///     try forEachInOrder(count: images.count, threads: 2) {
///       try InferenceSession(model: model, instructionSet: .fastest, threads: 1)
///     } body: { session, index throws(InferenceError) in
///       try session.run(images[index])
///     } consume: { index, output in
///       print(index, output.crc32)
///     }
///
/// - Parameters:
///   - makeWorker: called once on each thread, before its first index.
///   - consume: returns false to stop early.
/// - Throws: the error of the smallest index that failed, after everything before it was consumed.
public func forEachInOrder<Worker, Output: Sendable, Failure: Error>(
  count: Int, threads: Int,
  makeWorker: @escaping @Sendable () throws(Failure) -> Worker,
  body: @escaping @Sendable (inout Worker, Int) throws(Failure) -> Output,
  consume: (Int, Output) throws(Failure) -> Bool
) throws(Failure) {
  let threadCount = max(1, min(threads, count))
  guard threadCount > 1 else {
    if count <= 0 { return }
    var worker = try makeWorker()
    for index in 0..<count where try !consume(index, body(&worker, index)) { return }
    return
  }
  let queue = OrderedQueue<Output, Failure>(count: count, capacity: 4 * threadCount)
  let handles = (0..<threadCount).compactMap { _ in
    ThreadHandle {
      var worker: Result<Worker, Failure>?
      while let index = queue.claim() {
        queue.finish(index, perform(index, with: &worker, makeWorker: makeWorker, body: body))
      }
    }
  }
  defer {
    queue.stop()
    for handle in handles { handle.join() }
  }
  // A system that gives no thread at all still gets the work done, here.
  if handles.isEmpty { return try runAlone(count: count, makeWorker: makeWorker, body: body, consume: consume) }
  for index in 0..<count where try !consume(index, queue.take(index).get()) { return }
}

/// Results of `body` for 0 ..< `count` in the order of the indices, computed on several threads.
///
/// - Throws: the error of the smallest index that failed.
public func concurrentMap<Worker, Output: Sendable, Failure: Error>(
  count: Int, threads: Int,
  makeWorker: @escaping @Sendable () throws(Failure) -> Worker,
  body: @escaping @Sendable (inout Worker, Int) throws(Failure) -> Output
) throws(Failure) -> [Output] {
  var outputs: [Output] = []
  outputs.reserveCapacity(count)
  try forEachInOrder(count: count, threads: threads, makeWorker: makeWorker, body: body) {
    (_, output) throws(Failure) in
    outputs.append(output)
    return true
  }
  return outputs
}

private func runAlone<Worker, Output, Failure: Error>(
  count: Int, makeWorker: () throws(Failure) -> Worker, body: (inout Worker, Int) throws(Failure) -> Output,
  consume: (Int, Output) throws(Failure) -> Bool
) throws(Failure) {
  var worker = try makeWorker()
  for index in 0..<count where try !consume(index, body(&worker, index)) { return }
}

/// One index of the work; the worker is made before the first.
private func perform<Worker, Output, Failure: Error>(
  _ index: Int, with worker: inout Result<Worker, Failure>?, makeWorker: () throws(Failure) -> Worker,
  body: (inout Worker, Int) throws(Failure) -> Output
) -> Result<Output, Failure> {
  do throws(Failure) {
    var current = if let worker { try worker.get() } else { try makeWorker() }
    defer { worker = .success(current) }
    return .success(try body(&current, index))
  } catch {
    return .failure(error)
  }
}

/// Hands out indices in ascending order and holds results until their turn.
private final class OrderedQueue<Output: Sendable, Failure: Error>: @unchecked Sendable {
  private let count: Int
  private let capacity: Int
  private let lock = Lock()
  private var results: [Result<Output, Failure>?]
  /// The next index to be worked on.
  private var next = 0
  /// How many were taken out.
  private var taken = 0
  private var isStopped = false

  init(count: Int, capacity: Int) {
    self.count = count
    self.capacity = capacity
    results = Array(repeating: nil, count: capacity)
  }

  /// The next index to work on; waits while too many results wait. Nil when there is no more work.
  func claim() -> Int? {
    lock.whenever({ isStopped || next >= count || next < taken + capacity }) {
      guard !isStopped, next < count else { return nil }
      defer { next += 1 }
      return next
    }
  }

  func finish(_ index: Int, _ result: Result<Output, Failure>) {
    lock.whenever({ true }) { results[index % capacity] = result }
  }

  /// The result of an index; waits for it.
  func take(_ index: Int) -> Result<Output, Failure> {
    var result: Result<Output, Failure>?
    while result == nil {
      result = lock.whenever({ results[index % capacity] != nil }) {
        defer {
          results[index % capacity] = nil
          taken = index + 1
        }
        return results[index % capacity]
      }
    }
    guard let result else { preconditionFailure("the loop ends with a result") }
    return result
  }

  func stop() {
    lock.whenever({ true }) { isStopped = true }
  }
}
