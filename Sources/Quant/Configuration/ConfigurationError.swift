import Int8Kernels
import ViTLite

/// What is wrong with a configuration file. Each message says what was found, where, and what would be valid.
public enum ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  case file(FileError)
  case json(JSONError, path: String)
  /// A key that must be there.
  case missing(key: String, expected: String, path: String)
  /// A value that makes no sense.
  case invalid(key: String, found: String, expected: String, path: String)
  /// A variant of the architecture that this package does not run.
  case unsupported(key: String, found: String, supported: String, path: String)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .json(let error, let path): "not JSON: \(error), \(path)"
    case .missing(let key, let expected, let path): "no key \"\(key)\", \(path), expected \(expected)"
    case .invalid(let key, let found, let expected, let path):
      "\(Quotation.shortened(found)) for \"\(key)\", \(path), expected \(expected)"
    case .unsupported(let key, let found, let supported, let path):
      "unsupported \(Quotation.shortened(found)) for \"\(key)\", \(path), supported: \(supported)"
    }
  }
}
