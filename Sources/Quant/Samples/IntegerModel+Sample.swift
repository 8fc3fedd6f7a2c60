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
}
