import LibC

@main struct VitQuant {
  static let version = "0.1.0"

  static func main() {
    ResidentMemory.limitPieces()
    Signals.install()
    do throws(CommandError) {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      Console.report(error)
      exit(error.exitStatus)
    }
  }

  /// Finds the command and runs it.
  private static func run(_ arguments: [String]) throws(CommandError) {
    let console = Console(isQuiet: false, allowsColor: true)
    guard let name = arguments.first else {
      try console.print(HelpText.overview(Command.all.map(\.specification)), terminator: "")
      return
    }
    let rest = Array(arguments.dropFirst())
    switch name {
    case "--version", "version": try console.print("vit-quant \(version)")
    case "--help", "-h", "help": try help(rest, console)
    default: try Command.find(name).execute(rest)
    }
  }

  private static func help(_ arguments: [String], _ console: Console) throws(CommandError) {
    guard let name = arguments.first else {
      try console.print(HelpText.overview(Command.all.map(\.specification)), terminator: "")
      return
    }
    guard arguments.count == 1 else {
      throw .usage("one argument too many, \"\(arguments[1])\" in \"help\", expected: vit-quant help COMMAND")
    }
    try console.print(HelpText.page(Command.find(name).specification), terminator: "")
  }
}
