import Int8Kernels

/// A PNG file (ISO 15948) whose data are stored, not compressed.
struct PNGFile {
  let width: Int
  let height: Int
  /// 1 for gray, 3 for color.
  let channels: Int
  /// Rows from top to bottom, samples of a pixel together.
  let samples: [UInt8]

  var bytes: [UInt8] {
    var file: [UInt8] = [137, 80, 78, 71, 13, 10, 26, 10]
    func bigEndian(_ value: Int) -> [UInt8] {
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
    func add(_ type: String, _ data: [UInt8]) {
      let content = Array(type.utf8) + data
      file += bigEndian(data.count) + content + bigEndian(Int(CRC32.checksum(of: content.span.bytes)))
    }
    add("IHDR", bigEndian(width) + bigEndian(height) + [8, channels == 3 ? 2 : 0, 0, 0, 0])
    let stride = width * channels
    let rows = (0..<height).flatMap { [0] + samples[$0 * stride..<($0 + 1) * stride] }
    add("IDAT", Self.stored(rows))
    add("IEND", [])
    return file
  }

  /// A zlib stream (RFC 1950) of stored blocks.
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: bytes.count, by: 65535) {
      let block = bytes[start..<min(start + 65535, bytes.count)]
      let (low, high) = (UInt8(truncatingIfNeeded: block.count), UInt8(truncatingIfNeeded: block.count >> 8))
      stream += [start + block.count == bytes.count ? 1 : 0, low, high, ~low, ~high] + block
    }
    var (a, b) = (1, 0)
    for byte in bytes {
      a = (a + Int(byte)) % 65521
      b = (b + a) % 65521
    }
    return stream + [b >> 8, b, a >> 8, a].map { UInt8(truncatingIfNeeded: $0) }
  }
}
