#if ImageCodecs
  import CJPEG

  /// Reads JPEG through the TurboJPEG interface, to the samples that Pillow's `convert("RGB")` gives, upright as EXIF
  /// says.
  struct JPEGDecoder: ~Copyable {
    private let decompressor = TurboJPEG()
    private let file: [UInt8]

    static func decode(_ bytes: [UInt8], maximumPixels: Int) throws(ImageError) -> Image {
      let image = try JPEGDecoder(file: bytes).image(maximumPixels: maximumPixels)
      return try image.upright(from: ImageOrientation(exifOf: bytes))
    }

    private init(file: [UInt8]) { self.file = file }

    private func image(maximumPixels: Int) throws(ImageError) -> Image {
      let (status, header) = decompressor.header(of: file)
      try check(status)
      // Of a file that has no frame header the C library reads the tables, and is content.
      guard header.width > 0, header.height > 0 else { throw failure("no width and height") }
      let size = try ImageSize(width: header.width, height: header.height, maximumPixels: maximumPixels)
      let format = pixelFormat(header.colorSpace)
      // As many samples a pixel as libjpeg writes.
      let channels = format == TJPF_GRAY ? 1 : format == TJPF_CMYK ? 4 : 3
      try checkScans(size)
      var samples = [UInt8](repeating: 0, count: size.pixelCount * channels)
      // What is found out early costs no decoding of the rest. A picture with a harmless warning is decoded again.
      if decompressor.decompress(file, into: &samples, size, format: format, stopsOnWarning: true) != 0 {
        guard isHarmless(decompressor.errorText) else { throw failure(decompressor.errorText) }
        try check(decompressor.decompress(file, into: &samples, size, format: format, stopsOnWarning: false))
      }
      return try Image(
        size: size, channels: channels == 1 ? 1 : 3,
        pixels: channels == 4 ? rgb(fromInvertedCMYK: samples) : samples)
    }

    private func pixelFormat(_ colorSpace: Int) -> TJPF {
      // C enumerations are signed or not as the version of the header has it.
      switch colorSpace {
      case Int(TJCS_GRAY.rawValue): TJPF_GRAY
      case Int(TJCS_CMYK.rawValue), Int(TJCS_YCCK.rawValue): TJPF_CMYK
      default: TJPF_RGB
      }
    }

    /// Throws unless the call succeeded, or only warned of what takes nothing from the picture, as stray bytes between
    /// segments, which cameras write and Pillow accepts.
    ///
    /// TurboJPEG reports errors after a warning as warnings too, but the text is then the error's. It keeps the text of
    /// the first warning, so that the file ends early may not show in it.
    private func check(_ status: Int32) throws(ImageError) {
      guard status != 0 else { return }
      let reason = decompressor.errorText
      guard isHarmless(reason), hasEndOfImage else { throw failure(reason) }
    }

    /// Behind the end of a file the C library reads an end-of-image marker, and what it then says may be about that.
    private func failure(_ reason: String) -> ImageError {
      .undecodable(.jpeg, reason: hasEndOfImage ? reason : "the file ends early (\(reason))")
    }

    private func isHarmless(_ reason: String) -> Bool {
      let harmless = [
        "extraneous bytes before marker", "unknown JFIF revision number", "Unknown Adobe color transform code",
      ]
      return harmless.contains { reason.contains($0) }
    }

    /// Each scan of a progressive picture goes over all of it, however few bytes it has. Cameras and encoders write up
    /// to a dozen.
    private func checkScans(_ size: ImageSize) throws(ImageError) {
      let limit = max(Self.freeScans, Self.scannedPixels / size.pixelCount)
      let scans = scanCount
      guard scans <= limit else {
        throw .undecodable(.jpeg, reason: "\(scans) scans of \(size.width) x \(size.height) pixels, more than \(limit)")
      }
    }

    /// Pixels times scans that take a few seconds.
    private static let scannedPixels = 2_000_000_000
    /// For any size.
    private static let freeScans = 20

    /// Start-of-scan markers, wherever they are: coded data contains none.
    private var scanCount: Int {
      var count = 0
      let bytes = file.span
      for offset in 1..<max(1, bytes.count) where bytes[offset] == 0xDA && bytes[offset - 1] == 0xFF { count += 1 }
      return count
    }

    /// Whether an end-of-image marker follows the last scan's header; coded data cannot contain either.
    private var hasEndOfImage: Bool {
      let (startOfScan, endOfImage) = (UInt8(0xDA), UInt8(0xD9))
      for offset in file.indices.dropLast().reversed() where file[offset] == 0xFF {
        if file[offset + 1] == endOfImage { return true }
        if file[offset + 1] == startOfScan { return false }
      }
      return false
    }

    /// Four-color JPEGs hold inverted inks, as Adobe writes them. Each color is what black and the ink leave of white,
    /// with Pillow's rounding.
    private func rgb(fromInvertedCMYK samples: [UInt8]) -> [UInt8] {
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

  /// A decompressor of the C library. Where memory is short there is none, and every call fails.
  @safe private struct TurboJPEG: ~Copyable {
    private let handle: tjhandle?

    init() { unsafe handle = tjInitDecompress() }

    deinit {
      if let handle = unsafe handle { unsafe tjDestroy(handle) }
    }

    /// Of a whole file. The numbers are zeros when the status is not 0 and the header has not been reached.
    func header(of file: [UInt8]) -> (status: Int32, header: (width: Int, height: Int, colorSpace: Int)) {
      var (width, height, subsampling, colorSpace) = (Int32(0), Int32(0), Int32(0), Int32(0))
      let status = unsafe file.withUnsafeBufferPointer { file in
        unsafe tjDecompressHeader3(
          handle, file.baseAddress, UInt(file.count), &width, &height, &subsampling, &colorSpace)
      }
      return (status, (Int(width), Int(height), Int(colorSpace)))
    }

    /// Decodes all samples of a whole file.
    /// - Precondition: `samples` are as many as the size and the format have.
    func decompress(
      _ file: [UInt8], into samples: inout [UInt8], _ size: ImageSize, format: TJPF, stopsOnWarning: Bool
    ) -> Int32 {
      // Pillow's settings: the exact inverse transform, and smooth upsampling of color (the default). The limit on
      // scans stops files made to take hours.
      let flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | (stopsOnWarning ? TJFLAG_STOPONWARNING : 0)
      return unsafe file.withUnsafeBufferPointer { file in
        unsafe samples.withUnsafeMutableBufferPointer { samples in
          // A pitch of 0 is the width in samples.
          unsafe tjDecompress2(
            handle, file.baseAddress, UInt(file.count), samples.baseAddress, Int32(size.width), 0,
            Int32(size.height), Int32(format.rawValue), flags)
        }
      }
    }

    /// What the last call that failed says.
    var errorText: String {
      guard let text = unsafe tjGetErrorStr2(handle) else { return "unknown error" }
      return unsafe String(cString: text)
    }
  }
#endif
