import Int8Kernels
import ViTLite

/// A JSON value (RFC 8259). Objects keep the order of their members; integers that fit stay exact.
///
///     let report: JSON = ["samples": 100, "top1": 0.9028, "labels": ["shirt", "coat"]]
///     report.serialized()           // {"samples":100,"top1":0.9028,"labels":["shirt","coat"]}
///     report["samples"]?.int        // 100
package enum JSON: Sendable, Equatable {
  /// One `"key": value` of an object.
  package struct Member: Sendable, Equatable {
    package var key: String
    package var value: JSON

    package init(key: String, value: JSON) {
      self.key = key
      self.value = value
    }
  }

  case null
  case bool(Bool)
  /// A number without fraction or exponent that fits 64 bits.
  case integer(Int)
  /// Any other number. Not finite is serialized as `null`, for JSON has no word for it.
  case double(Double)
  case string(String)
  case array([JSON])
  case object([Member])
}

extension JSON {
  /// The value of an object's member; nil where there is none or where this is no object. Time grows with the members.
  package subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  package var isNull: Bool { self == .null }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// An exact integer; `4.0` counts as one.
  package var int: Int? {
    switch self {
    case .integer(let value): value
    case .double(let value): Int(exactly: value)
    default: nil
    }
  }

  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var array: [JSON]? {
    if case .array(let values) = self { values } else { nil }
  }

  package var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// What kind of value this is, for messages: `an object`, `a string` ...
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer: "an integer"
    case .double: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  package init(nilLiteral: ()) { self = .null }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(floatLiteral value: Double) { self = .double(value) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { Member(key: $0.0, value: $0.1) })
  }
}

extension JSON {
  /// A number, or `null` for nil: what a report without a value holds.
  package init(_ value: Int?) { self = value.map { .integer($0) } ?? .null }
  /// A number, or `null` for nil.
  package init(_ value: Double?) { self = value.map { .double($0) } ?? .null }
  /// A string, or `null` for nil.
  package init(_ value: String?) { self = value.map { .string($0) } ?? .null }
}
