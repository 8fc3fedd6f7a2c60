import Int8Kernels
import Quant

/// `vit-quant selftest`
enum SelfTestCommand {
  static let command = Command(
    specification: CommandSpecification(
      name: "selftest", summary: "Compares this machine's kernels with their portable definition, bit for bit.",
      options: [OptionDeclaration(SharedOptions.json)],
      example: "vit-quant selftest",
      notes: [
        "All instruction sets that the processor has, on long lists of shapes and values. The portable kernels are "
          + "compared with themselves. Exit status 1 when one differs.",
        "Gop/s are those of one product, 197 x 768 x 3072, on one thread; the peak is that of the set's product "
          + "instruction on registers alone.",
      ]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let isJSON = arguments[SharedOptions.json]
    var tests: [SelfTest] = []
    for set in InstructionSet.all where set.isPresent {
      console.note("comparing \(set)")
      guard let test = SelfTest(of: set) else { continue }
      tests.append(test)
      if isJSON { try console.print(test.json.serialized()) }
    }
    if !isJSON { try console.print(SelfTest.table(tests).text) }
    if let problem = SelfTest.problem(in: tests) { throw .gate(problem) }
  }
}
