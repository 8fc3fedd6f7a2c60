/// Why an int8 model can't be used.
public enum IntegerModelError: Error, Equatable, Sendable {
  case file(FileError)
  case format(GGUFError)
  /// A value that no valid model has.
  case invalid(what: String, where: String, expected: String)
  /// A tensor whose bytes are not those that were written.
  case checksum(tensor: String, found: UInt32, expected: UInt32)
  /// Bytes before the tensors' data that are not those that were written.
  case headerChecksum(found: UInt32, expected: UInt32)
}

extension IntegerModelError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .format(let error): error.description
    case .invalid(let what, let place, let expected): "\(what), \(place), expected \(expected)"
    case .checksum(let tensor, let found, let expected):
      "checksum \(found) of tensor \"\(tensor)\", expected \(expected): the file is damaged"
    case .headerChecksum(let found, let expected):
      "checksum \(found) of what is before the tensors' data, expected \(expected): the file is damaged"
    }
  }
}
