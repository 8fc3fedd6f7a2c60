import ViTLite

extension IntegerModel {
  /// A sample as the model reads it. Raw pixels are what they are, unless the model was calibrated on values beyond its
  /// preprocessing's range; values have more than 8 bits where the model's patch embedding is at int16.
  public func input(of sample: Sample) -> InputPixels {
    switch sample {
    case .values(let values): input(fromValues: values)
    case .pixels(let pixels): input(ofPreprocessed: pixels)
    }
  }

  /// A sample as 8-bit pixels; `input(of:)` has the whole precision of values.
  public func pixels(of sample: Sample) -> [UInt8] {
    switch sample {
    case .values(let values): pixelMapping.pixels(fromValues: values)
    case .pixels(let pixels): self.pixels(ofPreprocessed: pixels)
    }
  }

  /// How many of a sample's values are beyond what the model's pixels can have, and become the nearest pixels.
  public func clippedValues(of sample: Sample) -> Int {
    switch sample {
    case .values(let values): clippedCount(ofValues: values)
    case .pixels(let pixels): clippedCount(ofPreprocessed: pixels)
    }
  }
}
