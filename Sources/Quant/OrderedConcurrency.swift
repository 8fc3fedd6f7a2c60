import Int8Kernels
import LibC
import ViTLite

/// Runs `body` for 0 ..< `count` on several threads and hands the results to `consume` in the order of the indices, on
/// the calling thread: what comes out does not depend on the number of threads.
///
/// The calling thread is one of them: it works too, and consumes in between, so that as many threads run as there are
/// to run. Each thread owns a worker: a workspace or a session, which need not be safe to share. At most a few results per
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
package func forEachInOrder<Worker, Output: Sendable, Failure: Error>(
  count: Int, threads: Int,
  makeWorker: @escaping @Sendable () throws(Failure) -> Worker,
  body: @escaping @Sendable (inout Worker, Int) throws(Failure) -> Output,
  consume: (Int, Output) throws(Failure) -> Bool
) throws(Failure) {
  guard count > 0 else { return }
  let threadCount = max(1, min(threads, count))
  let queue = OrderedQueue<Output, Failure>(count: count, capacity: 4 * threadCount)
  let handles = (1..<threadCount).compactMap { _ in
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
  var worker: Result<Worker, Failure>?
  for index in 0..<count {
    var result = queue.takeIfReady(index)
    while result == nil {
      if let claimed = queue.claimIfAny() {
        queue.finish(claimed, perform(claimed, with: &worker, makeWorker: makeWorker, body: body))
        result = queue.takeIfReady(index)
      } else {
        result = queue.take(index)
      }
    }
    guard let result, try consume(index, result.get()) else { return }
  }
}

/// Results of `body` for 0 ..< `count` in the order of the indices, computed on several threads.
///
/// - Throws: the error of the smallest index that failed.
package func concurrentMap<Worker, Output: Sendable, Failure: Error>(
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

/// The same where threads need nothing of their own and nothing can fail.
/// - Parameter progress: told how many results there are.
func concurrentMap<Output: Sendable>(
  count: Int, threads: Int, progress: (Int) -> Void = { _ in }, body: @escaping @Sendable (Int) -> Output
) -> [Output] {
  var outputs: [Output] = []
  outputs.reserveCapacity(count)
  forEachInOrder(count: count, threads: threads) { () throws(Never) in
    ()
  } body: { (_, index) throws(Never) in
    body(index)
  } consume: { (_, output) throws(Never) in
    outputs.append(output)
    progress(outputs.count)
    return true
  }
  return outputs
}

/// One index of the work; the worker is made before the first.
private func perform<Worker, Output, Failure: Error>(
  _ index: Int, with worker: inout Result<Worker, Failure>?, makeWorker: () throws(Failure) -> Worker,
  body: (inout Worker, Int) throws(Failure) -> Output
) -> Result<Output, Failure> {
  let made = worker ?? Result(catching: makeWorker)
  worker = made
  return Result { () throws(Failure) in
    var current = try made.get()
    defer { worker = .success(current) }
    return try body(&current, index)
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
  private var takenCount = 0
  private var isStopped = false

  init(count: Int, capacity: Int) {
    self.count = count
    self.capacity = capacity
    results = Array(repeating: nil, count: capacity)
  }

  /// The next index to work on; waits while too many results wait. Nil when there is no more work.
  func claim() -> Int? {
    lock.whenever({ isStopped || next >= count || hasRoom }) { isStopped ? nil : claimed() }
  }

  /// The next index to work on; nil when there is no more work, or too many results wait.
  func claimIfAny() -> Int? {
    lock.whenever({ true }) { hasRoom ? claimed() : nil }
  }

  private var hasRoom: Bool { next < takenCount + capacity }

  /// To be called with the lock held.
  private func claimed() -> Int? {
    guard next < count else { return nil }
    defer { next += 1 }
    return next
  }

  func finish(_ index: Int, _ result: Result<Output, Failure>) {
    lock.whenever({ true }) { results[index % capacity] = result }
  }

  /// The result of an index; waits for it.
  func take(_ index: Int) -> Result<Output, Failure>? {
    lock.whenever({ results[index % capacity] != nil }) { taken(index) }
  }

  /// The result of an index; nil while there is none.
  func takeIfReady(_ index: Int) -> Result<Output, Failure>? {
    lock.whenever({ true }) { taken(index) }
  }

  /// To be called with the lock held.
  private func taken(_ index: Int) -> Result<Output, Failure>? {
    guard let result = results[index % capacity] else { return nil }
    results[index % capacity] = nil
    takenCount = index + 1
    return result
  }

  func stop() {
    lock.whenever({ true }) { isStopped = true }
  }
}
