import Int8Kernels
import Quant
import ViTLite

/// An image as small as a report shows it: the pixels that the models read.
struct Thumbnail: Sendable {
  /// The longer side, in pixels.
  private static let side = 72

  let width: Int
  let height: Int
  /// 1 for gray, 3 for color; rows from top to bottom, samples of a pixel together.
  private let channels: Int
  private let samples: [UInt8]

  /// - Parameter pixels: `channels x height x width`.
  init(pixels: [UInt8], channels count: Int, height: Int, width: Int) {
    let scale = max(1, (max(height, width) + Self.side - 1) / Self.side)
    self.height = max(height / scale, 1)
    self.width = max(width / scale, 1)
    channels = count >= 3 ? 3 : 1
    var samples: [UInt8] = []
    for row in 0..<self.height {
      for column in 0..<self.width {
        for channel in 0..<channels {
          var sum = 0
          for y in row * scale..<min((row + 1) * scale, height) {
            for x in column * scale..<min((column + 1) * scale, width) {
              sum += Int(pixels[(channel * height + y) * width + x])
            }
          }
          samples.append(UInt8(truncatingIfNeeded: sum / (scale * scale)))
        }
      }
    }
    self.samples = samples
  }

  /// For the `src` of an image.
  var dataAddress: String { "data:image/png;base64," + Self.base64(png) }

  /// A PNG file (ISO 15948) whose data are stored, not compressed.
  var png: [UInt8] {
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

  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = 0
      for index in 0..<3 { bits = bits << 8 | (index < group.count ? Int(group[start + index]) : 0) }
      for index in 0..<4 {
        text.append(index <= group.count ? digits[bits >> (18 - 6 * index) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
