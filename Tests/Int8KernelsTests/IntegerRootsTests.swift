import Testing

@testable import Int8Kernels

@Suite("Integer roots and reciprocals")
struct IntegerRootsTests {
  /// Numbers of every magnitude: around the powers of two, and a few between.
  static let magnitudes: [UInt64] =
    (0..<64).flatMap { bit -> [UInt64] in
      let power = UInt64(1) << UInt64(bit)
      return [power - 1, power, power + 1, power + power / 3, power + power / 2, power + (power - 1) / 7 * 6]
    } + [.max - 1, .max]

  @Test("The square root of a normalized number is its floor")
  func squareRoot() {
    for x in Self.magnitudes where x >= 1 << 62 {
      let root = FixedPoint.squareRootOfNormalized(x)
      #expect(UInt128(root) * UInt128(root) <= UInt128(x))
      #expect(UInt128(root + 1) * UInt128(root + 1) > UInt128(x))
    }
    let roots: [UInt64] = [0x8000_0000, 0x8000_0001, 0xB504_F333, 0xFFFF_FFFE, 0xFFFF_FFFF]
    for root in roots + stride(from: 0x8000_0000, to: 0x1_0000_0000, by: 0x1_2347) {
      #expect(FixedPoint.squareRootOfNormalized(root * root) == root)
      #expect(FixedPoint.squareRootOfNormalized(root * root + 2 * root) == root)
    }
  }

  @Test("The reciprocal square root has 15 bits and a relative error of at most 2^-14")
  func reciprocalSquareRoot() {
    let numbers = Self.magnitudes.filter { $0 > 0 } + Array(1...20000)
    let wrong = numbers.filter { x in
      let (mantissa, shift) = FixedPoint.reciprocalSquareRoot(x)
      let product = Double(mantissa) * Double(x).squareRoot() / Double(UInt64(1) << UInt64(shift))
      return !(16384...32767).contains(mantissa) || !(15...46).contains(shift) || abs(product - 1) > 0x1p-14
    }
    #expect(wrong.isEmpty)
  }

  @Test("The reciprocal square root of 0 is that of 1")
  func reciprocalSquareRootOfZero() {
    let (zero, one) = (FixedPoint.reciprocalSquareRoot(0), FixedPoint.reciprocalSquareRoot(1))
    #expect(zero == one)
  }

  @Test("The reciprocal has 15 bits and a relative error of at most 2^-14")
  func reciprocal() {
    let large = Self.magnitudes.filter { $0 > 0 && $0 <= UInt64(Int32.max) }.map { Int32($0) }
    let wrong = (large + Array(1...70000)).filter { x in
      let (mantissa, shift) = FixedPoint.reciprocal(x)
      let product = Double(mantissa) * Double(x) / Double(UInt64(1) << UInt64(shift))
      return !(16384...32767).contains(mantissa) || !(15...45).contains(shift) || abs(product - 1) > 0x1p-14
    }
    #expect(wrong.isEmpty)
  }

  @Test("The reciprocal of what is not positive is that of 1")
  func reciprocalOfNonPositive() {
    let one = FixedPoint.reciprocal(1)
    for x in [Int32.min, -1, 0] {
      let value = FixedPoint.reciprocal(x)
      #expect(value == one)
    }
  }

  @Test("The mean is floor(sum / count + 1/2)")
  func mean() {
    for count in [Int32(1), 2, 3, 7, 192, 768, 4095] {
      let wrong = stride(from: Int64(-10000), through: 10000, by: 3).filter { sum in
        let expected = (Double(sum) / Double(count) + 0.5).rounded(.down)
        return FixedPoint.mean(ofSum: sum, count: count) != Int32(expected)
      }
      #expect(wrong.isEmpty, "count \(count)")
      let limit = Int64(FixedPoint.residualLimit)
      #expect(FixedPoint.mean(ofSum: limit * Int64(count), count: count) == Int32(limit))
      #expect(FixedPoint.mean(ofSum: -limit * Int64(count), count: count) == -Int32(limit))
    }
  }
}
