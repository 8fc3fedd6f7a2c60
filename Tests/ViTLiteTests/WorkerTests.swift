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
      for unit in [1, 2, 16] {
        for total in Array(0...70) + [127, 128, 129, 3072] {
          let shares = (0..<count).map {
            Worker(index: $0, count: count, meeting: Barrier()).share(of: total, unit: unit)
          }
          #expect(shares.flatMap { Array($0) } == Array(0..<total))
          for share in shares where !share.isEmpty { #expect(share.lowerBound % unit == 0) }
          let largest = shares.map(\.count).max() ?? 0
          #expect(largest <= ((total + unit - 1) / unit + count - 1) / count * unit, "shares are even")
        }
      }
    }
  }

  @Test("Every worker of a pool runs once in each run", arguments: [1, 2, 3, 7])
  func pool(_ count: Int) {
    let runs = (0..<count).map { _ in Counter() }
    let pool = WorkerPool(count: count) { worker in runs[worker.index].value.add(1, ordering: .relaxed) }
    #expect(pool.count == count)
    for _ in 0..<200 { pool.run() }
    #expect(runs.map { $0.value.load(ordering: .relaxed) } == Array(repeating: 200, count: count))
  }

  @Test("No worker passes a barrier before all have come", arguments: [2, 3, 5])
  func barrier(_ count: Int) {
    let arrived = Counter()
    let early = Counter()
    let rounds = 50
    let pool = WorkerPool(count: count) { worker in
      for round in 1...rounds {
        arrived.value.add(1, ordering: .relaxed)
        worker.barrier()
        if arrived.value.load(ordering: .relaxed) < round * worker.count { early.value.add(1, ordering: .relaxed) }
        worker.barrier()
      }
    }
    for _ in 0..<10 {
      arrived.value.store(0, ordering: .relaxed)
      pool.run()
      #expect(arrived.value.load(ordering: .relaxed) == rounds * count)
    }
    #expect(early.value.load(ordering: .relaxed) == 0)
  }

  @Test("A pool that never runs goes away")
  func idlePool() {
    for _ in 0..<20 { _ = WorkerPool(count: 3) { _ in } }
  }

  /// A number that threads share.
  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }
}
