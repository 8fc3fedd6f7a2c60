import Foundation
import Testing

@testable import Int8Kernels

@Suite("Integer exponential and GELU")
struct IntegerFunctionsTests {
  @Test("exp2Negative stays within 3 of 32640 * 2^(-x / 2^10), for every x")
  func exp2Negative() {
    var worst = 0.0
    for x in Int16(0)...Int16.max {
      let exact = 32640 * exp2(-Double(x) / 1024)
      worst = max(worst, abs(Double(FixedPoint.exp2Negative(x)) - exact))
    }
    #expect(worst <= 3)
  }

  @Test("exp2Negative is 32640 at 0, falls, and is 0 from 16 octaves on")
  func exp2NegativeShape() {
    #expect(FixedPoint.exp2Negative(0) == 32640)
    let values = (Int16(0)...Int16.max).map { FixedPoint.exp2Negative($0) }
    #expect(values.allSatisfy { (0...32640).contains($0) })
    // The roundings of the polynomial let it rise by one unit here and there.
    #expect(zip(values, values.dropFirst()).allSatisfy { $1 <= $0 + 1 })
    #expect(values[(16 << 10)...].allSatisfy { $0 == 0 })
  }

  @Test("gelu stays within its bound and half a unit of x Phi(x), for every x", arguments: Int32(5)...12)
  func gelu(fractionBits: Int32) {
    let unit = 1 / Double(1 << fractionBits)
    var worst = 0.0
    for x in Int16.min...Int16.max {
      let real = Double(x) * unit
      let exact = real * 0.5 * erfc(-real / 2.0.squareRoot())
      let error = abs(Double(FixedPoint.gelu(x, fractionBits: fractionBits)) * unit - exact)
      worst = max(worst, error)
    }
    #expect(worst <= 1.3e-4 + unit / 2)
  }

  @Test("gelu of 0 is 0, and of a large number the number itself", arguments: Int32(5)...12)
  func geluEnds(fractionBits: Int32) {
    #expect(FixedPoint.gelu(0, fractionBits: fractionBits) == 0)
    let large = Int16(min(5 << fractionBits, 32767))
    let value = FixedPoint.gelu(large, fractionBits: fractionBits)
    #expect(abs(Int32(value) - Int32(large)) <= 1)
  }
}
