/// A command: what its line looks like, and what it does.
struct Command: Sendable {
  let specification: CommandSpecification
  let run: @Sendable (ParsedArguments, Console) throws(CommandError) -> Void

  static let all: [Command] = [
    DemoCommand.command, CalibrateCommand.command, RunCommand.command, ReportCommand.command, BenchCommand.command,
    InspectCommand.command, VerifyCommand.command, SelfTestCommand.command, ExportCommand.command,
    CompletionsCommand.command,
  ]

  /// The command of that name.
  static func find(_ name: String) throws(CommandError) -> Command {
    if let command = all.first(where: { $0.specification.name == name }) { return command }
    let names = all.map(\.specification.name)
    let kind = name.hasPrefix("-") ? "option" : "command"
    let suggestion = Suggestion.nearest(to: name, among: names + ["help"]).map { "did you mean \($0)?" }
    throw .usage("unknown \(kind) \"\(name)\", \(suggestion ?? "expected one of \(names.joined(separator: ", "))")")
  }

  func execute(_ arguments: [String]) throws(CommandError) {
    let parsed = try ParsedArguments(arguments, for: specification)
    let console = Console(isQuiet: parsed[SharedOptions.quiet], allowsColor: !parsed[SharedOptions.noColor])
    if parsed[SharedOptions.help] {
      try console.print(HelpText.page(specification), terminator: "")
    } else {
      try OutputConflict.check(parsed.paths(specification))
      try run(parsed, console)
    }
  }
}
