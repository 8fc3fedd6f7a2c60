/// The image formats, told apart by their first bytes: names of files are often wrong.
public enum ImageFormat: String, Sendable {
  case png = "PNG"
  case jpeg = "JPEG"
  case webP = "WebP"
  /// Netpbm, color.
  case ppm = "PPM"
  /// Netpbm, gray.
  case pgm = "PGM"

  /// As many as an error quotes.
  static let firstByteCount = 16

  /// - Throws: `ImageError.empty` or `.unknownFormat`.
  init(firstBytesOf bytes: [UInt8]) throws(ImageError) {
    if bytes.isEmpty { throw .empty }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
      self = .webP
    } else if bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "3")])
      || bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "6")])
    {
      self = .ppm
    } else if bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "2")])
      || bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "5")])
    {
      self = .pgm
    } else {
      throw .unknownFormat(firstBytes: Array(bytes.prefix(Self.firstByteCount)))
    }
  }
}
