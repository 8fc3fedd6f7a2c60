import Testing

@testable import Int8Kernels

@Suite("Rounding")
struct RoundingTests {
  @Test("A rounded shift is floor(x / 2^shift + 1/2), ties towards positive infinity")
  func roundHalfUp() {
    #expect(FixedPoint.roundHalfUp(Int32(5), shift: 1) == 3)
    #expect(FixedPoint.roundHalfUp(Int32(-5), shift: 1) == -2)
    #expect(FixedPoint.roundHalfUp(Int64(-6), shift: 2) == -1)
    #expect(FixedPoint.roundHalfUp(Int64(6), shift: 2) == 2)
    for shift in Int32(0)...16 {
      let wrong = stride(from: Int32(-70000), through: 70000, by: 7).filter { x in
        let expected = (Double(x) / Double(1 << shift) + 0.5).rounded(.down)
        return FixedPoint.roundHalfUp(x, shift: shift) != Int32(expected)
          || FixedPoint.roundHalfUp(Int64(x), shift: shift) != Int64(expected)
      }
      #expect(wrong.isEmpty, "shift \(shift)")
    }
  }

  @Test("A rounded shift holds at the ends of its ranges")
  func roundHalfUpEdges() {
    #expect(FixedPoint.roundHalfUp(Int64.max, shift: 0) == .max)
    #expect(FixedPoint.roundHalfUp(Int64.min, shift: 0) == .min)
    #expect(FixedPoint.roundHalfUp(Int64.min, shift: 62) == -2)
    #expect(FixedPoint.roundHalfUp(Int64(1) << 61, shift: 62) == 1)
    #expect(FixedPoint.roundHalfUp((Int64(1) << 61) - 1, shift: 62) == 0)
    #expect(FixedPoint.roundHalfUp(-(Int64(1) << 61), shift: 62) == 0)
    #expect(FixedPoint.roundHalfUp(-(Int64(1) << 61) - 1, shift: 62) == -1)
    #expect(FixedPoint.roundHalfUp(Int32.min, shift: 30) == -2)
    #expect(FixedPoint.roundHalfUp(Int32(1) << 29, shift: 30) == 1)
    // The sum with the half wraps, as it does in vector registers.
    #expect(FixedPoint.roundHalfUp(Int32.max, shift: 1) == -(1 << 30))
  }

  @Test("A Q15 product is floor(a b / 2^15 + 1/2)")
  func multiplyQ15() {
    for b in [Int32(-32768), -32767, -16384, -1114, -1, 0, 1, 512, 16384, 32640, 32767] {
      let wrong = stride(from: Int32(-32768), through: 32767, by: 97).filter { a in
        let expected = (Double(a) * Double(b) / 32768 + 0.5).rounded(.down)
        return (a, b) != (-32768, -32768) && FixedPoint.multiplyQ15(Int16(a), Int16(b)) != Int16(expected)
      }
      #expect(wrong.isEmpty, "times \(b)")
    }
  }

  @Test("Requantization is exact in 128-bit arithmetic, and keeps the low 32 bits")
  func requantize() {
    for accumulator in [Int32.min, -100_000_001, -1, 0, 1, 77, 12_345_678, .max] {
      for row in [Int32(0), 1, 255, 16384, 32767] {
        for column in [Int32(-32767), -16384, -1, 0, 1, 20001, 32767] {
          let product = Int128(accumulator) * Int128(row) * Int128(column)
          let wrong = (Int32(0)...62).filter { shift in
            let expected = Int32(truncatingIfNeeded: (2 * product + (Int128(1) << shift)) >> (shift + 1))
            return FixedPoint.requantize(accumulator, row: row, column: column, shift: shift) != expected
          }
          #expect(wrong.isEmpty, "\(accumulator) \(row) \(column)")
        }
      }
    }
  }

  @Test("Saturation to int16 changes only what does not fit")
  func saturate() {
    for (x, expected) in [
      (Int32.min, Int16.min), (-32769, .min), (-32768, .min), (-1, -1), (32767, .max), (32768, .max), (.max, .max),
    ] {
      #expect(FixedPoint.saturateToInt16(x) == expected)
    }
  }
}
