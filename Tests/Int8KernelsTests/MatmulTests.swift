import CKernels
import Testing

@testable import Int8Kernels

@Suite("Matrix products: the portable result")
struct MatmulTests {
  @Test("The portable product is what the contract says", arguments: MatmulCase.quick + MatmulCase.thorough)
  func portableMatchesContract(shape: MatmulCase) {
    let operands = MatmulOperands<GuardedMemory>(shape)
    for output in MatmulCase.outputs {
      let found = operands.run(output) { shape.isWide ? Portable.matmulWide($0) : Portable.matmul($0) }
      #expect(found == operands.naive(output))
    }
  }

  @Test("Moderate values reach the inside of int16, random ones its ends")
  func valuesCoverInt16() {
    func saturated(_ values: MatmulCase.Values) -> Int {
      let operands = MatmulOperands<GuardedMemory>(MatmulCase(rows: 18, columns: 34, k: 72, shift: 34, values: values))
      return operands.run(vq_output_int16) { Portable.matmul($0) }.count { abs($0) >= 32767 }
    }
    #expect(saturated(.moderate) < 18 * 34 / 4)
    #expect(saturated(.random) > 18 * 34 / 2)
  }
}
