import ViTLite

extension IntegerModel {
  /// A sample as the pixels that the model reads. Raw pixels are what they are, unless the model was calibrated on
  /// values beyond its preprocessing's range.
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
