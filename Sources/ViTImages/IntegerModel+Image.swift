import ViTLite

extension IntegerModel {
  /// An image as the model reads it: converted to the model's channels, resized and cropped as its preprocessing says.
  ///
  ///     let output = try session.run(model.pixels(of: Image(path: "photo.jpg")))
  ///
  /// The resized image is, sample for sample, what Pillow gives, and so what transformers and timm feed their models.
  ///
  /// - Parameter maximumPixels: of the image between the steps.
  /// - Returns: `channels x height x width` of the model's configuration, 8 bits each: one plane after the other (red,
  ///   green, blue), rows from the top.
  /// - Throws: `ImageError.noPreprocessing` when the model file does not say how images are prepared,
  ///   `.preprocessedSize` when what it says does not lead to the size of the model, `.channels` when the model reads
  ///   neither gray nor color, and `.side` or `.pixels` when a step would make an image out of bounds.
  public func pixels(
    of image: Image, maximumPixels: Int = ImageSize.defaultMaximumPixels
  ) throws(ImageError) -> [UInt8] {
    guard let preprocessing else { throw .noPreprocessing }
    return pixels(
      ofPreprocessed: try preprocessing.pixels(of: image, for: configuration, maximumPixels: maximumPixels))
  }
}
