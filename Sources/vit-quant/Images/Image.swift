/// A decoded picture: 8-bit samples, interleaved, rows from the top.
struct Image: Equatable, Sendable {
  let size: ImageSize
  /// 1 (gray) or 3 (red, green, blue).
  let channels: Int
  /// `height x width x channels`; sample `c` of pixel (x, y) is at `(y * width + x) * channels + c`.
  let pixels: [UInt8]

  var width: Int { size.width }
  var height: Int { size.height }

  /// Throws `ImageError.channels` or `.sampleCount` when the parts do not belong together.
  init(size: ImageSize, channels: Int, pixels: [UInt8]) throws(ImageError) {
    guard channels == 1 || channels == 3 else { throw .channels(found: channels) }
    guard pixels.count == size.pixelCount * channels else {
      throw .sampleCount(found: pixels.count, needed: size.pixelCount * channels)
    }
    self.size = size
    self.channels = channels
    self.pixels = pixels
  }

  /// From planes, `channels x height x width`, as data sets store images.
  init(size: ImageSize, channels: Int, planes: some RandomAccessCollection<UInt8>) throws(ImageError) {
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

/// Width and height that are known to be in bounds, so that products of them with small factors cannot overflow.
struct ImageSize: Equatable, Sendable {
  /// The largest width or height; libpng has the same limit.
  static let maximumSide = 1_000_000
  /// What an image may have unless the command line says otherwise.
  static let defaultMaximumPixels = 100_000_000
  /// What the command line may say: three bytes for each of the most must still be memory that machines have.
  static let validMaximumPixels = 1...(1 << 30)

  let width: Int
  let height: Int

  /// Throws `ImageError.side` or `.pixels` when a side is out of bounds or the image has more than `maximumPixels`.
  init(width: Int, height: Int, maximumPixels: Int = defaultMaximumPixels) throws(ImageError) {
    let validSides = 1...Self.maximumSide
    guard validSides.contains(width), validSides.contains(height) else {
      throw .side(width: width, height: height)
    }
    guard width * height <= maximumPixels else {
      throw .pixels(width: width, height: height, limit: maximumPixels)
    }
    self.width = width
    self.height = height
  }

  var pixelCount: Int { width * height }
}
