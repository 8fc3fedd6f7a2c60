import CKernels

/// Compares a table's kernels with another's, bit for bit.
///
///     var comparison = KernelComparison<ExactMemory>(of: table, with: Kernels.portable.table)
///     comparison.compare(.matmul, on: .quick)   // whether they are equal
struct KernelComparison<Memory: OperandMemory> {
  private let tested: vq_kernels
  private let expected: vq_kernels
  /// Single comparisons so far: one kernel called once on each side.
  private(set) var cases = 0

  init(of tested: vq_kernels, with expected: vq_kernels) {
    self.tested = tested
    self.expected = expected
  }

  /// Whether a kernel gives the same in all of the cases. Ends at the first difference.
  mutating func compare(_ kernel: Kernel, on cases: ComparisonCases) -> Bool {
    switch kernel {
    case .matmul: unsafe matmul(cases, isWide: false) { table, product in unsafe table.matmul(product) }
    case .matmulWide: unsafe matmul(cases, isWide: true) { table, product in unsafe table.matmul_wide(product) }
    case .rowRange32: rowRange32(cases)
    case .rowSquareSum: rowSquareSum(cases)
    case .rowNormalize16: rowNormalize16(cases)
    case .rowNormalize32: rowNormalize32(cases)
    case .rowRange16: rowRange16(cases)
    case .rowGELU: rowGELU(cases)
    case .rowActivate: rowActivate(cases)
    case .rowGate: rowGate(cases)
    case .rowRotate: rowRotate(cases)
    case .rowHadamard: rowHadamard(cases)
    case .rowQuantize: rowQuantize(cases)
    case .rowsQuantize: rowsQuantize(cases)
    case .packKeys: packKeys(cases)
    case .packKeysFixed: packKeysFixed(cases)
    case .packValues: packValues(cases)
    case .rowQuantizeWide: rowQuantizeWide(cases)
    case .packKeyWide: packKeyWide(cases)
    case .packValuesWide: packValuesWide(cases)
    case .rowMaximum: rowMaximum(cases)
    case .rowExp2: rowExp2(cases)
    case .rowCombine: rowCombine(cases)
    }
  }

  /// One comparison: whether `output` is the same with both tables.
  mutating func agree<Output: Equatable>(_ output: (vq_kernels) -> Output) -> Bool {
    cases += 1
    return output(tested) == output(expected)
  }

  private mutating func matmul(
    _ cases: ComparisonCases, isWide: Bool, _ call: (vq_kernels, UnsafePointer<vq_matmul>) -> Void
  ) -> Bool {
    for shape in cases.products where shape.isWide == isWide {
      let operands = MatmulOperands<Memory>(shape)
      for output in MatmulCase.outputs {
        let same = agree { table in unsafe operands.run(output) { unsafe call(table, $0) } }
        guard same else { return false }
      }
    }
    return true
  }
}
