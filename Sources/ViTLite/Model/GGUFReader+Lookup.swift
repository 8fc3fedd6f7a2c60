extension GGUFValue {
  /// The type for messages: `an array of string`, `a value of type uint32`.
  var typeName: String { isArray ? "an array of \(elementType.name)" : "a value of type \(elementType.name)" }
}

/// Typed look-ups. Each throws `missingKey` when there is no such key, and `wrongType` when its value is of another
/// type; the width of an integer or float does not matter, as long as the value fits.
extension GGUFReader {
  private func value(_ key: String, isArray: Bool, expected: String) throws(GGUFError) -> GGUFValue {
    guard let value = self[key] else { throw .missingKey(key, expected: expected) }
    guard value.isArray == isArray else { throw .wrongType(key: key, found: value.typeName, expected: expected) }
    return value
  }

  /// An integer of the machine's width.
  package func int(_ key: String) throws(GGUFError) -> Int { try Self.narrowed(int64(key), key) }

  /// An integer.
  package func int64(_ key: String) throws(GGUFError) -> Int64 {
    let found = try value(key, isArray: false, expected: "an integer")
    guard let integer = found.integers?.first else {
      throw .wrongType(key: key, found: found.typeName, expected: "an integer")
    }
    return integer
  }

  package func float(_ key: String) throws(GGUFError) -> Double {
    let found = try value(key, isArray: false, expected: "a float")
    guard let number = found.doubles?.first else {
      throw .wrongType(key: key, found: found.typeName, expected: "a float")
    }
    return number
  }

  package func bool(_ key: String) throws(GGUFError) -> Bool {
    let found = try value(key, isArray: false, expected: "a boolean")
    guard let flag = found.bools?.first else {
      throw .wrongType(key: key, found: found.typeName, expected: "a boolean")
    }
    return flag
  }

  package func string(_ key: String) throws(GGUFError) -> String {
    let found = try value(key, isArray: false, expected: "a string")
    guard let text = found.strings?.first else {
      throw .wrongType(key: key, found: found.typeName, expected: "a string")
    }
    return text
  }

  package func ints(_ key: String) throws(GGUFError) -> [Int] {
    var integers: [Int] = []
    for integer in try int64s(key) { integers.append(try Self.narrowed(integer, key)) }
    return integers
  }

  package func int64s(_ key: String) throws(GGUFError) -> [Int64] {
    let found = try value(key, isArray: true, expected: "an array of integers")
    guard let integers = found.integers else {
      throw .wrongType(key: key, found: found.typeName, expected: "an array of integers")
    }
    return integers
  }

  private static func narrowed(_ integer: Int64, _ key: String) throws(GGUFError) -> Int {
    guard let narrowed = Int(exactly: integer) else {
      throw .malformedValue(key: key, problem: "\(integer), expected an integer of \(Int.bitWidth) bits")
    }
    return narrowed
  }

  package func floats(_ key: String) throws(GGUFError) -> [Double] {
    let found = try value(key, isArray: true, expected: "an array of floats")
    guard let numbers = found.doubles else {
      throw .wrongType(key: key, found: found.typeName, expected: "an array of floats")
    }
    return numbers
  }

  package func strings(_ key: String) throws(GGUFError) -> [String] {
    let found = try value(key, isArray: true, expected: "an array of strings")
    guard let strings = found.strings else {
      throw .wrongType(key: key, found: found.typeName, expected: "an array of strings")
    }
    return strings
  }
}
