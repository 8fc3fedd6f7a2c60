/// The place of each buffer of an inference in the arena, chosen by the stages in which the buffer is needed.
///
/// Buffers whose lifetimes overlap never share a byte; others may.
package struct MemoryPlan: Sendable {
  /// A buffer to be placed, or one that has its place.
  package struct Request: Sendable, Equatable {
    package var name: String
    package var byteCount: Int
    /// First and last stage in which its contents matter.
    package var lifetime: ClosedRange<Int>
    /// Where it lies in the arena; 0 until it is placed.
    package fileprivate(set) var offset = 0

    package init(name: String, byteCount: Int, lifetime: ClosedRange<Int>) {
      self.name = name
      self.byteCount = byteCount
      self.lifetime = lifetime
    }
  }

  /// Every buffer starts at a multiple of this.
  package static let alignment = 64

  /// In the order given.
  package let buffers: [Request]
  /// Size of the arena.
  package let byteCount: Int

  /// Places the largest buffers first, each at the lowest offset that is free throughout its lifetime.
  package init(_ requests: [Request]) {
    var buffers = requests
    var placed: [Int] = []
    let order = buffers.indices.sorted {
      (buffers[$0].byteCount, buffers[$1].lifetime.lowerBound) > (
        buffers[$1].byteCount, buffers[$0].lifetime.lowerBound
      )
    }
    for index in order {
      let conflicts =
        placed.filter { buffers[$0].lifetime.overlaps(buffers[index].lifetime) }
        .sorted { buffers[$0].offset < buffers[$1].offset }
      var offset = 0
      for other in conflicts {
        if offset + Self.aligned(buffers[index].byteCount) <= buffers[other].offset { break }
        offset = max(offset, buffers[other].offset + Self.aligned(buffers[other].byteCount))
      }
      buffers[index].offset = offset
      placed.append(index)
    }
    self.buffers = buffers
    byteCount = buffers.reduce(0) { max($0, $1.offset + Self.aligned($1.byteCount)) }
  }

  /// Takes places that were computed before.
  ///
  /// - Parameter places: one for each buffer, in units of the alignment.
  /// - Throws: where there is not one for each, where one lies beyond what the buffers take without sharing anything, or
  ///   where two share a byte that are needed at the same time.
  init(_ requests: [Request], at places: [Int]) throws(MisplacedBuffer) {
    guard places.count == requests.count else { throw MisplacedBuffer(name: "all buffers") }
    let most = requests.reduce(0) { $0 + Self.aligned($1.byteCount) }
    var buffers = requests
    for (index, place) in places.enumerated() {
      let size = Self.aligned(requests[index].byteCount)
      guard place >= 0, place <= (most - size) / Self.alignment else {
        throw MisplacedBuffer(name: requests[index].name)
      }
      let offset = place * Self.alignment
      for other in buffers[..<index] where other.lifetime.overlaps(requests[index].lifetime) {
        guard offset + size <= other.offset || other.offset + Self.aligned(other.byteCount) <= offset else {
          throw MisplacedBuffer(name: "\(requests[index].name)\" on that of \"\(other.name)")
        }
      }
      buffers[index].offset = offset
    }
    self.buffers = buffers
    byteCount = buffers.reduce(0) { max($0, $1.offset + Self.aligned($1.byteCount)) }
  }

  /// Rounded up to the alignment.
  package static func aligned(_ byteCount: Int) -> Int {
    (byteCount + alignment - 1) / alignment * alignment
  }
}

/// A stored place that a buffer cannot have.
package struct MisplacedBuffer: Error {
  package let name: String
}
