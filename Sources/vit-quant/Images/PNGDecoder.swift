#if ImageCodecs
  import CPNG

  /// Reads PNG through libpng's simplified interface, to the samples that Pillow's `convert("RGB")` gives: gamma and
  /// color profiles are not applied, alpha is dropped, not composited.
  ///
  /// 16-bit samples are rounded to 8 bits, where Pillow cuts color off (at most one level apart) and clips gray.
  enum PNGDecoder {
    static func decode(_ bytes: [UInt8], maximumPixels: Int) throws(ImageError) -> Image {
      let critical = try criticalChunks(of: bytes)
      // libpng keeps the address between the calls, so it must not move.
      let header = UnsafeMutablePointer<png_image>.allocate(capacity: 1)
      header.initialize(to: png_image())
      header.pointee.version = png_uint_32(PNG_IMAGE_VERSION)
      defer {
        png_image_free(header)
        header.deallocate()
      }
      return try critical.withUnsafeBufferPointer { (file) throws(ImageError) in
        try readHeader(header, of: file)
        return try readPixels(header, maximumPixels: maximumPixels)
      }
    }

    private static func readHeader(
      _ header: UnsafeMutablePointer<png_image>, of file: UnsafeBufferPointer<UInt8>
    ) throws(ImageError) {
      guard png_image_begin_read_from_memory(header, file.baseAddress, file.count) != 0 else {
        throw .undecodable(.png, reason: message(header))
      }
      // 16-bit samples are taken as linear light otherwise, and would be converted to sRGB.
      header.pointee.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
      let (color, alpha) = (png_uint_32(PNG_FORMAT_FLAG_COLOR), png_uint_32(PNG_FORMAT_FLAG_ALPHA))
      // 8 bits a sample and no palette; with its alpha, which libpng would composite if asked to leave it out.
      header.pointee.format &= color | alpha
    }

    private static func readPixels(
      _ header: UnsafeMutablePointer<png_image>, maximumPixels: Int
    ) throws(ImageError) -> Image {
      let size = try ImageSize(
        width: Int(header.pointee.width), height: Int(header.pointee.height), maximumPixels: maximumPixels)
      let channels = header.pointee.format & png_uint_32(PNG_FORMAT_FLAG_COLOR) != 0 ? 3 : 1
      let hasAlpha = header.pointee.format & png_uint_32(PNG_FORMAT_FLAG_ALPHA) != 0
      var samples = [UInt8](repeating: 0, count: size.pixelCount * (channels + (hasAlpha ? 1 : 0)))
      let succeeded = samples.withUnsafeMutableBufferPointer { buffer in
        // A row stride of 0 is the smallest.
        png_image_finish_read(header, nil, buffer.baseAddress, 0, nil) != 0
      }
      guard succeeded else { throw .undecodable(.png, reason: message(header)) }
      return try Image(
        size: size, channels: channels, pixels: hasAlpha ? withoutAlpha(samples, channels: channels) : samples)
    }

    private static func withoutAlpha(_ samples: [UInt8], channels: Int) -> [UInt8] {
      var pixels = [UInt8]()
      pixels.reserveCapacity(samples.count / (channels + 1) * channels)
      for pixel in stride(from: 0, to: samples.count, by: channels + 1) {
        pixels.append(contentsOf: samples[pixel..<(pixel + channels)])
      }
      return pixels
    }

    /// The signature and the critical chunks (header, palette, data, end). The others would change the samples (gAMA,
    /// cHRM, iCCP, tRNS), or only cost time.
    private static func criticalChunks(of bytes: [UInt8]) throws(ImageError) -> [UInt8] {
      let signatureLength = 8
      let lengthTypeAndChecksum = 12
      var critical = Array(bytes.prefix(signatureLength))
      critical.reserveCapacity(bytes.count)
      var offset = signatureLength
      while true {
        guard let length = bytes.bigEndian32(at: offset), let type = bytes.bigEndian32(at: offset + 4),
          bytes.count - offset - lengthTypeAndChecksum >= length
        else {
          throw .malformed(
            .png, found: "the file ends inside a chunk", offset: offset, valid: "an IEND chunk must end the file")
        }
        let end = offset + lengthTypeAndChecksum + length
        let isAncillary = type & 0x2000_0000 != 0
        if !isAncillary { critical.append(contentsOf: bytes[offset..<end]) }
        let iend = 0x4945_4E44
        if type == iend { return critical }
        offset = end
      }
    }

    private static func message(_ header: UnsafeMutablePointer<png_image>) -> String {
      withUnsafeBytes(of: &header.pointee.message) { text in
        String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
  }
#endif
