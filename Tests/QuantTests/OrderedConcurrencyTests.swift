import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Ordered concurrency")
struct OrderedConcurrencyTests {
  private struct Failure: Error, Equatable {
    var index: Int
  }

  @Test("Results come in order for any number of threads", arguments: [1, 2, 5, 64])
  func order(_ threads: Int) throws {
    let squares = try concurrentMap(count: 1000, threads: threads) { () throws(Failure) in
      0
    } body: { (worker, index) throws(Failure) in
      worker += 1
      // Later indices finish first now and then.
      for _ in 0..<(index % 7) * 100 { worker &*= 3 }
      return index * index
    }
    #expect(squares == (0..<1000).map { $0 * $0 })
  }

  @Test("The error of the smallest index is thrown, after all results before it", arguments: [1, 4])
  func errors(_ threads: Int) {
    var consumed: [Int] = []
    #expect(throws: Failure(index: 40)) {
      try forEachInOrder(count: 100, threads: threads) { () throws(Failure) in
        ()
      } body: { (_, index) throws(Failure) in
        if index >= 40 { throw Failure(index: index) }
        return index
      } consume: { (index, _) throws(Failure) in
        consumed.append(index)
        return true
      }
    }
    #expect(consumed == Array(0..<40))
  }

  @Test("The consumer can stop", arguments: [1, 3])
  func stopping(_ threads: Int) throws {
    var consumed = 0
    try forEachInOrder(count: 1_000_000, threads: threads) { () throws(Failure) in
      ()
    } body: { (_, index) throws(Failure) in
      index
    } consume: { (_, _) throws(Failure) in
      consumed += 1
      return consumed < 10
    }
    #expect(consumed == 10)
  }

  @Test("A worker that cannot be made is an error of the first index")
  func workerError() {
    #expect(throws: Failure(index: -1)) {
      _ = try concurrentMap(count: 10, threads: 3) { () throws(Failure) -> Int in
        throw Failure(index: -1)
      } body: { (_, index) throws(Failure) in
        index
      }
    }
  }

  @Test("No worker is made for no work")
  func empty() throws {
    let empty = try concurrentMap(count: 0, threads: 4) { () throws(Failure) -> Int in
      throw Failure(index: 0)
    } body: { (_, index) throws(Failure) in
      index
    }
    #expect(empty.isEmpty)
  }
}
