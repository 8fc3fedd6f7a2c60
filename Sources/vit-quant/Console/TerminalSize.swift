import LibC

/// How wide a terminal is, now: a person may change that at any time.
enum TerminalSize {
  /// Where nothing says otherwise, as on the first terminals.
  private static let standardColumns = 80
  /// What is narrower or wider is no terminal's.
  private static let valid = 2...10_000

  /// Columns of the terminal behind a descriptor, or as the environment variable COLUMNS says, or 80.
  static func columns(of descriptor: Int32) -> Int {
    var size = winsize()
    if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, valid.contains(Int(size.ws_col)) { return Int(size.ws_col) }
    if let columns = Environment["COLUMNS"].flatMap({ Int($0) }), valid.contains(columns) { return columns }
    return standardColumns
  }
}
