/// Why the operating system refused something about a file.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was tried and what came of it: `cannot open: No such file or directory`.
  public var message: String
  public var path: String
  /// What would be valid; empty where the message says it.
  public var expected: String

  package init(message: String, path: String, expected: String = "") {
    self.message = message
    self.path = path
    self.expected = expected
  }

  public var description: String {
    expected.isEmpty ? "\(message), \(path)" : "\(message), \(path), expected \(expected)"
  }
}
