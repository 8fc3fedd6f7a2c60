/// One line of progress, as much of it as there is room for.
struct ProgressLine {
  private static let longestBar = 24
  private static let shortestBar = 6

  let title: String
  /// 0 to 1.
  let fraction: Double
  /// `12/40` or `30%`
  let count: String
  /// `5s left`
  let left: String
  /// The rate, or what is being done.
  let detail: String

  /// The line in at most `columns` characters. What is worth least goes first: the detail, then the bar, then the title.
  func text(columns: Int) -> String {
    let numbers = "\(count), \(left)"
    for parts in [[numbers, detail], [numbers]] {
      let text = parts.joined(separator: ", ")
      // The title, two spaces, and the brackets.
      let room = columns - title.count - text.count - 4
      if room >= Self.shortestBar { return "\(title) [\(bar(min(room, Self.longestBar)))] \(text)" }
    }
    for text in ["\(title) \(numbers)", numbers, count] where text.count <= columns { return text }
    return ""
  }

  private func bar(_ width: Int) -> String {
    let filled = min(max(Int(Double(width) * fraction), 0), width)
    return String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
  }
}
