/// A small generator with 64 bits of state: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014. The same seed gives the same numbers on every machine.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// `count` numbers of a range, of a type of at most 32 bits.
  mutating func numbers<Number: FixedWidthInteger>(_ count: Int, in range: ClosedRange<Number>) -> [Number] {
    let lowest = Int64(range.lowerBound)
    let width = UInt64(Int64(range.upperBound) - lowest) + 1
    return (0..<count).map { _ in
      let offset = ((next() >> 32) &* width) >> 32
      return Number(truncatingIfNeeded: lowest &+ Int64(truncatingIfNeeded: offset))
    }
  }
}
