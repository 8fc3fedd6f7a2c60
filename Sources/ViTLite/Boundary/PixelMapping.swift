/// What 8-bit pixels mean: `value = pixel * scale + offset` for each channel.
///
/// From the preprocessing's mean and deviation, and then exact for anything that came from pixels; from the range of
/// the calibration data where there are none.
package struct PixelMapping: Sendable, Equatable {
  package var scale: [Float]
  package var offset: [Float]

  package init(scale: [Float], offset: [Float]) {
    self.scale = scale
    self.offset = offset
  }

  /// The mapping of a preprocessing: `(pixel * rescaleFactor - mean) / standardDeviation`.
  package init(_ preprocessing: Preprocessing) {
    scale = preprocessing.standardDeviation.map { Float(preprocessing.rescaleFactor / $0) }
    offset = zip(preprocessing.mean, preprocessing.standardDeviation).map { Float(-$0 / $1) }
  }

  /// Whether every value is within half a step of a pixel's range.
  package func covers(_ values: [Float]) -> Bool {
    let plane = values.count / max(scale.count, 1)
    return values.indices.allSatisfy { index in
      let channel = min(index / max(plane, 1), scale.count - 1)
      let pixel = (values[index] - offset[channel]) / scale[channel]
      return pixel >= -0.5 && pixel <= 255.5
    }
  }

  /// Normalised values, `channels x height x width`, as the nearest pixels; NaN as 0.
  package func pixels(fromValues values: [Float]) -> [UInt8] {
    let plane = values.count / max(scale.count, 1)
    return values.indices.map { index in
      let channel = min(index / max(plane, 1), scale.count - 1)
      let pixel = ((values[index] - offset[channel]) / scale[channel]).rounded()
      return pixel > 0 ? UInt8(min(pixel, 255)) : 0
    }
  }

  /// Pixels as normalised values.
  package func values(fromPixels pixels: some RandomAccessCollection<UInt8>) -> [Float] {
    let plane = pixels.count / max(scale.count, 1)
    return pixels.enumerated().map { index, pixel in
      let channel = min(index / max(plane, 1), scale.count - 1)
      return Float(pixel) * scale[channel] + offset[channel]
    }
  }
}
