import Int8Kernels
import ViTLite

/// Why bytes are not JSON, and at which of them that shows.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was found and what would be valid.
  package var message: String
  /// Bytes from the start of the text.
  package var offset: Int

  public var description: String { "\(message) at byte \(offset)" }
}

extension JSON {
  /// How deep arrays and objects may nest.
  package static let maximumDepth = 64
  /// How many values a text may hold, so that hostile text cannot take a hundred times its own size in memory.
  package static let maximumValues = 4_000_000
  /// Bytes of an object's names, far more than any tensor or configuration key has.
  package static let maximumNameBytes = 4096

  /// Parses one JSON text, strictly by RFC 8259: UTF-8, no comments, no trailing commas, nothing after the value but
  /// white space. Beyond the RFC, an object must not name a member twice, and numbers must fit a `Double`.
  package init(parsing text: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes: text)
    self = try parser.parseDocument()
  }
}

/// A recursive-descent parser over bytes.
private struct JSONParser {
  let bytes: [UInt8]
  var position = 0
  var values = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func parseDocument() throws(JSONError) -> JSON {
    skipWhitespace()
    let value = try parseValue(depth: 0)
    skipWhitespace()
    guard position == bytes.count else { throw error("more text after the JSON value, expected the end") }
    return value
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func error(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

  /// An error that says what stands where something else was expected.
  private func unexpected(expected: String) -> JSONError {
    guard let byte = current else { return error("the JSON text ends, expected \(expected)") }
    let found = (0x20..<0x7F).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    return error("\(found) in the JSON text, expected \(expected)")
  }

  private mutating func skipWhitespace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  /// Steps over `byte` if it is next.
  private mutating func consume(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  private mutating func parseValue(depth: Int) throws(JSONError) -> JSON {
    values += 1
    guard values <= JSON.maximumValues else { throw error("more than \(JSON.maximumValues) JSON values") }
    switch current {
    case UInt8(ascii: "{"): return try parseObject(depth: depth)
    case UInt8(ascii: "["): return try parseArray(depth: depth)
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
    case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
    case UInt8(ascii: "n"): return try parseWord("null", .null)
    case UInt8(ascii: "-"), .some(0x30...0x39): return try parseNumber()
    default: throw unexpected(expected: "a value")
    }
  }

  private mutating func parseWord(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    let letters = "\(word)".utf8
    guard bytes.count - position >= letters.count, bytes[position..<position + letters.count].elementsEqual(letters)
    else { throw error("a word other than true, false and null in the JSON text") }
    position += letters.count
    return value
  }

  private mutating func parseArray(depth: Int) throws(JSONError) -> JSON {
    guard depth < JSON.maximumDepth else { throw error("JSON nested deeper than \(JSON.maximumDepth)") }
    position += 1
    var elements: [JSON] = []
    skipWhitespace()
    if consume(UInt8(ascii: "]")) { return .array(elements) }
    while true {
      skipWhitespace()
      elements.append(try parseValue(depth: depth + 1))
      skipWhitespace()
      if consume(UInt8(ascii: "]")) { return .array(elements) }
      guard consume(UInt8(ascii: ",")) else { throw unexpected(expected: "',' or ']'") }
    }
  }

  private mutating func parseObject(depth: Int) throws(JSONError) -> JSON {
    guard depth < JSON.maximumDepth else { throw error("JSON nested deeper than \(JSON.maximumDepth)") }
    position += 1
    var members: [JSON.Member] = []
    // Names are the same when their bytes are. Comparing strings would first bring each to a normal form of Unicode,
    // which takes seconds for some.
    var names: Set<[UInt8]> = []
    skipWhitespace()
    if consume(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipWhitespace()
      guard current == UInt8(ascii: "\"") else { throw unexpected(expected: "a member's name in quotes") }
      let start = position
      let key = try parseString()
      guard key.utf8.count <= JSON.maximumNameBytes else {
        throw JSONError(
          message: "a name of \(key.utf8.count) bytes in a JSON object, expected at most \(JSON.maximumNameBytes)",
          offset: start)
      }
      guard names.insert(Array(key.utf8)).inserted else {
        throw JSONError(message: "the name \(Quotation(key)) appears twice in one JSON object", offset: start)
      }
      skipWhitespace()
      guard consume(UInt8(ascii: ":")) else { throw unexpected(expected: "':'") }
      skipWhitespace()
      members.append(JSON.Member(key: key, value: try parseValue(depth: depth + 1)))
      skipWhitespace()
      if consume(UInt8(ascii: "}")) { return .object(members) }
      guard consume(UInt8(ascii: ",")) else { throw unexpected(expected: "',' or '}'") }
    }
  }
}

// MARK: - Numbers

extension JSONParser {
  private mutating func skipDigits() throws(JSONError) {
    guard let byte = current, (0x30...0x39).contains(byte) else { throw unexpected(expected: "a digit") }
    while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
  }

  fileprivate mutating func parseNumber() throws(JSONError) -> JSON {
    let start = position
    _ = consume(UInt8(ascii: "-"))
    if consume(UInt8(ascii: "0")) {
      if let byte = current, (0x30...0x39).contains(byte) { throw error("a number with a leading zero") }
    } else {
      try skipDigits()
    }
    var isInteger = true
    if consume(UInt8(ascii: ".")) {
      isInteger = false
      try skipDigits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if !consume(UInt8(ascii: "+")) { _ = consume(UInt8(ascii: "-")) }
      try skipDigits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // "-0" must stay negative, and an integer beyond 64 bits becomes the nearest Double.
    if isInteger, text != "-0", let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      throw JSONError(message: "a number beyond the range of a 64-bit float", offset: start)
    }
    return .double(value)
  }
}

// MARK: - Strings

extension JSONParser {
  fileprivate mutating func parseString() throws(JSONError) -> String {
    position += 1
    let start = position
    while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
    if current == UInt8(ascii: "\"") {
      let text = try decodeUTF8(bytes[start..<position], at: start)
      position += 1
      return text
    }
    var content = Array(bytes[start..<position])
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        let text = try decodeUTF8(content[...], at: start)
        position += 1
        return text
      case UInt8(ascii: "\\"): try parseEscape(into: &content)
      case ..<0x20: throw error("a control character in a JSON string, expected an escape")
      default:
        content.append(byte)
        position += 1
      }
    }
    throw unexpected(expected: "'\"' at the end of a string")
  }

  private func decodeUTF8(_ bytes: ArraySlice<UInt8>, at offset: Int) throws(JSONError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw JSONError(message: "a JSON string that is not UTF-8", offset: offset)
    }
    return text
  }

