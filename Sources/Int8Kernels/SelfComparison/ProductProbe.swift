import CKernels

/// The product of the first layer of ViT-Base's MLP, 197 tokens x 768 inputs x 3072 outputs, to be timed on one thread.
@safe
package final class ProductProbe {
  /// Of one run; a multiplication and an addition are two.
  package let operations: Int64
  private let operands: MatmulOperands<ExactMemory>
  private let out: Operand<Int16, ExactMemory>
  private let table: vq_kernels

  /// Nil where the instruction set is not present.
  package init?(of instructionSet: InstructionSet) {
    guard let table = instructionSet.table else { return nil }
    self.table = table
    let shape = MatmulCase(rows: 197, columns: 3072, k: 768, shift: 36, values: .moderate, outPadding: 0)
    operations = 2 * Int64(shape.rows) * Int64(shape.columns) * Int64(shape.k)
    operands = MatmulOperands(shape)
    out = Operand(repeating: 0, count: operands.initialOutput.count)
  }

  package func run() {
    unsafe operands.call({ unsafe table.matmul($0) }, vq_output_int16, into: out.base)
  }
}
