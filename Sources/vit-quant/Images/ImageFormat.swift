/// The image formats, told apart by their first bytes: names of files are often wrong.
enum ImageFormat: String, Sendable {
  case png = "PNG"
  case jpeg = "JPEG"
  /// Netpbm, color.
  case ppm = "PPM"
  /// Netpbm, gray.
  case pgm = "PGM"

  init(firstBytesOf bytes: [UInt8]) throws(ImageError) {
    if bytes.isEmpty { throw .empty }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "3")])
      || bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "6")])
    {
      self = .ppm
    } else if bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "2")])
      || bytes.starts(with: [UInt8(ascii: "P"), UInt8(ascii: "5")])
    {
      self = .pgm
    } else {
      throw .unknownFormat(firstBytes: Array(bytes.prefix(8)))
    }
  }
}

extension Image {
  /// Decodes a PNG, JPEG, PPM or PGM; gray stays one channel, alpha is dropped, EXIF orientation (JPEG) is applied.
  ///
  /// An image of more than `maximumPixels` is refused before memory is taken for it.
  static func decode(
    _ bytes: [UInt8], maximumPixels: Int = ImageSize.defaultMaximumPixels
  ) throws(ImageError) -> Image {
    let format = try ImageFormat(firstBytesOf: bytes)
    switch format {
    case .ppm, .pgm:
      return try NetpbmDecoder.decode(bytes, format: format, maximumPixels: maximumPixels)
    #if ImageCodecs
      case .png: return try PNGDecoder.decode(bytes, maximumPixels: maximumPixels)
      case .jpeg: return try JPEGDecoder.decode(bytes, maximumPixels: maximumPixels)
    #else
      case .png, .jpeg: throw .decoderLeftOut(format)
    #endif
    }
  }

  /// Reads and decodes one file; `-` is standard input.
  static func load(
    path: String, maximumPixels: Int = ImageSize.defaultMaximumPixels
  ) throws(ImageError) -> Image {
    try decode(ImageFile.bytes(path: path), maximumPixels: maximumPixels)
  }
}
