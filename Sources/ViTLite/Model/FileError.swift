/// Why the operating system refused something about a file.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was tried and what came of it: `cannot open: No such file or directory`.
  public var message: String
  public var path: String

  package init(message: String, path: String) {
    self.message = message
    self.path = path
  }

  public var description: String { "\(message), \(path)" }
}
