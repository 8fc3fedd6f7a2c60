import Int8Kernels
import Quant
import ViTLite

/// Options about how inference runs, the same in `run` and `bench`.
enum ExecutionOptions {
  static let memoryLimit = Option<Int>(
    "--memory-limit", "SIZE", help: "resident memory to stay under, such as 24M or 16MiB (not served yet)",
    valid: ByteSize.valid, parse: { ByteSize.parse($0) })
  static let plan = Option<PlanKind>.choice(
    "--plan", help: "memory plan: fast by default; lean takes less memory and more time, with the same results")

  static let declarations = [
    OptionDeclaration(InstructionSetChoice.option), OptionDeclaration(memoryLimit), OptionDeclaration(plan),
  ]

  /// Refuses what the interface names but this version does not do.
  static func refuseUnserved(_ arguments: ParsedArguments) throws(CommandError) {
    if arguments[memoryLimit] != nil {
      throw .usage("--memory-limit is not served yet, in this version, expected a run without it")
    }
  }

  static func threads(_ arguments: ParsedArguments) -> Int {
    arguments[SharedOptions.threads] ?? ProcessorCount.available
  }
}
