import Int8Kernels
import Quant
import ViTLite

/// Options about how inference runs, the same in `run` and `bench`.
enum ExecutionOptions {
  static let memoryLimit = Option<Int>(
    "--memory-limit", "SIZE",
    help: "resident memory to stay under, such as 24M or 16MiB: weights are read again for each image",
    valid: ByteSize.valid, parse: { ByteSize.parse($0) })
  static let plan = Option<PlanKind>.choice(
    "--plan", help: "lean takes less memory and more time; fast by default, unless only lean fits under the limit")

  static let declarations = [
    OptionDeclaration(InstructionSetChoice.option), OptionDeclaration(memoryLimit), OptionDeclaration(plan),
  ]

  /// - Throws: when the instruction set asked for cannot be used here.
  static func execution(_ arguments: ParsedArguments) throws(CommandError) -> Execution {
    Execution(
      instructionSet: try InstructionSetChoice.resolve(arguments), threads: threads(arguments), plan: arguments[plan],
      memoryLimit: arguments[memoryLimit])
  }

  static func threads(_ arguments: ParsedArguments) -> Int {
    arguments[SharedOptions.threads] ?? ProcessorCount.available
  }
}
