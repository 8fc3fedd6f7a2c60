import CEmulation
import CKernels
import Testing

@testable import Int8Kernels

@Suite("Emulated intrinsics")
struct IntrinsicTests {
  /// Bytes that are random, or the ends of 8-, 16-, 32- and 64-bit numbers.
  private static func fill(_ bytes: UnsafeMutableRawBufferPointer, _ random: inout SplitMix64) {
    let ends: [UInt64] = [
      0, .max, 1, 0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_8000_0000, 0x7FFF_FFFF_7FFF_FFFF,
      0x8000_8000_8000_8000, 0x7FFF_7FFF_7FFF_7FFF, 0x8080_8080_8080_8080, 0x7F7F_7F7F_7F7F_7F7F,
      0x00FF_00FF_00FF_00FF, 0x0100_FF00_0080_FF7F,
    ]
    for offset in stride(from: 0, to: bytes.count, by: 8) {
      let number = random.next() % 2 == 0 ? random.next() : ends[Int(random.next() % UInt64(ends.count))]
      bytes.storeBytes(of: number, toByteOffset: offset, as: UInt64.self)
    }
  }

  private static func operands(_ random: inout SplitMix64) -> vq_operands {
    var operands = vq_operands()
    withUnsafeMutableBytes(of: &operands.a) { fill($0, &random) }
    withUnsafeMutableBytes(of: &operands.b) { fill($0, &random) }
    withUnsafeMutableBytes(of: &operands.c) { fill($0, &random) }
    operands.mask = [0, .max, random.next(), random.next()][Int(random.next() % 4)]
    operands.count = [0, -1, .max, .min, 15, 16, 31, 32, 63, 64][Int(random.next() % 10)]
    if random.next() % 2 == 0 { operands.count = Int32(random.next() % 70) }
    return operands
  }

  private static let realSets = UInt32(vq_isa_avx2 | vq_isa_avxvnni | vq_isa_avx512vnni)

  @Test(
    "Those that this processor has give what its instructions give",
    .enabled(if: vq_detect_isas() & realSets != 0, "needs AVX2, AVX-VNNI or AVX-512 VNNI"))
  func emulatedEqualsReal() {
    var random = SplitMix64(seed: 1)
    for _ in 0..<20_000 {
      var operands = Self.operands(&random)
      var compared: Int32 = 0
      if let call = vq_differing_intrinsic(&operands, &compared) {
        Issue.record("\(String(cString: call)) of \(operands)")
        return
      }
      #expect(compared > 0)
    }
    #expect(vq_emulation_take_fault() == nil)
  }

  @Test("The VNNI product adds four products of unsigned and signed bytes, and wraps")
  func vnni() {
    let a: [UInt8] = [1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 200]
    let b: [Int8] = [5, -6, 7, -8, 127, 127, 127, 127, -128, -128, -128, -128, 9, 9, 9, -1]
    // 5 - 12 + 21 - 32; 4 * 255 * 127, beyond int16; 4 * 255 * -128; -200
    let products: [Int32] = [-18, 129_540, -130_560, -200]
    let starts: [Int32] = [0, .max, .min, 100]
    let expected: [Int32] = [-18, .max &+ 129_540, .min &- 130_560, -100]
    func repeated<Element>(_ elements: [Element], _ times: Int) -> [Element] {
      (0..<times).flatMap { _ in elements }
    }
    var half = repeated(starts, 2)
    vq_emulated_dpbusd256(&half, repeated(a, 2), repeated(b, 2))
    #expect(half == repeated(expected, 2))
    var whole = repeated(starts, 4)
    vq_emulated_dpbusd512(&whole, repeated(a, 4), repeated(b, 4))
    #expect(whole == repeated(expected, 4))
    #expect(zip(starts, products).map { $0 &+ $1 } == expected)
  }

  @Test("The int16 product adds two products, and wraps")
  func wideProduct() {
    let a: [Int16] = [1, 2, 300, -300, -32768, -32768, 32767, 1]
    let b: [Int16] = [5, -6, 7, 8, -32768, -32768, 32767, 1]
    // 5 - 12; 2100 - 2400; twice 2^30, which is 2^31; 32767 * 32767 + 1
    let starts: [Int32] = [0, .max, 0, 100]
    let expected: [Int32] = [-7, .max - 300, .min, 1_073_676_390]
    func repeated<Element>(_ elements: [Element], _ times: Int) -> [Element] {
      (0..<times).flatMap { _ in elements }
    }
    var half = repeated(starts, 2)
    vq_emulated_dpwssd256(&half, repeated(a, 2), repeated(b, 2))
    #expect(half == repeated(expected, 2))
    var whole = repeated(starts, 4)
    vq_emulated_dpwssd512(&whole, repeated(a, 4), repeated(b, 4))
    #expect(whole == repeated(expected, 4))
  }
}
