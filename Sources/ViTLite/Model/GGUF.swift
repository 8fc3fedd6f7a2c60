/// Constants and types of GGUF version 3, the container of ggml (`docs/gguf.md` in ggml's repository).
package enum GGUF {
  /// `GGUF` as a little-endian integer.
  package static let magic: UInt32 = 0x4655_4747
  package static let version: UInt32 = 3
  /// Where a file does not say `general.alignment`.
  package static let defaultAlignment = 32
  /// Limits on what a reader accepts, far above any real model: malicious files are refused before memory is allocated.
  package static let maximumTensors = 1 << 16
  package static let maximumKeys = 1 << 16
  /// Bytes of a key or a tensor's name. Keys may have 65,535 by the specification; no file has such.
  package static let maximumNameLength = 1024
  /// Of an array in the metadata.
  package static let maximumElements = 1 << 22
  /// A name for each of a million classes fits.
  package static let maximumMetadataBytes = 64 << 20
  package static let maximumAlignment = 1 << 20
  package static let maximumDimensions = 4

  /// The types of metadata values.
  package enum ValueType: UInt32, Sendable, CaseIterable {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case array = 9
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// The name in the format's specification, in lower case.
    package var name: String {
      switch self {
      case .uint8: "uint8"
      case .int8: "int8"
      case .uint16: "uint16"
      case .int16: "int16"
      case .uint32: "uint32"
      case .int32: "int32"
      case .float32: "float32"
      case .bool: "bool"
      case .string: "string"
      case .array: "array"
      case .uint64: "uint64"
      case .int64: "int64"
      case .float64: "float64"
      }
    }

    /// Bytes that a value takes at least: of a string its length, of an array its type and length.
    package var minimumSize: Int {
      switch self {
      case .uint8, .int8, .bool: 1
      case .uint16, .int16: 2
      case .uint32, .int32, .float32: 4
      case .uint64, .int64, .float64, .string: 8
      case .array: 12
      }
    }
  }

  /// The types of tensors that this package reads and writes; none of ggml's block-quantized ones.
  package enum TensorType: UInt32, Sendable, CaseIterable {
    case float32 = 0
    case float16 = 1
    case int8 = 24
    case int16 = 25
    case int32 = 26
    case int64 = 27
    case float64 = 28

    /// Bytes of one element.
    package var size: Int {
      switch self {
      case .int8: 1
      case .float16, .int16: 2
      case .float32, .int32: 4
      case .int64, .float64: 8
      }
    }

    /// The name in ggml: `F32`, `I8` ...
    package var name: String {
      switch self {
      case .float32: "F32"
      case .float16: "F16"
      case .int8: "I8"
      case .int16: "I16"
      case .int32: "I32"
      case .int64: "I64"
      case .float64: "F64"
      }
    }
  }

  /// Where one tensor lies in a file.
  package struct Tensor: Sendable, Equatable {
    package var name: String
    package var type: TensorType
    /// In ggml's order: the dimension whose elements are adjacent comes first.
    package var dimensions: [Int]
    /// Bytes of the file.
    package var range: Range<Int>
  }
}

/// A metadata value: a number, a truth value or a string, or an array of one of these.
package struct GGUFValue: Sendable, Equatable {
  /// The type of the value, or of an array's elements.
  package let elementType: GGUF.ValueType
  package let isArray: Bool
  package let storage: Storage

  /// The elements, one where the value is no array. Integers are widened to 64 bits and floats to doubles.
  package enum Storage: Sendable, Equatable {
    case unsigned([UInt64])
    case signed([Int64])
    case floating([Double])
    case bools([Bool])
    case strings([String])
  }

  init(elementType: GGUF.ValueType, isArray: Bool, storage: Storage) {
    self.elementType = elementType
    self.isArray = isArray
    self.storage = storage
  }

  package static func uint32(_ value: UInt32) -> GGUFValue {
    GGUFValue(elementType: .uint32, isArray: false, storage: .unsigned([UInt64(value)]))
  }
  package static func int32(_ value: Int32) -> GGUFValue {
    GGUFValue(elementType: .int32, isArray: false, storage: .signed([Int64(value)]))
  }
  package static func int64(_ value: Int64) -> GGUFValue {
    GGUFValue(elementType: .int64, isArray: false, storage: .signed([value]))
  }
  package static func float64(_ value: Double) -> GGUFValue {
    GGUFValue(elementType: .float64, isArray: false, storage: .floating([value]))
  }
  package static func bool(_ value: Bool) -> GGUFValue {
    GGUFValue(elementType: .bool, isArray: false, storage: .bools([value]))
  }
  package static func string(_ value: String) -> GGUFValue {
    GGUFValue(elementType: .string, isArray: false, storage: .strings([value]))
  }
  package static func uint32s(_ values: [UInt32]) -> GGUFValue {
    GGUFValue(elementType: .uint32, isArray: true, storage: .unsigned(values.map { UInt64($0) }))
  }
  package static func int32s(_ values: [Int32]) -> GGUFValue {
    GGUFValue(elementType: .int32, isArray: true, storage: .signed(values.map { Int64($0) }))
  }
  package static func float32s(_ values: [Float]) -> GGUFValue {
    GGUFValue(elementType: .float32, isArray: true, storage: .floating(values.map { Double($0) }))
  }
  package static func float64s(_ values: [Double]) -> GGUFValue {
    GGUFValue(elementType: .float64, isArray: true, storage: .floating(values))
  }
  package static func strings(_ values: [String]) -> GGUFValue {
    GGUFValue(elementType: .string, isArray: true, storage: .strings(values))
  }
}

extension GGUFValue {
  /// Elements of any integer type; nil for other types, and where one does not fit 64 bits with a sign.
  package var integers: [Int64]? {
    switch storage {
    case .signed(let values): return values
    case .unsigned(let values):
      var result: [Int64] = []
      result.reserveCapacity(values.count)
      for value in values {
        guard let integer = Int64(exactly: value) else { return nil }
        result.append(integer)
      }
      return result
    default: return nil
    }
  }

  /// Elements of either floating-point type.
  package var doubles: [Double]? {
    if case .floating(let values) = storage { values } else { nil }
  }

  package var bools: [Bool]? {
    if case .bools(let values) = storage { values } else { nil }
  }

  package var strings: [String]? {
    if case .strings(let values) = storage { values } else { nil }
  }
}
