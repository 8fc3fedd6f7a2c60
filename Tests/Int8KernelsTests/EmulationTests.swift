import CEmulation
import CKernels
import Testing

@testable import Int8Kernels

@Suite("The x86-64 kernels, their instructions emulated in plain C, give the portable result")
struct EmulationTests {
  static let tables: [(name: String, table: vq_kernels)] = [
    ("avx2", vq_emulated_kernels_avx2), ("avxvnni", vq_emulated_kernels_avxvnni),
    ("avx512vnni", vq_emulated_kernels_avx512vnni), ("amx", vq_emulated_kernels_amx),
  ]

  private func expectAll(_ agree: (KernelComparison) -> Bool) {
    for (name, table) in Self.tables {
      #expect(agree(KernelComparison(of: table, with: Kernels.portable.table)), "\(name)")
      expectNoFault(name)
    }
  }

  @Test("Matrix products", arguments: MatmulCase.all)
  func matmul(shape: MatmulCase) {
    expectAll { comparison in
      MatmulCase.outputs.allSatisfy { output in
        var shape = shape
        shape.output = output
        return comparison.matmul(shape)
      }
    }
  }

  @Test("Rows of every length", arguments: RowCases.lengths)
  func rows(count: Int) {
    expectAll { $0.range32(count: count) && $0.range16(count: count) && $0.maximum(count: count) }
    expectAll { $0.squareSum(count: count) && $0.normalize(count: count) && $0.combine(count: count) }
    expectAll { $0.quantize(count: count) && $0.packKey(count: count) && $0.exp2(count: count) }
    expectAll { comparison in RowCases.rows16(count).allSatisfy { comparison.gelu($0, fractionBits: 9) } }
  }

  @Test("Packing of values", arguments: RowCases.tokens)
  func packValues(tokens: Int) {
    expectAll { $0.packValues(tokens: tokens) }
  }

  @Test("GELU of every int16 with every fraction", arguments: Int32(5)...12)
  func geluOfEveryNumber(fractionBits: Int32) {
    expectAll { $0.gelu(Array(Int16.min...Int16.max), fractionBits: fractionBits) }
  }

  @Test("Quantization of every int16 with quantizers of every exponent")
  func quantizeEveryNumber() {
    let row = Array(Int16.min...Int16.max)
    expectAll { comparison in
      RowCases.asymmetricQuantizers.allSatisfy { comparison.quantize(row, $0) }
    }
  }

  @Test("Exponentials of every distance", arguments: [1, 2])
  func exp2OfEveryDistance(planes: Int) {
    expectAll { $0.exp2((Int32(0)...33000).map { 5000 - $0 }, maximum: 5000, planes: planes) }
  }
}

/// Fails where an emulated instruction would have ended the program since the last call.
private func expectNoFault(_ name: String) {
  if let fault = vq_emulation_take_fault() { Issue.record("\(name): \(String(cString: fault))") }
}
