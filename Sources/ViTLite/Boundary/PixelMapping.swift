/// What 8-bit pixels mean to an int8 model: `value = pixel * scale + offset` for each channel.
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

  /// Whether every value is within half a step of a pixel's range.
  package func covers(_ values: [Float]) -> Bool { clippedCount(values) == 0 }

  /// How many values are beyond half a step of a pixel's range, and become its ends; NaN is one of them.
  package func clippedCount(_ values: [Float]) -> Int {
    let plane = values.count / max(scale.count, 1)
    return values.indices.count { index in
      let channel = min(index / max(plane, 1), scale.count - 1)
      let pixel = (values[index] - offset[channel]) / scale[channel]
      return !(pixel >= -0.5 && pixel <= 255.5)
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
}

extension IntegerModel {
  /// Pixels that went through the preprocessing, as the model reads them: unchanged, unless the model was calibrated on
  /// values beyond what its preprocessing gives.
  /// - Parameter pixels: `channels x height x width`.
  package func pixels(ofPreprocessed pixels: [UInt8]) -> [UInt8] {
    foreignValues(of: pixels).map { pixelMapping.pixels(fromValues: $0) } ?? pixels
  }

  /// The values of preprocessed pixels for a model whose own pixels mean something else; nil where they mean the same.
  func foreignValues(of pixels: [UInt8]) -> [Float]? {
    guard let preprocessing else { return nil }
    let normalization = PixelNormalization(preprocessing, channels: configuration.channels)
    return normalization.mapping == pixelMapping ? nil : normalization.values(of: pixels)
  }

  /// How many of an input's values are beyond what the model's pixels can have.
  /// - Parameter values: `channels x height x width`, normalised.
  package func clippedCount(ofValues values: [Float]) -> Int { pixelMapping.clippedCount(values) }

  /// The same of pixels that went through the preprocessing: 0, unless the model was calibrated on other values.
  package func clippedCount(ofPreprocessed pixels: [UInt8]) -> Int {
    foreignValues(of: pixels).map { pixelMapping.clippedCount($0) } ?? 0
  }
}
