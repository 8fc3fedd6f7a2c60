import Testing

@testable import Int8Kernels

@Suite("Quantization of a row")
struct RowQuantizerTests {
  /// What 8 bits can't hold: half a step, and what the fixed-point inverse adds.
  static let errorInSteps = 0.53

  static let ends: [Int32] = [-32768, -32767, -16385, -16384, -8192, -1000, -129, -128, -3, -2, -1, 0]

  @Test("Zero is exact, and no value of the range is further than half a step off", arguments: ends)
  func asymmetric(minimum: Int32) {
    for maximum in Self.ends.map({ min(-$0, 32767) }) {
      let quantizer = RowQuantizer(minimum: minimum, maximum: maximum)
      #expect((1...32767).contains(quantizer.multiplier))
      #expect((0...255).contains(quantizer.zeroPoint))
      #expect(RowQuantizer.level(0, quantizer.cValue) == quantizer.zeroPoint)
      let step = 2 * Double(quantizer.multiplier) / 255
      var worst = 0.0
      for x in stride(from: minimum, through: maximum, by: max(1, Int(maximum - minimum) / 500)) {
        let level = min(max(RowQuantizer.level(Int16(x), quantizer.cValue), 0), 255)
        worst = max(worst, abs(Double(level - quantizer.zeroPoint) * step - Double(x)) / step)
      }
      #expect(worst <= Self.errorInSteps, "\(minimum)...\(maximum)")
    }
  }

  @Test("A symmetric quantizer reaches 127 and no further")
  func symmetric() {
    for magnitude in [Int32(1), 2, 3, 100, 127, 128, 8191, 8192, 16383, 16384, 32766, 32767] {
      let quantizer = RowQuantizer(magnitude: magnitude)
      #expect(quantizer.zeroPoint == 0)
      let step = Double(magnitude) / 127
      for x in stride(from: -magnitude, through: magnitude, by: max(1, Int(magnitude) / 200)) {
        let level = RowQuantizer.level(Int16(x), quantizer.cValue)
        #expect((-127...127).contains(level))
        #expect(abs(Double(level) * step - Double(x)) / step <= Self.errorInSteps)
      }
      #expect(RowQuantizer.level(Int16(magnitude), quantizer.cValue) == 127)
    }
  }

  @Test("No pair of int16 numbers traps, ordered or not")
  func anyPair() {
    let numbers = Array(stride(from: Int32(-32768), through: 32767, by: 331)) + [-1, 0, 1, 32767]
    for minimum in numbers {
      for maximum in numbers {
        let quantizer = RowQuantizer(minimum: minimum, maximum: maximum)
        let valid =
          (1...32767).contains(quantizer.multiplier) && (0...255).contains(quantizer.zeroPoint)
          && (-1...13).contains(quantizer.exponent) && (0...32767).contains(quantizer.inverse)
        if !valid { Issue.record("\(minimum), \(maximum): \(quantizer)") }
      }
    }
  }
}
