import CKernels
import GuardedMemory

/// Compares every arm64 kernel with the portable one on the cases of Int8KernelsTests; prints a line for each kernel
/// and exits with 1 when one differs. Compiled into one module with the kernels, as Embedded Swift.
@main
struct Arm64Kernels {
  static func main() {
    let detected = vq_detect_isas()
    let tables: [(name: StaticString, bit: UInt32, table: vq_kernels)] = [
      ("neon", UInt32(vq_isa_neon), vq_kernels_neon), ("dotprod", UInt32(vq_isa_dotprod), vq_kernels_dotprod),
      ("i8mm", UInt32(vq_isa_i8mm), vq_kernels_i8mm),
    ]
    var allAgree = true
    for (name, bit, table) in tables {
      guard detected & bit != 0 else {
        report(name, "is not available")
        continue
      }
      let comparison = KernelComparison(of: table, with: Kernels.portable.table)
      for (kernel, agrees) in rows(comparison) + [("matmul", products(comparison))] {
        report(name, kernel, agrees ? "equal" : "DIFFERENT")
        allAgree = allAgree && agrees
      }
    }
    if !allAgree { exit_with_failure() }
    print("all kernels equal")
  }

  static func report(_ words: StaticString...) {
    for word in words { print(word, terminator: " ") }
    print("")
  }

  static func products(_ comparison: KernelComparison) -> Bool {
    MatmulCase.all.allSatisfy { shape in
      MatmulCase.outputs.allSatisfy { output in
        var shape = shape
        shape.output = output
        return comparison.matmul(shape)
      }
    }
  }

  static func rows(_ comparison: KernelComparison) -> [(StaticString, Bool)] {
    let everyNumber = Array(Int16.min...Int16.max)
    let everyDistance = (Int32(0)...33000).map { 5000 - $0 }
    func lengths(_ agree: (Int) -> Bool) -> Bool { RowCases.lengths.allSatisfy(agree) }
    return [
      ("range32", lengths(comparison.range32)), ("range16", lengths(comparison.range16)),
      ("square_sum", lengths(comparison.squareSum)), ("normalize", lengths(comparison.normalize)),
      ("maximum", lengths(comparison.maximum)), ("pack_key", lengths(comparison.packKey)),
      ("combine", lengths(comparison.combine)), ("quantize", lengths(comparison.quantize)),
      ("quantize of every number", RowCases.quantizers.allSatisfy { comparison.quantize(everyNumber, $0) }),
      (
        "gelu",
        (Int32(5)...12).allSatisfy { comparison.gelu(everyNumber, fractionBits: $0) }
          && lengths { count in RowCases.rows16(count).allSatisfy { comparison.gelu($0, fractionBits: 9) } }
      ),
      (
        "exp2",
        [1, 2].allSatisfy { comparison.exp2(everyDistance, maximum: 5000, planes: $0) }
          && lengths(comparison.exp2(count:))
      ),
      ("pack_values", RowCases.tokens.allSatisfy(comparison.packValues)),
    ]
  }
}
