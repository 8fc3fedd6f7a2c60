import Int8Kernels
import Quant
import ViTLite

/// Pixels as a model takes them: `channels x height x width`, 8 bits, not yet normalised.
struct PixelPlanes: Equatable, Sendable {
  let size: ImageSize
  let channels: Int
  let samples: [UInt8]
}

extension Preprocessing {
  /// The image in the model's channels, resized and cropped: everything before values are rescaled and normalised.
  ///
  /// The size of the result follows from these steps; that it is the model's is for the caller to check. Throws when
  /// the channels do not fit or when a step would make an image of more than `maximumPixels`.
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

  /// The values that enter the model: `(sample * rescaleFactor - mean) / standardDeviation` for each channel, in the
  /// order of the planes.
  ///
  /// Throws `ImageError.statistics` unless mean and standard deviation are one usable number for each channel.
  func normalize(_ planes: PixelPlanes) throws(ImageError) -> [Float] {
    let isUsable =
      mean.count == planes.channels && standardDeviation.count == planes.channels
      && mean.allSatisfy(\.isFinite) && standardDeviation.allSatisfy { $0.isFinite && $0 > 0 }
    guard isUsable else {
      throw .statistics(mean: mean, standardDeviation: standardDeviation, channels: planes.channels)
    }
    var values = [Float]()
    values.reserveCapacity(planes.samples.count)
    let planeLength = planes.size.pixelCount
    for channel in 0..<planes.channels {
      let normalized = (0...255).map { sample in
        Float((Double(sample) * rescaleFactor - mean[channel]) / standardDeviation[channel])
      }
      let plane = planes.samples[(channel * planeLength)..<((channel + 1) * planeLength)]
      values.append(contentsOf: plane.lazy.map { normalized[Int($0)] })
    }
    return values
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
