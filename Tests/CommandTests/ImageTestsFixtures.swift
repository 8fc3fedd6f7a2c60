import Foundation
import Testing

@testable import vit_quant

/// The files in Fixtures, and what other implementations make of them.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  static func path(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }

  static func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: folder.appending(path: name))) }

  static func image(_ name: String) throws -> Image { try Image.load(path: path(name)) }

  /// The F32 tensors of a safetensors file, just enough of the format for the golden values.
  static func floats(_ name: String) throws -> [String: [Float]] {
    struct Entry: Decodable {
      var dtype: String
      var dataOffsets: [Int]

      enum CodingKeys: String, CodingKey {
        case dtype
        case dataOffsets = "data_offsets"
      }
    }
    let data = try Data(contentsOf: folder.appending(path: name))
    let headerLength = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = data[8..<(8 + headerLength)]
    let entries = try JSONDecoder().decode([String: Entry].self, from: header)
    return try entries.mapValues { entry in
      try #require(entry.dtype == "F32")
      let values = data[(8 + headerLength + entry.dataOffsets[0])..<(8 + headerLength + entry.dataOffsets[1])]
      return stride(from: values.startIndex, to: values.endIndex, by: 4).map { offset in
        Float(bitPattern: values[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) })
      }
    }
  }
}
