import ViTLite

/// Pixels as a model takes them: `channels x height x width`, 8 bits, not yet normalised.
struct PixelPlanes: Equatable, Sendable {
  let size: ImageSize
  let channels: Int
  let samples: [UInt8]
}

extension Preprocessing {
  /// An image as a model of this configuration takes it: `channels x height x width` pixels, 8 bits, not yet normalised.
  ///
  /// - Throws: `ImageError` when the channels do not fit, when a step would make an image of more than `maximumPixels`,
  ///   or when the steps do not lead to the size of the model.
  package func pixels(
    of image: Image, for configuration: ModelConfiguration,
    maximumPixels: Int = ImageSize.defaultMaximumPixels
  ) throws(ImageError) -> [UInt8] {
    let planes = try prepare(image, channels: configuration.channels, maximumPixels: maximumPixels)
    let (width, height) = (configuration.imageWidth, configuration.imageHeight)
    guard planes.size.width == width, planes.size.height == height else {
      throw .preprocessedSize(
        width: planes.size.width, height: planes.size.height, modelWidth: width, modelHeight: height)
    }
    return planes.samples
  }

  /// The image in the model's channels, resized and cropped: everything before values are rescaled and normalised.
  ///
  /// - Throws: `ImageError` when the channels do not fit or when a step would make an image of more than
  ///   `maximumPixels`.
  func prepare(
    _ image: Image, channels: Int, maximumPixels: Int = ImageSize.defaultMaximumPixels
  ) throws(ImageError) -> PixelPlanes {
    let converted = try image.converted(toChannels: channels)
    let target = try resizedSize(of: image.size, maximumPixels: maximumPixels)
    let resized = try converted.resized(to: target, filter: filter, maximumPixels: maximumPixels)
    guard let crop else { return resized.planes(top: 0, left: 0, size: target) }
    let cropSize = try ImageSize(width: crop.width, height: crop.height, maximumPixels: maximumPixels)
    return resized.planes(
      top: cropRounding.offset(ofCrop: cropSize.height, in: target.height),
      left: cropRounding.offset(ofCrop: cropSize.width, in: target.width), size: cropSize)
  }

  private func resizedSize(of size: ImageSize, maximumPixels: Int) throws(ImageError) -> ImageSize {
    switch resize {
    case .none:
      return size
    case .exact(let height, let width):
      return try ImageSize(width: width, height: height, maximumPixels: maximumPixels)
    case .shortestEdge(let length):
      // Checked before it is multiplied: it comes from a file.
      let short = try ImageSize(width: length, height: 1, maximumPixels: maximumPixels).width
      // The longer edge is cut off to a whole number, as in transformers and torchvision.
      return size.width <= size.height
        ? try ImageSize(width: short, height: short * size.height / size.width, maximumPixels: maximumPixels)
        : try ImageSize(width: short * size.width / size.height, height: short, maximumPixels: maximumPixels)
    case .covering(let height, let width):
      // Checked before it is multiplied.
      let least = try ImageSize(width: width, height: height, maximumPixels: maximumPixels)
      // Divided and rounded as in timm's `ResizeKeepRatio`.
      let ratio = min(Double(size.height) / Double(least.height), Double(size.width) / Double(least.width))
      return try ImageSize(
        width: Int((Double(size.width) / ratio).rounded(.toNearestOrEven)),
        height: Int((Double(size.height) / ratio).rounded(.toNearestOrEven)), maximumPixels: maximumPixels)
    }
  }
}

extension Image {
  /// A window of the image, plane by plane; zeros where it reaches beyond the image.
  fileprivate func planes(top: Int, left: Int, size window: ImageSize) -> PixelPlanes {
    var samples = [UInt8](repeating: 0, count: window.pixelCount * channels)
    let rows = max(0, -top)..<min(window.height, height - top)
    let columns = max(0, -left)..<min(window.width, width - left)
    for channel in 0..<channels {
      for y in rows {
        let target = (channel * window.height + y) * window.width
        let source = (y + top) * width + left
        for x in columns { samples[target + x] = pixels[(source + x) * channels + channel] }
      }
    }
    return PixelPlanes(size: window, channels: channels, samples: samples)
  }
}
