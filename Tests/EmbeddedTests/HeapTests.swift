import Int8Kernels
import Testing

@testable import EmbeddedHeap

@Suite("The heap of the small programs")
struct HeapTests {
  private static let size = 1 << 16

  /// Calls `body` with a heap whose region is memory of the test's.
  private func withHeap(_ body: (inout Heap, Range<Int>) throws -> Void) throws {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: Self.size, alignment: 64)
    defer { memory.deallocate() }
    var heap = Heap()
    let region = Int(bitPattern: memory)..<Int(bitPattern: memory) + Self.size
    heap.use(region)
    try body(&heap, region)
  }

  private struct Block {
    var address: Int
    var count: Int
    var alignment: Int
    var pattern: UInt8

    var pointer: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: address) }
    var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: pointer, count: count) }
    var isIntact: Bool { bytes.allSatisfy { $0 == pattern } }
  }

  @Test("Blocks are aligned, lie in the region and keep their contents, whatever is allocated and freed beside them")
  func randomOrder() throws {
    var random = SplitMix64(seed: 3)
    try withHeap { heap, region in
      var blocks: [Block] = []
      for step in 0..<20_000 {
        if Int.random(in: 0..<100, using: &random) < 55 {
          let alignment = 1 << Int.random(in: 0..<8, using: &random)
          let isLarge = Int.random(in: 0..<10, using: &random) == 0
          let count = Int.random(in: 0..<(isLarge ? 8000 : 100), using: &random)
          guard let memory = heap.allocate(count, alignment: alignment) else { continue }
          let block = Block(
            address: Int(bitPattern: memory), count: count, alignment: alignment,
            pattern: UInt8(truncatingIfNeeded: step))
          #expect(block.address % alignment == 0)
          #expect(block.address >= region.lowerBound && block.address + count <= region.upperBound)
          #expect(heap.contains(memory))
          block.bytes.initializeMemory(as: UInt8.self, repeating: block.pattern)
          blocks.append(block)
        } else if !blocks.isEmpty {
          let block = blocks.remove(at: Int.random(in: 0..<blocks.count, using: &random))
          #expect(block.isIntact)
          if let pointer = block.pointer { heap.free(pointer) }
        }
      }
      #expect(blocks.count > 100)
      #expect(blocks.allSatisfy { $0.isIntact })
      for block in blocks.shuffled(using: &random) {
        if let pointer = block.pointer { heap.free(pointer) }
      }
      // All free blocks have become one again.
      let all = heap.allocate(Self.size - 64, alignment: 1)
      #expect(all != nil)
      #expect(heap.peak <= Self.size)
    }
  }

  @Test("A heap that is full gives nothing, and all again when it is free")
  func full() throws {
    try withHeap { heap, _ in
      let sizes = [Self.size / 2, Self.size / 4]
      let blocks = sizes.compactMap { heap.allocate($0, alignment: 64) }
      let refused = heap.allocate(Self.size / 2, alignment: 1)
      try #require(blocks.count == 2)
      #expect(refused == nil)
      for (size, block) in zip(sizes, blocks) {
        heap.free(block)
        let again = heap.allocate(size, alignment: 64)
        #expect(again == block)
      }
      #expect(heap.peak >= Self.size * 3 / 4 && heap.peak < Self.size)
    }
  }

  @Test("Sizes beyond the region are refused", arguments: [-1, Int.min, Int.max, HeapTests.size, HeapTests.size + 1])
  func beyond(_ count: Int) throws {
    try withHeap { heap, _ in
      let refused = heap.allocate(count, alignment: 16)
      #expect(refused == nil)
      #expect(heap.peak == 0)
    }
  }

  @Test("The peak counts what was in use at once, not what was allocated in turn")
  func peak() throws {
    try withHeap { heap, _ in
      for _ in 0..<1000 {
        let block = heap.allocate(1000, alignment: 16)
        heap.free(try #require(block))
      }
      #expect(heap.peak >= 1000 && heap.peak < 1100)
    }
  }
}
