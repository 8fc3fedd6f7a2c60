extension Image {
  /// Reads and decodes a file: PNG, JPEG, WebP, PPM or PGM, by its first bytes and not by its name.
  ///
  /// Gray stays one channel, alpha is dropped, and a JPEG or WebP is turned upright as its EXIF orientation says.
  ///
  /// - Parameter maximumPixels: a larger image is refused before memory is taken for it.
  /// - Throws: `ImageError` when the file cannot be read, is damaged or too large, or is in a format that this build
  ///   cannot decode.
  public init(path: String, maximumPixels: Int = ImageSize.defaultMaximumPixels) throws(ImageError) {
    try self.init(decoding: ImageFile.bytes(path: path), maximumPixels: maximumPixels)
  }

  /// Decodes the bytes of a file, as `init(path:)` does.
  ///
  /// - Throws: `ImageError` when the bytes are damaged, too large an image, or in a format that this build cannot decode.
  public init(
    decoding bytes: [UInt8], maximumPixels: Int = ImageSize.defaultMaximumPixels
  ) throws(ImageError) {
    let format = try ImageFormat(firstBytesOf: bytes)
    switch format {
    case .ppm, .pgm:
      self = try NetpbmDecoder.decode(bytes, format: format, maximumPixels: maximumPixels)
    #if ImageCodecs
      case .png: self = try PNGDecoder.decode(bytes, maximumPixels: maximumPixels)
      case .jpeg: self = try JPEGDecoder.decode(bytes, maximumPixels: maximumPixels)
      case .webP: self = try WebPDecoder.decode(bytes, maximumPixels: maximumPixels)
    #else
      case .png, .jpeg, .webP: throw .decoderLeftOut(format)
    #endif
    }
  }
}
