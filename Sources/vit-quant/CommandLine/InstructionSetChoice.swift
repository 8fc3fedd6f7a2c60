import Int8Kernels
import Quant
import ViTLite

/// `--isa` and the environment variable `VIT_QUANT_ISA`.
enum InstructionSetChoice {
  /// All that the project knows, of every architecture, and `auto`.
  private static let names = [
    "auto", "portable", "avx2", "avxvnni", "avx512vnni", "amx", "neon", "dotprod", "i8mm",
  ]

  static let option = Option<String>(
    "--isa", "NAME", help: "instruction set: \(names.joined(separator: ", ")); auto, the fastest here, by default",
    valid: "one of \(names.joined(separator: ", "))"
  ) { names.contains($0) ? $0 : nil }

  /// The instruction set that the command line asks for, or else the environment.
  ///
  /// - Throws: `limit` when this machine, or this build, does not have what was asked for.
  static func resolve(_ arguments: ParsedArguments) throws(CommandError) -> InstructionSet {
    guard let name = arguments[option] else { return try preferred() }
    return try instructionSet(named: name)
  }

  /// What `VIT_QUANT_ISA` asks for; the fastest here when it is not set.
  static func preferred() throws(CommandError) -> InstructionSet {
    guard let name = Environment["VIT_QUANT_ISA"], !name.isEmpty else { return .fastest }
    guard names.contains(name) else {
      throw .usage("\"\(name)\" is no instruction set, in VIT_QUANT_ISA, expected \(option.valid)")
    }
    return try instructionSet(named: name)
  }

  private static func instructionSet(named name: String) throws(CommandError) -> InstructionSet {
    guard name != "auto" else { return .fastest }
    guard let instructionSet = InstructionSet(rawValue: name), instructionSet.isAvailable else {
      let available = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
      throw .limit("instruction set \(name), not on this machine, expected one of \(available)")
    }
    return instructionSet
  }
}
