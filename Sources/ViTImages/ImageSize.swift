/// Width and height of an image, known to be in bounds: products of them with small factors cannot overflow.
public struct ImageSize: Equatable, Sendable {
  /// The largest width or height, in pixels; libpng has the same limit.
  public static let maximumSide = 1_000_000
  /// How many pixels an image may have where nobody says otherwise.
  public static let defaultMaximumPixels = 100_000_000
  /// The limits that make sense: three bytes for each of the most pixels must still be memory that machines have.
  package static let validMaximumPixels = 1...(1 << 30)

  /// In pixels, as `height`.
  public let width: Int
  public let height: Int

  /// - Throws: `ImageError.side` or `.pixels` when a side is not within 1 and `maximumSide`, or the image has more than
  ///   `maximumPixels`.
  public init(width: Int, height: Int, maximumPixels: Int = defaultMaximumPixels) throws(ImageError) {
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

  /// `width * height`
  public var pixelCount: Int { width * height }
}
