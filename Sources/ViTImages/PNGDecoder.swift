#if ImageCodecs
  import CPNG

  /// Reads PNG through libpng's simplified interface, to the samples that Pillow's `convert("RGB")` gives: gamma and
  /// color profiles are not applied, alpha is dropped, not composited.
  ///
  /// 16-bit samples are rounded to 8 bits, where Pillow cuts color off (at most one level apart) and clips gray.
  enum PNGDecoder {
    static func decode(_ bytes: [UInt8], maximumPixels: Int) throws(ImageError) -> Image {
      let reader = PNGReader(file: try criticalChunks(of: bytes))
      guard let header = reader.readHeader() else { throw .undecodable(.png, reason: reader.errorText) }
      let size = try ImageSize(width: header.width, height: header.height, maximumPixels: maximumPixels)
      let samplesOfPixel = header.channels + (header.hasAlpha ? 1 : 0)
      var samples = [UInt8](repeating: 0, count: size.pixelCount * samplesOfPixel)
      guard reader.readSamples(into: &samples) else { throw .undecodable(.png, reason: reader.errorText) }
      return try Image(
        size: size, channels: header.channels,
        pixels: header.hasAlpha ? withoutAlpha(samples, channels: header.channels) : samples)
    }

    /// Moves the samples together, in place: no pixel comes to lie behind where it was.
    private static func withoutAlpha(_ samples: consuming [UInt8], channels: Int) -> [UInt8] {
      var pixels = samples
      let count = pixels.count / (channels + 1)
      var span = pixels.mutableSpan
      for pixel in 0..<count {
        for channel in 0..<channels { span[pixel * channels + channel] = span[pixel * (channels + 1) + channel] }
      }
      pixels.removeLast(count)
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
  }

  /// A file that libpng reads, header first.
  @safe private struct PNGReader: ~Copyable {
    struct Header {
      var width: Int
      var height: Int
      /// 1 or 3, alpha not counted.
      var channels: Int
      var hasAlpha: Bool
    }

    /// libpng keeps both addresses between the calls, so they must not move.
    private let image: UnsafeMutablePointer<png_image>
    private let file: UnsafeMutableBufferPointer<UInt8>

    init(file bytes: [UInt8]) {
      unsafe image = .allocate(capacity: 1)
      unsafe image.initialize(to: png_image())
      unsafe image.pointee.version = png_uint_32(PNG_IMAGE_VERSION)
      unsafe file = .allocate(capacity: bytes.count)
      _ = unsafe file.initialize(from: bytes)
    }

    deinit {
      unsafe png_image_free(image)
      unsafe image.deallocate()
      unsafe file.deallocate()
    }

    /// Reads the header and settles what samples there will be; nil when the file is none that libpng reads.
    func readHeader() -> Header? {
      guard unsafe png_image_begin_read_from_memory(image, file.baseAddress, file.count) != 0 else { return nil }
      // 16-bit samples are taken as linear light otherwise, and would be converted to sRGB.
      unsafe image.pointee.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
      let (color, alpha) = (png_uint_32(PNG_FORMAT_FLAG_COLOR), png_uint_32(PNG_FORMAT_FLAG_ALPHA))
      // 8 bits a sample and no palette; with its alpha, which libpng would composite if asked to leave it out.
      unsafe image.pointee.format &= color | alpha
      let format = unsafe image.pointee.format
      return unsafe Header(
        width: Int(image.pointee.width), height: Int(image.pointee.height), channels: format & color != 0 ? 3 : 1,
        hasAlpha: format & alpha != 0)
    }

    /// Reads all samples, rows from the top; false when libpng cannot.
    /// - Precondition: the header was read, and `samples` are as many as it says.
    func readSamples(into samples: inout [UInt8]) -> Bool {
      unsafe samples.withUnsafeMutableBufferPointer { samples in
        // A row stride of 0 is the smallest.
        unsafe png_image_finish_read(image, nil, samples.baseAddress, 0, nil) != 0
      }
    }

    /// What the last call that failed says.
    var errorText: String {
      unsafe withUnsafeBytes(of: &image.pointee.message) { text in
        unsafe String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
  }
#endif
