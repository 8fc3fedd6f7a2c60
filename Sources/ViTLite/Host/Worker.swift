import CKernels
import Synchronization

/// One of the threads that work on an inference together; all run the same code, each on its share.
struct Worker {
  /// 0 ..< count
  let index: Int
  let count: Int
  private let meeting: Barrier

  init(index: Int, count: Int, meeting: Barrier) {
    self.index = index
    self.count = count
    self.meeting = meeting
  }

  /// This worker's share of `total` items, in whole units of `unit` items; the shares are contiguous and cover all.
  func share(of total: Int, unit: Int = 1) -> Range<Int> {
    let units = (total + unit - 1) / unit
    // Rounded up, so that the first worker gets what cannot be shared.
    let low = (units * index + count - 1) / count * unit
    let high = (units * (index + 1) + count - 1) / count * unit
    return min(low, total)..<min(high, total)
  }

  /// Waits until all workers have come here.
  func barrier() {
    if count > 1 { meeting.wait(for: count) }
  }
}

/// Counts arrivals and turns to the next generation when the last one comes.
final class Barrier: Sendable {
  /// Shares are even, so that the wait is short unless the processor is shared with others: some microseconds of
  /// spinning, then the processor is given away until the last worker has come.
  private static let spins = 2048

  private let arrived = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let lock = Lock()

  func wait(for count: Int) {
    let current = generation.load(ordering: .acquiring)
    if arrived.add(1, ordering: .acquiringAndReleasing).newValue == count {
      arrived.store(0, ordering: .relaxed)
      // Either this thread sees the sleeper, or the sleeper sees the new generation: both are in one order for all.
      generation.store(current &+ 1, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 { lock.change {} }
      return
    }
    for _ in 0..<Self.spins {
      if generation.load(ordering: .acquiring) != current { return }
      vq_pause()
    }
    sleepers.add(1, ordering: .sequentiallyConsistent)
    lock.wait(until: { generation.load(ordering: .sequentiallyConsistent) != current }) {}
    sleepers.subtract(1, ordering: .relaxed)
  }
}
