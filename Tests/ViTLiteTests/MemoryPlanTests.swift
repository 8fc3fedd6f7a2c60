import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Memory plan")
struct MemoryPlanTests {
  private static func requests(seed: UInt64) -> [MemoryPlan.Request] {
    var generator = SplitMix64(seed: seed)
    return (0..<Int.random(in: 0...40, using: &generator)).map { index in
      let first = Int.random(in: 0...9, using: &generator)
      let last = Int.random(in: first...9, using: &generator)
      // Many of equal size, some empty.
      let size = Int.random(in: 0...5, using: &generator) * Int.random(in: 0...3000, using: &generator)
      return MemoryPlan.Request(name: "buffer \(index)", byteCount: size, lifetime: first...last)
    }
  }

  @Test("Buffers that live at the same time share no byte")
  func disjointness() {
    for seed in 0..<500 as Range<UInt64> {
      let plan = MemoryPlan(Self.requests(seed: seed))
      for (index, one) in plan.buffers.enumerated() {
        for other in plan.buffers[(index + 1)...] where one.lifetime.overlaps(other.lifetime) {
          let areApart = one.offset + one.byteCount <= other.offset || other.offset + other.byteCount <= one.offset
          #expect(areApart || one.byteCount == 0 || other.byteCount == 0, "seed \(seed): \(one), \(other)")
        }
      }
    }
  }

  @Test("Every buffer is aligned and within the arena")
  func alignment() {
    for seed in 0..<500 as Range<UInt64> {
      let requests = Self.requests(seed: seed)
      let plan = MemoryPlan(requests)
      #expect(plan.byteCount % MemoryPlan.alignment == 0)
      #expect(plan.buffers.map(\.name) == requests.map(\.name))
      #expect(plan.buffers.map(\.byteCount) == requests.map(\.byteCount))
      for buffer in plan.buffers {
        #expect(buffer.offset % MemoryPlan.alignment == 0)
        #expect(buffer.offset >= 0 && buffer.offset + buffer.byteCount <= plan.byteCount)
      }
    }
  }

  @Test("The arena is no smaller than any stage needs, and no larger than the sum")
  func arenaSize() {
    for seed in 0..<500 as Range<UInt64> {
      let requests = Self.requests(seed: seed)
      let plan = MemoryPlan(requests)
      for stage in 0...9 {
        let needed = requests.filter { $0.lifetime.contains(stage) }.reduce(0) { $0 + MemoryPlan.aligned($1.byteCount) }
        #expect(plan.byteCount >= needed)
      }
      #expect(plan.byteCount <= requests.reduce(0) { $0 + MemoryPlan.aligned($1.byteCount) })
    }
  }

  @Test("The same requests give the same plan")
  func purity() {
    for seed in 0..<50 as Range<UInt64> {
      #expect(MemoryPlan(Self.requests(seed: seed)).buffers == MemoryPlan(Self.requests(seed: seed)).buffers)
    }
  }

  @Test("Lifetimes that follow each other share memory")
  func sharing() {
    let plan = MemoryPlan([
      MemoryPlan.Request(name: "first", byteCount: 1000, lifetime: 0...1),
      MemoryPlan.Request(name: "second", byteCount: 1000, lifetime: 2...3),
    ])
    #expect(plan.byteCount == 1024)
  }
}
