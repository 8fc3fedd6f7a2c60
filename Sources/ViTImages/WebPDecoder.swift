#if ImageCodecs
  import CWebP

  /// Reads WebP through libwebp, lossy and lossless, to the samples that Pillow's `convert("RGB")` gives, upright as EXIF
  /// says: alpha is dropped, not composited, and color profiles are not applied. Animations are refused.
  enum WebPDecoder {
    static func decode(_ bytes: [UInt8], maximumPixels: Int) throws(ImageError) -> Image {
      var features = WebPBitstreamFeatures()
      try check(unsafe bytes.withUnsafeBufferPointer { unsafe WebPGetFeatures($0.baseAddress, $0.count, &features) })
      guard features.has_animation == 0 else { throw .animated(.webP) }
      let size = try ImageSize(
        width: Int(features.width), height: Int(features.height), maximumPixels: maximumPixels)
      var pixels = [UInt8](repeating: 0, count: size.pixelCount * 3)
      try check(decode(bytes, into: &pixels, size))
      return try Image(size: size, channels: 3, pixels: pixels).upright(from: ImageOrientation(exifOfWebP: bytes))
    }

    /// Decodes all samples of a whole file.
    /// - Precondition: `pixels` are three for each of the file's pixels.
    private static func decode(_ bytes: [UInt8], into pixels: inout [UInt8], _ size: ImageSize) -> VP8StatusCode {
      var config = unsafe WebPDecoderConfig()
      guard unsafe WebPInitDecoderConfig(&config) != 0 else { return VP8_STATUS_INVALID_PARAM }
      return unsafe pixels.withUnsafeMutableBufferPointer { target in
        unsafe config.output.colorspace = MODE_RGB
        unsafe config.output.is_external_memory = 1
        unsafe config.output.u.RGBA = unsafe WebPRGBABuffer(
          rgba: target.baseAddress, stride: Int32(3 * size.width), size: target.count)
        return unsafe bytes.withUnsafeBufferPointer { unsafe WebPDecode($0.baseAddress, $0.count, &config) }
      }
    }

    private static func check(_ status: VP8StatusCode) throws(ImageError) {
      let reason =
        switch status {
        case VP8_STATUS_OK: ""
        case VP8_STATUS_OUT_OF_MEMORY: "not enough memory"
        case VP8_STATUS_UNSUPPORTED_FEATURE: "a feature that libwebp does not have"
        case VP8_STATUS_SUSPENDED, VP8_STATUS_NOT_ENOUGH_DATA: "the file ends early"
        default: "the data are none that libwebp reads"
        }
      guard status == VP8_STATUS_OK else { throw .undecodable(.webP, reason: reason) }
    }
  }
#endif
