#if ImageCodecs
  import CJPEG

  /// Reads JPEG through the TurboJPEG interface, to the samples that Pillow's `convert("RGB")` gives, upright as EXIF
  /// says.
  enum JPEGDecoder {
    static func decode(_ bytes: [UInt8], maximumPixels: Int) throws(ImageError) -> Image {
      guard let decoder = tjInitDecompress() else { throw failure(nil) }
      defer { tjDestroy(decoder) }
      let image = try bytes.withUnsafeBufferPointer { (file) throws(ImageError) in
        let header = try readHeader(decoder, of: file, maximumPixels: maximumPixels)
        return try readPixels(decoder, header, of: file)
      }
      return try image.upright(from: ImageOrientation(exifOf: bytes))
    }

    private struct Header {
      var size: ImageSize
      var format: TJPF

      /// Samples of a pixel as libjpeg writes them.
      var channels: Int {
        switch format {
        case TJPF_GRAY: 1
        case TJPF_CMYK: 4
        default: 3
        }
      }
    }

    private static func readHeader(
      _ decoder: tjhandle, of file: UnsafeBufferPointer<UInt8>, maximumPixels: Int
    ) throws(ImageError) -> Header {
      var (width, height, subsampling, colorSpace) = (Int32(0), Int32(0), Int32(0), Int32(0))
      let status = tjDecompressHeader3(
        decoder, file.baseAddress, UInt(file.count), &width, &height, &subsampling, &colorSpace)
      try check(status, of: decoder, file)
      let size = try ImageSize(width: Int(width), height: Int(height), maximumPixels: maximumPixels)
      // C enumerations are signed or not as the version of the header has it.
      switch Int(colorSpace) {
      case Int(TJCS_GRAY.rawValue): return Header(size: size, format: TJPF_GRAY)
      case Int(TJCS_CMYK.rawValue), Int(TJCS_YCCK.rawValue): return Header(size: size, format: TJPF_CMYK)
      default: return Header(size: size, format: TJPF_RGB)
      }
    }

    private static func readPixels(
      _ decoder: tjhandle, _ header: Header, of file: UnsafeBufferPointer<UInt8>
    ) throws(ImageError) -> Image {
      let (size, channels) = (header.size, header.channels)
      var samples = [UInt8](repeating: 0, count: size.pixelCount * channels)
      // Pillow's settings: the exact inverse transform, and smooth upsampling of color (the default). The limit on
      // scans stops files made to take hours.
      let flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS
      let status = samples.withUnsafeMutableBufferPointer { buffer in
        // A pitch of 0 is the width in samples.
        tjDecompress2(
          decoder, file.baseAddress, UInt(file.count), buffer.baseAddress, Int32(size.width), 0,
          Int32(size.height), Int32(header.format.rawValue), flags)
      }
      try check(status, of: decoder, file)
      return try Image(
        size: size, channels: channels == 1 ? 1 : 3,
        pixels: channels == 4 ? rgb(fromInvertedCMYK: samples) : samples)
    }

    /// Throws unless the call succeeded, or only warned of what takes nothing from the picture, as stray bytes between
    /// segments, which cameras write and Pillow accepts.
    ///
    /// TurboJPEG reports errors after a warning as warnings too, but the text is then the error's. It keeps the text of
    /// the first warning, so that the file ends early may not show in it.
    private static func check(
      _ status: Int32, of decoder: tjhandle, _ file: UnsafeBufferPointer<UInt8>
    ) throws(ImageError) {
      guard status != 0 else { return }
      let error = failure(decoder)
      let harmless = [
        "extraneous bytes before marker", "unknown JFIF revision number", "Unknown Adobe color transform code",
      ]
      guard case .undecodable(_, let reason) = error, harmless.contains(where: { reason.contains($0) }),
        hasEndOfImage(file)
      else { throw error }
    }

    /// Whether an end-of-image marker follows the last scan's header; coded data cannot contain either.
    private static func hasEndOfImage(_ file: UnsafeBufferPointer<UInt8>) -> Bool {
      let (startOfScan, endOfImage) = (UInt8(0xDA), UInt8(0xD9))
      for offset in file.indices.dropLast().reversed() where file[offset] == 0xFF {
        if file[offset + 1] == endOfImage { return true }
        if file[offset + 1] == startOfScan { return false }
      }
      return false
    }

    private static func failure(_ decoder: tjhandle?) -> ImageError {
      guard let text = tjGetErrorStr2(decoder) else { return .undecodable(.jpeg, reason: "unknown error") }
      return .undecodable(.jpeg, reason: String(cString: text))
    }

    /// Four-color JPEGs hold inverted inks, as Adobe writes them. Each color is what black and the ink leave of white,
    /// with Pillow's rounding.
    private static func rgb(fromInvertedCMYK samples: [UInt8]) -> [UInt8] {
      var pixels = [UInt8]()
      pixels.reserveCapacity(samples.count / 4 * 3)
      for pixel in stride(from: 0, to: samples.count, by: 4) {
        let notBlack = Int(samples[pixel + 3])
        for channel in 0..<3 {
          let ink = 255 - Int(samples[pixel + channel])
          let product = ink * notBlack + 128
          pixels.append(UInt8(max(0, notBlack - ((product >> 8) + product) >> 8)))
        }
      }
      return pixels
    }
  }
#endif
