/// What is wrong with a GGUF file, or with what was asked of it.
public enum GGUFError: Error, Equatable, Sendable {
  /// The file ends while something is read.
  case truncated(reading: String, offset: Int)
  case notGGUF(magic: UInt32)
  case unsupportedVersion(UInt32)
  /// A number of things, or a length, beyond what is accepted.
  case limit(what: String, found: UInt64, maximum: Int, offset: Int)
  case notUTF8(what: String, offset: Int)
  case notASCII(what: String, offset: Int)
  case unknownValueType(UInt32, key: String)
  /// A metadata value that the format forbids, or that this reader does not support.
  case malformedValue(key: String, problem: String)
  case duplicate(what: String, name: String)
  case malformedTensor(name: String, problem: String)
  case missingKey(String, expected: String)
  case wrongType(key: String, found: String, expected: String)
  case missingTensor(String)
}

extension GGUFError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .truncated(let reading, let offset): "the GGUF file ends at offset \(offset), expected \(reading)"
    case .notGGUF(let magic):
      "not a GGUF file: magic number 0x\(String(magic, radix: 16)) at offset 0, expected 0x46554747 (\"GGUF\")"
    case .unsupportedVersion(let version): "GGUF version \(version) at offset 4, expected 3 (little-endian)"
    case .limit(let what, let found, let maximum, let offset):
      "\(found) as \(what) at offset \(offset), expected at most \(maximum)"
    case .notUTF8(let what, let offset): "\(what) that is not UTF-8 at offset \(offset)"
    case .notASCII(let what, let offset): "\(what) at offset \(offset), expected printable ASCII characters"
    case .unknownValueType(let type, let key): "metadata type \(type), key \"\(key)\", expected 0 to 12"
    case .malformedValue(let key, let problem): "\(problem), key \"\(key)\""
    case .duplicate(let what, let name): "\(what) \"\(name)\" twice in the GGUF file, expected it once"
    case .malformedTensor(let name, let problem): "\(problem), tensor \"\(name)\""
    case .missingKey(let key, let expected): "no metadata key \"\(key)\" in the GGUF file, expected \(expected)"
    case .wrongType(let key, let found, let expected): "\(found), key \"\(key)\", expected \(expected)"
    case .missingTensor(let name): "no tensor \"\(name)\" in the GGUF file"
    }
  }
}
