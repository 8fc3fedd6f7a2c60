import Foundation

/// Sebastiano Vigna's SplitMix64, and values of known distributions: the same numbers on every machine.
struct RandomValues: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func uniform(_ count: Int, in range: ClosedRange<Float>) -> [Float] {
    (0..<count).map { _ in Float.random(in: range, using: &self) }
  }

  /// Mean 0, deviation 1 (Box and Muller).
  mutating func normal(_ count: Int) -> [Float] {
    (0..<count).map { _ in
      let radius = (-2 * log(Double.random(in: 0x1p-53...1, using: &self))).squareRoot()
      return Float(radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self)))
    }
  }

  /// Mean 0, scale 1: heavier tails than a normal distribution.
  mutating func laplace(_ count: Int) -> [Float] {
    (0..<count).map { _ in
      let magnitude = -log(Double.random(in: 0x1p-53...1, using: &self))
      return Float(Bool.random(using: &self) ? magnitude : -magnitude)
    }
  }
}
