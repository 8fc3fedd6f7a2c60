/// One image as an int8 model reads it, `channels x height x width`.
public struct InputPixels: Sendable, Equatable {
  /// Pixels of 8 bits.
  public var levels: [UInt8]
  /// How far each value lies above its pixel, in 16ths, 0 to 15 and 0 above 255; nil where all are 0, and for a model
  /// whose patch embedding reads 8 bits.
  public var fractions: [UInt8]?

  public init(levels: [UInt8], fractions: [UInt8]? = nil) {
    self.levels = levels
    self.fractions = fractions
  }
}

extension PixelMapping {
  /// Normalised values, `channels x height x width`, as the nearest 16ths of a pixel; NaN as 0.
  package func fractionalPixels(fromValues values: [Float]) -> InputPixels {
    let plane = values.count / max(scale.count, 1)
    var (levels, fractions): ([UInt8], [UInt8]) = ([], [])
    levels.reserveCapacity(values.count)
    fractions.reserveCapacity(values.count)
    for index in values.indices {
      let channel = min(index / max(plane, 1), scale.count - 1)
      let value = ((values[index] - offset[channel]) / scale[channel] * 16).rounded()
      let level = value > 0 ? UInt16(min(value, 4080)) : 0
      levels.append(UInt8(truncatingIfNeeded: level >> 4))
      fractions.append(UInt8(truncatingIfNeeded: level & 15))
    }
    return InputPixels(levels: levels, fractions: fractions.allSatisfy { $0 == 0 } ? nil : fractions)
  }
}

extension IntegerModel {
  /// Normalised values as the model reads them: as 8-bit pixels or, where its patch embedding is at int16, with 4 more
  /// bits. Values that came from pixels give these pixels either way.
  package func input(fromValues values: [Float]) -> InputPixels {
    patchEmbedding.isWide
      ? pixelMapping.fractionalPixels(fromValues: values) : InputPixels(levels: pixelMapping.pixels(fromValues: values))
  }

  /// Pixels that went through the preprocessing, as the model reads them: unchanged, unless the model was calibrated on
  /// values beyond what its preprocessing gives.
  package func input(ofPreprocessed pixels: [UInt8]) -> InputPixels {
    foreignValues(of: pixels).map { input(fromValues: $0) } ?? InputPixels(levels: pixels)
  }
}
