import Synchronization
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Workers")
struct WorkerTests {
  @Test("Shares cover everything once, in whole units")
  func shares() {
    for count in 1...9 {
      let board = WorkBoard(workers: count)
      for unit in [1, 2, 16] {
        for total in Array(0...70) + [127, 128, 129, 3072] {
          let shares = (0..<count).map { board.share(of: total, unit: unit, owner: $0) }
          #expect(shares.flatMap { Array($0) } == Array(0..<total))
          for share in shares where !share.isEmpty { #expect(share.lowerBound % unit == 0) }
          let largest = shares.map(\.count).max() ?? 0
          #expect(largest <= ((total + unit - 1) / unit + count - 1) / count * unit, "shares are even")
        }
      }
    }
  }

  @Test("Every item of every phase is taken once, in whole units", arguments: [1, 2, 3, 7])
  func pieces(_ count: Int) {
    let phases = [(1, 1), (5, 1), (64, 16), (70, 16), (0, 1), (129, 1), (3, 16), (1000, 2)]
    let taken = phases.map { phase in (0..<phase.0).map { _ in Counter() } }
    let misplaced = Counter()
    let pool = WorkerPool<Int>(count: count) { worker, runs in
      for _ in 0..<runs {
        for (index, (total, unit)) in phases.enumerated() {
          worker.take(total, unit: unit) { items in
            if !items.lowerBound.isMultiple(of: unit) { misplaced.value.add(1, ordering: .relaxed) }
            for item in items { taken[index][item].value.add(1, ordering: .relaxed) }
          }
          worker.finishPhase(total)
        }
      }
    }
    #expect(pool.count == count)
    for _ in 0..<100 { pool.run(3) }
    #expect(taken.allSatisfy { $0.allSatisfy { $0.value.load(ordering: .relaxed) == 300 } })
    #expect(misplaced.value.load(ordering: .relaxed) == 0)
  }

  @Test("No worker goes on before all of a phase's work is done", arguments: [2, 3, 5])
  func phases(_ count: Int) {
    let done = Counter()
    let early = Counter()
    let items = 40
    let pool = WorkerPool<Void>(count: count) { worker, _ in
      for phase in 1...50 {
        worker.take(items, unit: 1) { piece in
          // The first pieces last longest, so that those who wait would be seen to go on early.
          if piece.contains(0) { for _ in 0..<2000 { done.value.add(0, ordering: .sequentiallyConsistent) } }
          if done.value.load(ordering: .acquiring) < (phase - 1) * items { early.value.add(1, ordering: .relaxed) }
          done.value.add(piece.count, ordering: .acquiringAndReleasing)
        }
        worker.finishPhase(items)
      }
    }
    for _ in 0..<10 {
      done.value.store(0, ordering: .relaxed)
      pool.run(())
      #expect(done.value.load(ordering: .relaxed) == 50 * items)
    }
    #expect(early.value.load(ordering: .relaxed) == 0)
  }

  @Test("A worker that does not come holds up nobody, and finds nothing to do later")
  func absentWorker() {
    let isOver = Counter()
    let taken = Counter()
    let takenLate = Counter()
    let waitedInVain = Counter()
    let pool = WorkerPool<Int>(count: 2) { worker, run in
      // If the run needed this worker, it would not be over before the worker gives up.
      let end = MonotonicClock.nanoseconds + 60_000_000_000
      while worker.index == 1, isOver.value.load(ordering: .acquiring) < run {
        guard MonotonicClock.nanoseconds < end else {
          waitedInVain.value.add(1, ordering: .relaxed)
          break
        }
      }
      for _ in 0..<20 {
        worker.take(32, unit: 1) { items in
          (worker.index == 1 ? takenLate : taken).value.add(items.count, ordering: .relaxed)
        }
        worker.finishPhase(32)
      }
    }
    for run in 1...10 {
      pool.run(run)
      isOver.value.store(run, ordering: .releasing)
    }
    #expect(waitedInVain.value.load(ordering: .relaxed) == 0)
    // Whoever came for a run after it was over may have helped with a later one.
    #expect(taken.value.load(ordering: .relaxed) + takenLate.value.load(ordering: .relaxed) == 10 * 20 * 32)
  }

  @Test("A pool that never runs goes away")
  func idlePool() {
    for _ in 0..<20 { _ = WorkerPool<Void>(count: 3) { _, _ in } }
  }

  /// A number that threads share.
  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }
}
