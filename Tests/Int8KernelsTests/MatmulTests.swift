import CKernels
import Testing

@testable import Int8Kernels

@Suite("Matrix products")
struct MatmulTests {
  @Test("The portable product is what the contract says", arguments: MatmulCase.all)
  func portableMatchesContract(shape: MatmulCase) {
    for output in MatmulCase.outputs {
      var shape = shape
      shape.output = output
      let operands = MatmulOperands(shape)
      #expect(operands.run { Portable.matmul($0) } == operands.naive)
    }
  }

  @Test(
    "Every instruction set gives the portable product, and writes nothing else",
    arguments: MatmulCase.all)
  func instructionSetsMatchPortable(shape: MatmulCase) {
    for output in MatmulCase.outputs {
      var shape = shape
      shape.output = output
      let operands = MatmulOperands(shape)
      let expected = operands.run { Portable.matmul($0) }
      for isa in InstructionSet.available {
        guard let kernels = isa.kernels else { continue }
        #expect(operands.run { kernels.table.matmul($0) } == expected, "\(isa)")
      }
    }
  }

  @Test("The instruction sets that are available can be used, and portable always is one")
  func availability() {
    #expect(InstructionSet.available.first == .portable)
    #expect(InstructionSet.fastest == InstructionSet.available.last)
    for isa in InstructionSet.allCases {
      #expect(isa.isAvailable == (isa.kernels != nil))
    }
  }
}
