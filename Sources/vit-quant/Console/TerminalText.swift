/// Text from files, names and labels, as it may go to a terminal.
enum TerminalText {
  /// The text with its control characters, and those that reorder text, written out: `\u{1B}`. A terminal would obey
  /// them.
  static func escaped(_ text: String) -> String { escaped(text) { _ in false } }

  /// The same of whole lines, which keep their ends and the sequences that `Console.styled` made.
  /// - Parameter hasStyles: whether there can be such sequences.
  static func escapedLines(_ text: String, hasStyles: Bool) -> String {
    let pieces = hasStyles ? split(text) : [(text[...], "")]
    return pieces.map { escaped(String($0.text)) { $0 == "\n" || $0 == "\t" } + $0.sequence }.joined()
  }

  private static func escaped(_ text: String, keeping: (Unicode.Scalar) -> Bool) -> String {
    guard text.unicodeScalars.contains(where: { isControl($0) && !keeping($0) }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if isControl(scalar), !keeping(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// C0 and C1 controls, separators of lines and paragraphs, and the characters that override the direction of text.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  /// The text cut behind each sequence of `Console.Style`.
  private static func split(_ text: String) -> [(text: Substring, sequence: String)] {
    let sequences = ["\u{1B}[0m"] + Console.Style.allCases.map { "\u{1B}[\($0.rawValue)m" }
    var pieces: [(text: Substring, sequence: String)] = []
    var rest = text[...]
    while let escape = rest.firstIndex(of: "\u{1B}") {
      let tail = rest[escape...]
      guard let sequence = sequences.first(where: { tail.hasPrefix($0) }) else {
        pieces.append((rest[...escape], ""))
        rest = rest[rest.index(after: escape)...]
        continue
      }
      pieces.append((rest[..<escape], sequence))
      rest = rest[rest.index(escape, offsetBy: sequence.count)...]
    }
    pieces.append((rest, ""))
    return pieces
  }
}
