import Int8Kernels
import Quant
import ViTLite

/// `--isa` and the environment variable `VIT_QUANT_ISA`.
enum InstructionSetChoice {
  /// All that the project knows, of every architecture, and `auto`.
  private static let names = ["auto"] + InstructionSet.all.map(\.name)

  static let option = Option<String>(
    "--isa", "NAME", help: "instruction set: \(names.joined(separator: ", ")); auto, the fastest here, by default",
    valid: "one of \(names.joined(separator: ", "))"
  ) { names.contains($0) ? $0 : nil }

  /// The instruction set that the command line asks for, or else the environment.
  ///
  /// - Throws: `limit` when this machine, or this build, does not have what was asked for, or its kernels are wrong.
  static func resolve(_ arguments: ParsedArguments) throws(CommandError) -> InstructionSet {
    guard let name = arguments[option] else { return try preferred() }
    return try instructionSet(named: name)
  }

  /// What `VIT_QUANT_ISA` asks for; the fastest here when it is not set.
  static func preferred() throws(CommandError) -> InstructionSet {
    guard let name = Environment["VIT_QUANT_ISA"], !name.isEmpty else { return fastest }
    guard names.contains(name) else {
      throw .usage("\"\(name)\" is no instruction set, in VIT_QUANT_ISA, expected \(option.valid)")
    }
    return try instructionSet(named: name)
  }

  private static func instructionSet(named name: String) throws(CommandError) -> InstructionSet {
    guard name != "auto", let instructionSet = InstructionSet(name: name) else { return fastest }
    if let problem = problem(with: instructionSet, instructionSet.verdict) {
      let available = InstructionSet.available.map(\.name).joined(separator: ", ")
      throw .limit("\(problem), expected one of \(available)")
    }
    return instructionSet
  }

  /// The fastest here. What had to be passed over for it is said once, on standard error.
  private static let fastest: InstructionSet = {
    let choice = fastest(of: InstructionSet.all) { $0.verdict }
    for warning in choice.warnings { Console.warn(warning) }
    return choice.instructionSet
  }()

  /// The last of `sets` whose kernels are equal to the portable ones, and a warning for each after it whose kernels are
  /// not. Sets before it are not asked for.
  static func fastest(
    of sets: [InstructionSet], verdict: (InstructionSet) -> InstructionSet.Verdict
  ) -> (instructionSet: InstructionSet, warnings: [String]) {
    var warnings: [String] = []
    for set in sets.reversed() {
      let verdict = verdict(set)
      if verdict == .equal { return (set, warnings) }
      if verdict != .unavailable, let problem = problem(with: set, verdict) {
        warnings.append("\(problem), is not used")
      }
    }
    return (.portable, warnings)
  }

  /// Why an instruction set can't be used; nil where it can.
  static func problem(with set: InstructionSet, _ verdict: InstructionSet.Verdict) -> String? {
    switch verdict {
    case .equal: nil
    case .unavailable: "instruction set \(set), not on this machine"
    case .differs(let kernel):
      "instruction set \(set), whose kernel \(kernel.rawValue) gives other integers than the portable one"
    }
  }
}
