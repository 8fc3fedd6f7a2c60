import Int8Kernels
import ViTLite

/// The header of a safetensors file that is to be written, and where each tensor's data begin.
struct SafetensorsLayout {
  /// Length and JSON of the header.
  private(set) var header: [UInt8]
  /// The first byte of each tensor in the file.
  private(set) var starts: [Int]
  private let dataSize: Int

  /// Bytes of the whole file.
  var count: Int { header.count + dataSize }

  /// - Parameter tensors: in the order of their data.
  init(_ tensors: [SafetensorsDeclaration]) {
    var members: [JSON.Member] = []
    var offsets: [Int] = []
    var offset = 0
    for tensor in tensors {
      let end = offset + tensor.byteCount
      let entry: JSON = [
        "dtype": .string(tensor.type.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      members.append(JSON.Member(key: tensor.name, value: entry))
      offsets.append(offset)
      offset = end
    }
    var text = Array(JSON.object(members).serialized().utf8)
    // Spaces at the end make the data begin at a multiple of 8, as the format's own writer does.
    while !text.count.isMultiple(of: 8) { text.append(UInt8(ascii: " ")) }
    header = LittleEndian.bytes(of: [UInt64(text.count)]) + text
    starts = offsets.map { [length = header.count] in length + $0 }
    dataSize = offset
  }

  /// Fills the header with spaces up to a length, a multiple of 8 that is not less than its own.
  mutating func lengthenHeader(to length: Int) {
    let added = max(length - header.count, 0)
    header += [UInt8](repeating: UInt8(ascii: " "), count: added)
    header.replaceSubrange(0..<8, with: LittleEndian.bytes(of: [UInt64(header.count - 8)]))
    starts = starts.map { $0 + added }
  }
}
