/// Completions for shells, and the manual page, made from what the commands declare.
struct Completions {
  enum Kind: String, CaseIterable, Sendable {
    case bash
    case zsh
    case fish
    /// A manual page for `man`.
    case man
  }

  let commands: [CommandSpecification]

  func text(_ kind: Kind) -> String {
    switch kind {
    case .bash: bash
    case .zsh: zsh
    case .fish: fish
    case .man: man
    }
  }

  private var names: String { commands.map(\.name).joined(separator: " ") }

  /// The words that an operand can be; empty where it is a file.
  private func words(_ command: CommandSpecification) -> [String] { command.operands.flatMap(\.choices) }

  private var bash: String {
    var lines = [
      "# vit-quant completions bash > /etc/bash_completion.d/vit-quant", "_vit_quant() {",
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" options=\"\" values=\"\" words=\"\"",
      "  # The = of --option=value is a word of its own.", "  if [ \"$word\" = \"=\" ]; then word=\"\"",
      "  elif [ \"$before\" = \"=\" ]; then before=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi",
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then", "    COMPREPLY=($(compgen -W \"\(names) help\" -- \"$word\"))",
      "    return",
      "  fi", "  case \"${COMP_WORDS[1]} $before\" in",
    ]
    for command in commands {
      for option in command.allOptions where !option.choices.isEmpty {
        lines.append("    \"\(command.name) \(option.name)\") values=\"\(option.choices.joined(separator: " "))\" ;;")
      }
      let others = command.allOptions.filter { $0.placeholder != nil && $0.choices.isEmpty && !$0.isPath }
        .flatMap(\.names).map { "\"\(command.name) \($0)\"" }
      if !others.isEmpty { lines.append("    \(others.joined(separator: "|"))) return ;;") }
    }
    lines += ["  esac", "  case \"${COMP_WORDS[1]}\" in"]
    for command in commands where !words(command).isEmpty {
      lines.append("    \(command.name)) words=\"\(words(command).joined(separator: " "))\" ;;")
    }
    lines += ["    help) words=\"\(names)\" ;;", "  esac", "  case \"${COMP_WORDS[1]}\" in"]
    for command in commands {
      lines.append("    \(command.name)) options=\"\(command.allOptions.map(\.name).joined(separator: " "))\" ;;")
    }
    lines += [
      "  esac", "  if [ -n \"$values\" ]; then", "    COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))",
      "  elif [ \"${word#-}\" != \"$word\" ]; then", "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))",
      "  elif [ -n \"$words\" ]; then", "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))", "  else",
      "    local IFS=$'\\n'", "    COMPREPLY=($(compgen -f -- \"$word\"))", "  fi", "}",
      "complete -o filenames -F _vit_quant vit-quant", "",
    ]
    return lines.joined(separator: "\n")
  }

  private var zsh: String {
    func quoted(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("'", with: "'\\''").replacing("[", with: "\\[")
        .replacing("]", with: "\\]")
    }
    /// A value's name and what completes it: words, files, or nothing.
    func value(_ option: OptionDeclaration) -> String {
      guard let placeholder = option.placeholder else { return "" }
      let words = option.choices.joined(separator: " ")
      return ":\(quoted(placeholder)):" + (option.isPath ? "_files" : words.isEmpty ? " " : "(\(words))")
    }
    var lines = [
      "#compdef vit-quant", "# vit-quant completions zsh > \"${fpath[1]}/_vit-quant\"", "_vit-quant() {",
      "  if (( CURRENT == 2 )); then", "    local -a commands=(",
    ]
    lines += commands.map { "      '\($0.name):\(quoted($0.summary))'" }
    lines += ["    )", "    _describe command commands", "    return", "  fi", "  case $words[2] in"]
    for command in commands {
      lines.append("    \(command.name)) _arguments -S \\")
      for option in command.allOptions {
        for name in option.names {
          // With the = a value can follow it as well as be the next word.
          let sign = option.placeholder != nil && name.hasPrefix("--") ? "=" : ""
          let repeated = option.isRepeatable ? "*" : ""
          lines.append("      '\(repeated)\(name)\(sign)[\(quoted(option.help))]\(value(option))' \\")
        }
      }
      let words = words(command)
      // The command itself is the first operand.
      lines.append(
        command.operands.isEmpty
          ? "      '1: ' ;;"
          : words.isEmpty ? "      '*:file:_files' ;;" : "      '2:word:(\(words.joined(separator: " ")))' ;;")
    }
    return (lines + ["    help) _values command \(names) ;;", "  esac", "}", "_vit-quant \"$@\"", ""])
      .joined(separator: "\n")
  }

  private var fish: String {
    func quoted(_ text: String) -> String { text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") }
    func operands(of command: String, _ words: [String]) -> [String] {
      guard !words.isEmpty else { return [] }
      return [
        "complete -c vit-quant -n '__fish_seen_subcommand_from \(command)' -f -a '\(words.joined(separator: " "))'"
      ]
    }
    var lines = ["# vit-quant completions fish > ~/.config/fish/completions/vit-quant.fish"]
    for command in commands {
      lines.append(
        "complete -c vit-quant -n __fish_use_subcommand -f -a \(command.name) -d '\(quoted(command.summary))'")
      lines += operands(of: command.name, words(command))
      for option in command.allOptions {
        let words = option.choices.isEmpty ? "" : " -a '\(option.choices.joined(separator: " "))'"
        let short = option.shortForm.map { " -s \($0.dropFirst())" } ?? ""
        let value = option.placeholder == nil ? "" : option.isPath ? " -r" : " -x" + words
        lines.append(
          "complete -c vit-quant -n '__fish_seen_subcommand_from \(command.name)' -l \(option.name.dropFirst(2))\(short)\(value) "
            + "-d '\(quoted(option.help))'")
      }
    }
    return (lines + operands(of: "help", commands.map(\.name)) + [""]).joined(separator: "\n")
  }

  /// In the language of `man`(7).
  private var man: String {
    func escaped(_ text: String) -> String {
      let text = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
      return text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" + text : text
    }
    var lines = [
      ".TH VIT\\-QUANT 1 \"\" \"vit\\-quant \(VitQuant.version)\"", ".SH NAME",
      "vit\\-quant \\- Vision Transformers in int8, with a report of what that costs", ".SH SYNOPSIS",
      ".B vit\\-quant", ".I COMMAND", "[options]", ".SH COMMANDS",
    ]
    for command in commands {
      lines += [".SS \(command.name)", escaped(command.summary)]
      for usage in command.usages { lines += [".PP", ".B \(escaped(usage))"] }
      for operand in command.operands { lines += [".TP", ".I \(operand.name)", escaped(operand.help)] }
      for option in command.allOptions {
        let value = option.placeholder.map { " \\fI\(escaped($0))\\fR" } ?? ""
        let names = option.names.map { "\\fB\(escaped($0))\\fR" }
        lines += [".TP", names.joined(separator: ", ") + value, escaped(option.help)]
      }
      for note in command.notes { lines += [".PP", escaped(note)] }
      lines += [".PP", "Example:", ".PP", ".nf", ".RS"]
      lines += command.example.split(separator: "\n").map { escaped(String($0)) } + [".RE", ".fi"]
    }
    lines += [
      ".SH EXIT STATUS", "0 success, 1 a gate failed, 2 wrong command line, 3 bad input file, 4 a limit cannot be met.",
      "",
    ]
    return lines.joined(separator: "\n")
  }
}
