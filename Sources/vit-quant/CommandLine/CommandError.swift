/// Why a command ends without success; each kind has its exit status.
enum CommandError: Error, Equatable {
  /// A gate failed: `--fail-under`, `--fail-over`, `--baseline` or `verify`.
  case gate(String)
  /// The command line is wrong.
  case usage(String)
  /// An input file is missing, unreadable or invalid.
  case input(String)
  /// A limit cannot be met.
  case limit(String)

  var exitStatus: Int32 {
    switch self {
    case .gate: 1
    case .usage: 2
    case .input: 3
    case .limit: 4
    }
  }

  /// What was found, where, and what would be valid.
  var message: String {
    switch self {
    case .gate(let message), .usage(let message), .input(let message), .limit(let message): message
    }
  }

  /// The message on one line, whatever file names it quotes.
  var line: String { TerminalText.escaped(message) }
}
