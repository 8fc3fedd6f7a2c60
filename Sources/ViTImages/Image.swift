/// A picture as 8-bit samples, interleaved, rows from the top.
///
///     let image = try Image(path: "photo.jpg")
///     image.width, image.height      // 1920, 1080
public struct Image: Equatable, Sendable {
  public let size: ImageSize
  /// 1 (gray) or 3 (red, green, blue).
  public let channels: Int
  /// `height x width x channels`; sample `c` of pixel (x, y) is at `(y * width + x) * channels + c`.
  public let pixels: [UInt8]

  /// In pixels, as `height`.
  public var width: Int { size.width }
  public var height: Int { size.height }

  /// A picture from samples, such as a camera's.
  ///
  /// - Parameter pixels: `height x width x channels`, as the property.
  /// - Throws: `ImageError.channels` or `.sampleCount` when the parts do not belong together.
  public init(size: ImageSize, channels: Int, pixels: [UInt8]) throws(ImageError) {
    guard channels == 1 || channels == 3 else { throw .channels(found: channels) }
    guard pixels.count == size.pixelCount * channels else {
      throw .sampleCount(found: pixels.count, needed: size.pixelCount * channels)
    }
    self.size = size
    self.channels = channels
    self.pixels = pixels
  }

  /// A picture from planes, `channels x height x width`, as data sets store images.
  ///
  /// - Throws: `ImageError.channels` or `.sampleCount` when the parts do not belong together.
  package init(
    size: ImageSize, channels: Int, planes: some RandomAccessCollection<UInt8>
  ) throws(ImageError) {
    let pixelCount = size.pixelCount
    guard channels == 1 || channels == 3 else { throw .channels(found: channels) }
    guard planes.count == pixelCount * channels else {
      throw .sampleCount(found: planes.count, needed: pixelCount * channels)
    }
    var pixels = [UInt8](repeating: 0, count: pixelCount * channels)
    for (position, sample) in planes.enumerated() {
      let (channel, pixel) = position.quotientAndRemainder(dividingBy: pixelCount)
      pixels[pixel * channels + channel] = sample
    }
    try self.init(size: size, channels: channels, pixels: pixels)
  }

  /// The image in gray (1) or in color (3): luma by ITU-R 601 with Pillow's 16-bit weights, color by repeating gray.
  func converted(toChannels wanted: Int) throws(ImageError) -> Image {
    switch (channels, wanted) {
    case (1, 1), (3, 3):
      return self
    case (1, 3):
      var color = [UInt8]()
      color.reserveCapacity(pixels.count * 3)
      for sample in pixels {
        color.append(sample)
        color.append(sample)
        color.append(sample)
      }
      return try Image(size: size, channels: 3, pixels: color)
    case (3, 1):
      let gray = (0..<size.pixelCount).map { pixel in
        let red = UInt32(pixels[pixel * 3])
        let green = UInt32(pixels[pixel * 3 + 1])
        let blue = UInt32(pixels[pixel * 3 + 2])
        // The weights add up to 2^16, so the sum fits in 8 bits after the shift.
        return UInt8((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16)
      }
      return try Image(size: size, channels: 1, pixels: gray)
    default:
      throw .channels(found: wanted)
    }
  }
}
