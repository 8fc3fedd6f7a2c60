import CKernels
import LibC
import CFloatKernels
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Float arithmetic")
struct FloatArithmeticTests {
  @Test("The exponential is accurate over its whole range")
  func exponential() {
    for step in -87_000...88_000 {
      let x = Float(step) / 1000
      let expected = exp(Double(x))
      #expect(abs(Double(FloatRows.exp(x)) - expected) <= 3e-7 * expected)
    }
    #expect(FloatRows.exp(-.infinity) < 1e-37)
  }

  @Test("GELU is within a millionth of its definition by the error function")
  func gelu() {
    for step in -120_000...120_000 {
      let x = Float(step) / 10_000
      let expected = Double(x) / 2 * erfc(-Double(x) / 2.0.squareRoot())
      #expect(abs(Double(FloatRows.gelu(x)) - expected) <= 1e-6 * max(1, abs(expected)))
    }
    #expect(FloatRows.gelu(1e30) == 1e30)
    #expect(FloatRows.gelu(-1e30) == 0)
  }

  @Test("Softmax is that of its definition, whatever the magnitude of the scores", arguments: [1, 15, 16, 17, 197])
  func softmax(count: Int) {
    for offset in [-1000, 0, 1000] as [Float] {
      var row = (0..<count).map { offset + Float($0 * 37 % 23) / 4 - 3 }
      let powers = row.map { exp(0.5 * Double($0 - offset)) }
      let sum = powers.reduce(0, +)
      unsafe row.withUnsafeMutableBufferPointer { buffer in
        guard let start = buffer.baseAddress else { return }
        unsafe FloatRows.softmax(start, count: count, scoreScale: 0.5, probabilityScale: 0.25)
      }
      for (found, power) in zip(row, powers) { #expect(abs(Double(found) - 0.25 * power / sum) < 1e-6) }
    }
  }

  /// The kernels that this processor can run.
  static let kernels: [(name: String, gemm: SGEMM)] = {
    var kernels = [(name: "portable", gemm: SGEMM.portable)]
    #if arch(x86_64)
      let isas = vq_detect_isas()
      if isas & UInt32(vq_isa_avx2_fma) != 0 { kernels.append(("avx2", SGEMM(kernel: vq_sgemm_avx2))) }
      if isas & UInt32(vq_isa_avx512f) != 0 { kernels.append(("avx512", SGEMM(kernel: vq_sgemm_avx512))) }
    #endif
    return kernels
  }()

  /// Sizes around those of tiles, panels, blocks of inputs and of packed rows.
  @Test(
    "Every kernel multiplies exactly where products are integers",
    arguments: [
      (1, 1, 1), (1, 32, 4), (5, 33, 7), (12, 16, 3), (13, 48, 64), (6, 31, 511), (25, 65, 513), (3, 17, 1025),
      (7, 33, 768), (205, 34, 769), (409, 40, 1537),
    ])
  func products(_ m: Int, _ n: Int, _ k: Int) {
    let a = (0..<m * k).map { Float($0 * 31 % 17 - 8) }
    let weights = (0..<n * k).map { Float($0 * 29 % 13 - 6) }
    let bias = (0..<n).map { Float($0 - 5) }
    var expected = [Float](repeating: 0, count: m * n)
    for row in 0..<m {
      for column in 0..<n {
        expected[row * n + column] = (0..<k).reduce(bias[column]) { $0 + a[row * k + $1] * weights[column * k + $1] }
      }
    }
    let layer = PackedFloatLinear(FloatLinear(weight: weights, bias: bias, outputs: n, inputs: k))
    for (name, gemm) in Self.kernels {
      let (input, output) = (FloatBuffer(a), FloatBuffer([Float](repeating: -1, count: m * n + 1)))
      layer.apply(input, rows: m, into: output, with: gemm)
      #expect(output.array(m * n) == expected, "\(name)")
      #expect(output.array(m * n + 1).last == -1, "\(name) wrote beyond the last column")
    }
  }
}
