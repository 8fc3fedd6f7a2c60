import Int8Kernels
import ViTLite

/// Typed access to the keys of a configuration's JSON object; errors name the key and the file.
struct ConfigurationFile {
  let json: JSON
  let path: String

  /// The largest configuration to accept; those of 21,000 classes take 2 MB.
  static let maximumBytes = 64 << 20

  init(json: JSON, path: String) throws(ConfigurationError) {
    guard json.members != nil else {
      throw .invalid(key: "", found: json.kind, expected: "an object", path: path)
    }
    self.json = json
    self.path = path
  }

  init(path: String) throws(ConfigurationError) {
    let text: [UInt8]
    do { text = try MappedFile.contents(of: path, limit: Self.maximumBytes) } catch { throw .file(error) }
    let json: JSON
    do { json = try JSON(parsing: text) } catch { throw .json(error, path: path) }
    try self.init(json: json, path: path)
  }

  /// The value of a key; nil where there is none or where it is null.
  subscript(key: String) -> JSON? {
    guard let value = json[key], !value.isNull else { return nil }
    return value
  }

  func invalid(_ key: String, _ value: JSON, expected: String) -> ConfigurationError {
    let text = value.serialized()
    let found = text.utf8.count > 60 ? value.kind : text
    return .invalid(key: key, found: found, expected: expected, path: path)
  }

  /// The object under a key.
  func object(_ key: String) throws(ConfigurationError) -> ConfigurationFile? {
    guard let value = self[key] else { return nil }
    guard value.members != nil else { throw invalid(key, value, expected: "an object") }
    return try ConfigurationFile(json: value, path: path)
  }

  /// An integer within `range`.
  func int(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
    guard let value = self[key] else { return nil }
    guard let integer = value.int, range.contains(integer) else {
      throw invalid(key, value, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  /// An integer within `range` that must be there, unless there is a default.
  func int(_ key: String, in range: ClosedRange<Int>, default standard: Int?) throws(ConfigurationError) -> Int {
    if let value = try int(key, in: range) ?? standard { return value }
    throw .missing(key: key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)", path: path)
  }

  /// A finite number within `range`.
  func double(_ key: String, in range: ClosedRange<Double>) throws(ConfigurationError) -> Double? {
    guard let value = self[key] else { return nil }
    guard let number = value.double, range.contains(number) else {
      throw invalid(key, value, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func bool(_ key: String) throws(ConfigurationError) -> Bool? {
    guard let value = self[key] else { return nil }
    guard let flag = value.bool else { throw invalid(key, value, expected: "true or false") }
    return flag
  }

  func string(_ key: String) throws(ConfigurationError) -> String? {
    guard let value = self[key] else { return nil }
    guard let text = value.string else { throw invalid(key, value, expected: "a string") }
    return text
  }

  /// One integer for both, or `[height, width]`.
  func size(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> (height: Int, width: Int)? {
    guard let value = self[key] else { return nil }
    if let side = value.int, range.contains(side) { return (side, side) }
    if let sides = value.array, sides.count == 2, let height = sides[0].int, let width = sides[1].int,
      range.contains(height), range.contains(width)
    {
      return (height, width)
    }
    throw invalid(
      key, value,
      expected: "an integer from \(range.lowerBound) to \(range.upperBound), or a pair [height, width] of them")
  }
}
