import LibC
import ViTLite

/// Standard output for results, standard error for everything else.
struct Console: Sendable {
  /// No progress and no notes.
  let isQuiet: Bool
  /// Colors on standard output.
  let hasColor: Bool
  /// Standard error is a terminal, where a line can be drawn over.
  let hasProgress: Bool

  init(isQuiet: Bool, allowsColor: Bool) {
    self.isQuiet = isQuiet
    let noColor = Environment["NO_COLOR"].map { !$0.isEmpty } ?? false
    let isDumb = Environment["TERM"] == "dumb"
    hasColor = allowsColor && !noColor && !isDumb && isatty(STDOUT_FILENO) == 1
    hasProgress = !isQuiet && !isDumb && isatty(STDERR_FILENO) == 1
  }

  /// Writes to standard output.
  ///
  /// - Returns: false when nobody reads it any more, such as behind `| head`. A caller may then stop, unless it still
  ///   has a file to write or a gate to check.
  /// - Throws: when the output cannot be written, such as on a full disk, or when a file became shorter while it was
  ///   read.
  @discardableResult
  func print(_ text: String, terminator: String = "\n") throws(CommandError) -> Bool {
    // A result that may come from a file of which a part was gone is none.
    if let shortened = MappedFileGuard.shortenedFile { throw .input("\(shortened)") }
    let code = Self.write(TerminalText.escapedLines(text, hasStyles: hasColor) + terminator, to: STDOUT_FILENO)
    guard code == 0 || code == EPIPE else {
      throw .input("cannot write: \(systemErrorText(code)), standard output, expected a place that takes the results")
    }
    return code == 0
  }

  /// Writes a note to standard error, unless quiet.
  func note(_ text: String) {
    if !isQuiet { Self.tell(TerminalText.escaped(text)) }
  }

  /// Writes an error to standard error.
  static func report(_ error: CommandError) {
    tell("error: \(error.line)")
  }

  /// Writes a warning to standard error, quiet or not: something is wrong with this machine or with an input, but the
  /// command goes on.
  static func warn(_ text: String) {
    tell("warning: \(TerminalText.escaped(text))")
  }

  /// Writes a line to standard error, in place of a progress bar that is there.
  private static func tell(_ text: String) {
    Progress.takeAway()
    _ = write("vit-quant: \(text)\n", to: STDERR_FILENO)
  }

  /// Writes to standard error as it is; for progress.
  func draw(_ text: String) {
    _ = Self.write(text, to: STDERR_FILENO)
  }

  func styled(_ text: String, _ style: Style) -> String {
    hasColor ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
  }

  enum Style: String, CaseIterable {
    case bold = "1"
    case dim = "2"
    case green = "32"
    case cyan = "36"
  }

  /// 0, or the system's error number.
  private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        let rest = UnsafeRawBufferPointer(rebasing: buffer[offset...])
        #if canImport(Glibc)
          return Glibc.write(descriptor, rest.baseAddress, rest.count)
        #elseif canImport(Musl)
          return Musl.write(descriptor, rest.baseAddress, rest.count)
        #else
          return Darwin.write(descriptor, rest.baseAddress, rest.count)
        #endif
      }
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      offset += count
    }
    return 0
  }
}

/// What the operating system calls an error.
func systemErrorText(_ code: Int32) -> String {
  strerror(code).map { String(cString: $0) } ?? "error \(code)"
}

/// Variables of the process's environment.
enum Environment {
  static subscript(name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
