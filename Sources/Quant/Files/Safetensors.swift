import Int8Kernels
import ViTLite

/// The element types of the safetensors format that this package reads and writes.
package enum SafetensorsType: String, Sendable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Bytes of one element.
  package var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }
}

/// What is wrong with a safetensors file, or with what was asked of it.
public enum SafetensorsError: Error, Equatable, Sendable {
  case file(FileError)
  /// The file ends within its header.
  case truncated(byteCount: Int, needed: Int)
  case headerTooLong(byteCount: UInt64)
  case json(JSONError)
  /// A part of the header that is not as the format wants it.
  case malformed(String)
  /// A tensor whose entry in the header is wrong.
  case malformedTensor(name: String, String)
  case missingTensor(name: String)
  /// A tensor of a type that cannot be read as what was asked for.
  case unsupportedType(name: String, found: String, valid: String)
  /// A NaN or an infinity where only numbers make sense.
  case notFinite(name: String, element: Int, value: Float)
}

extension SafetensorsError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .truncated(let byteCount, let needed):
      "the safetensors file ends after \(byteCount) bytes, expected at least \(needed)"
    case .headerTooLong(let byteCount):
      "a safetensors header of \(byteCount) bytes at offset 0, expected at most \(SafetensorsHeader.maximumBytes)"
    case .json(let error): "the safetensors header is not JSON: \(error)"
    case .malformed(let problem): "a malformed safetensors header: \(problem)"
    case .malformedTensor(let name, let problem): "\(problem), tensor \(Quotation(name))"
    case .missingTensor(let name): "no tensor \(Quotation(name)) in the file"
    case .unsupportedType(let name, let found, let valid):
      "type \(Quotation.shortened(found)), tensor \(Quotation(name)), expected \(valid)"
    case .notFinite(let name, let element, let value):
      "\(value) at element \(element), tensor \(Quotation(name)), expected finite numbers"
    }
  }
}

/// Where one tensor lies in a safetensors file.
package struct SafetensorsEntry: Sendable, Equatable {
  package var name: String
  /// The type as the file spells it; also of types that this package cannot read.
  package var typeName: String
  package var shape: [Int]
  /// Bytes of the file.
  package var range: Range<Int>

  /// Nil for a type that this package cannot read.
  package var type: SafetensorsType? { SafetensorsType(rawValue: typeName) }
}
