/// The pages that `--help` and `help` print.
enum HelpText {
  /// What `vit-quant` alone prints.
  static func overview(_ commands: [CommandSpecification]) -> String {
    var lines = [
      "vit-quant: Vision Transformers in int8, with a report of what that costs.", "",
      "Usage: vit-quant COMMAND [options]", "", "Commands:",
    ]
    lines += columns(commands.map { ($0.name, $0.summary) })
    lines += [
      "", "To begin:", "  vit-quant demo                    see it work on the bundled model",
      "  vit-quant help COMMAND            options of a command, with an example", "",
      "Exit status: 0 success, 1 a gate failed, 2 wrong command line, 3 bad input file, 4 a limit cannot be met.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  static func page(_ command: CommandSpecification) -> String {
    var lines = [command.summary, "", "Usage: " + command.usages.joined(separator: "\n       ")]
    if !command.operands.isEmpty { lines += [""] + columns(command.operands.map { ($0.name, $0.help) }) }
    lines += ["", "Options:"]
    lines += columns(
      command.allOptions.map { option in
        let short = option.shortForm.map { "\($0), " } ?? ""
        let name = short + (option.placeholder.map { "\(option.name) \($0)" } ?? option.name)
        return (name, option.help + (option.isRepeatable && option.placeholder != nil ? " (repeatable)" : ""))
      })
    if !command.notes.isEmpty { lines += [""] + command.notes.flatMap { wrap($0, width: 100) } }
    lines += ["", "Example:"] + command.example.split(separator: "\n").map { "  \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Two columns; text wider than the first one pushes the second to a line of its own.
  private static func columns(_ rows: [(String, String)]) -> [String] {
    let width = min(rows.map(\.0.count).max() ?? 0, 28)
    return rows.flatMap { name, text in
      let wrapped = wrap(text, width: 100 - width)
      let indent = String(repeating: " ", count: width + 4)
      let first = "  " + name + String(repeating: " ", count: max(0, width - name.count) + 2)
      let head = name.count > width ? ["  \(name)", indent + wrapped[0]] : [first + wrapped[0]]
      return head + wrapped.dropFirst().map { indent + $0 }
    }
  }

  private static func wrap(_ text: String, width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let line = lines[lines.count - 1]
      if line.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if line.count + 1 + word.count <= width {
        lines[lines.count - 1] = line + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
