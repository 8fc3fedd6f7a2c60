/// What a terminal shows that breaks lines anew when its width changes, as most do; of its commands, those that progress
/// uses.
struct ReflowingScreen {
  /// Lines as they were written, however many rows they take.
  private var lines: [[Character]] = [[]]
  /// Where the next character goes.
  private var line = 0
  private var offset = 0
  private var wraps = true
  /// The start of a command that has not ended.
  private var command = ""
  var columns: Int

  init(columns: Int) { self.columns = columns }

  /// Rows that hold something.
  var rows: [String] {
    lines.flatMap { line in
      stride(from: 0, to: max(line.count, 1), by: columns).map { String(line[$0..<min($0 + columns, line.count)]) }
    }.filter { !$0.allSatisfy { $0 == " " } }
  }

  mutating func write(_ text: String) {
    for scalar in text.unicodeScalars { write(scalar) }
  }

  private mutating func write(_ scalar: Unicode.Scalar) {
    let isCommand = !command.isEmpty || scalar == "\u{1B}"
    if isCommand {
      command.unicodeScalars.append(scalar)
      if scalar.properties.isAlphabetic { obey() }
      return
    }
    switch scalar {
    case "\r": offset = offset / columns * columns
    case "\n":
      line += 1
      if line == lines.count { lines.append([]) }
    default:
      while lines[line].count <= offset { lines[line].append(" ") }
      lines[line][offset] = Character(scalar)
      let isLast = offset % columns == columns - 1
      if wraps || !isLast { offset += 1 }
    }
  }

  private mutating func obey() {
    switch command {
    case "\u{1B}[K":
      let end = min((offset / columns + 1) * columns, lines[line].count)
      for index in offset..<max(end, offset) { lines[line][index] = " " }
    case "\u{1B}[J":
      lines[line].removeLast(max(lines[line].count - offset, 0))
      lines.removeLast(lines.count - line - 1)
    case "\u{1B}[?7l": wraps = false
    case "\u{1B}[?7h": wraps = true
    default: break
    }
    command = ""
  }
}