  private mutating func parseEscape(into content: inout [UInt8]) throws(JSONError) {
    position += 1
    guard let byte = current else { throw unexpected(expected: "an escape") }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"):
      position += 1
      let scalar = try parseUnicodeEscape()
      content.append(contentsOf: Array(String(Character(scalar)).utf8))
      return
    default: throw unexpected(expected: "one of \" \\ / b f n r t u after '\\'")
    }
    position += 1
  }

  /// `XXXX`, or for a scalar beyond 16 bits the surrogate pair `XXXX\uXXXX`.
  private mutating func parseUnicodeEscape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    let first = try parseFourHexDigits()
    if let scalar = Unicode.Scalar(UInt32(first)) { return scalar }
    let unpaired = JSONError(message: "half of a surrogate pair in a JSON string", offset: start)
    guard (0xD800..<0xDC00).contains(first), consume(UInt8(ascii: "\\")), consume(UInt8(ascii: "u")) else {
      throw unpaired
    }
    let second = try parseFourHexDigits()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (UInt32(first & 0x3FF) << 10 | UInt32(second & 0x3FF)))
    else { throw unpaired }
    return scalar
  }

  private mutating func parseFourHexDigits() throws(JSONError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw unexpected(expected: "a hexadecimal digit")
      }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }
}
