/// `vit-quant completions SHELL`
enum CompletionsCommand {
  static let command = Command(
    specification: CommandSpecification(
      name: "completions", summary: "Prints completions for a shell, or the manual page.",
      operands: [
        .init(
          "SHELL", nil, help: "bash, zsh or fish; man for the manual page",
          choices: Completions.Kind.allCases.map(\.rawValue))
      ],
      example: "vit-quant completions bash > ~/.local/share/bash-completion/completions/vit-quant"),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    guard let kind = Completions.Kind(rawValue: arguments.operands[0]) else {
      let valid = Completions.Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw .usage("\"\(arguments.operands[0])\" is no shell, in \"completions\", expected one of \(valid)")
    }
    try console.print(Completions(commands: Command.all.map(\.specification)).text(kind), terminator: "")
  }
}
