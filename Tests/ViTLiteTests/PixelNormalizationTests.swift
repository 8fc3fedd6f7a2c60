import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

@Suite("Pixels and values")
struct PixelNormalizationTests {
  private static let imageNet = Preprocessing(
    resize: .none, filter: .bicubic, crop: nil, mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])

  @Test("Each channel has its mean and deviation")
  func channels() {
    let values = PixelNormalization(Self.imageNet, channels: 3).values(of: [0, 255, 0, 255, 0, 255])
    // torchvision's Normalize of black and white.
    let expected: [Float] = [-2.117904, 2.2489083, -2.0357144, 2.4285715, -1.8044444, 2.64]
    #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(values)")
  }

  @Test("Without a preprocessing, pixels are scaled to 0...1")
  func scaling() {
    #expect(PixelNormalization(nil, channels: 2).values(of: [0, 51, 255, 102]) == [0, 0.2, 1, 0.4])
  }

  @Test("A channel that the preprocessing does not name has the last one's numbers")
  func missingChannels() {
    let preprocessing = Preprocessing(
      resize: .none, filter: .bicubic, crop: nil, rescaleFactor: 1, mean: [1, 2], standardDeviation: [2])
    let normalization = PixelNormalization(preprocessing, channels: 3)
    #expect(normalization.values(of: [3, 3, 3]) == [1, 0.5, 0.5])
    #expect(normalization.mapping == PixelMapping(scale: [0.5, 0.5, 0.5], offset: [-0.5, -1, -1]))
  }

  @Test("The mapping of an int8 model gives back the pixels of every value")
  func mapping() {
    let normalization = PixelNormalization(Self.imageNet, channels: 3)
    let pixels = (0..<3).flatMap { _ in (0...255).map { UInt8($0) } }
    let values = normalization.values(of: pixels)
    #expect(normalization.mapping.pixels(fromValues: values) == pixels)
    #expect(normalization.mapping.covers(values))
    #expect(!normalization.mapping.covers([2.6, 0, 0]))
  }

  @Test("A model that was calibrated on values beyond its preprocessing's range reads other pixels")
  func otherRange() throws {
    let configuration = IntegerModelCase.configuration()
    let preprocessing = Preprocessing(
      resize: .none, filter: .bicubic, crop: nil, mean: [0.5], standardDeviation: [0.5])
    let pixels = IntegerModelCase.random(configuration).samples
    let values = PixelNormalization(preprocessing, channels: 1)
    for factor in [Float(1), 4] {
      var samples = SampleSet(
        channels: 1, height: configuration.imageHeight, width: configuration.imageWidth, kind: .values, labelled: false)
      for index in 0..<pixels.count {
        let isAdded = samples.append(
          .values(pixels.values(of: index, preprocessing: preprocessing).map { $0 * factor }), label: nil, name: "")
        try #require(isAdded)
      }
      let calibration = try calibrate(
        .random(configuration, seed: 1), preprocessing: preprocessing, samples: samples, options: CalibrationOptions())
      let model = try IntegerModel(calibration.model.bytes)
      let plain = [UInt8](0..<54)
      let read = model.pixels(ofPreprocessed: plain)
      #expect((read == plain) == (factor == 1))
      // Whatever they are, they mean the same: to half a step of the wider range.
      let meant = zip(read, values.values(of: plain)).map { pixel, value in
        abs(Float(pixel) * model.pixelMapping.scale[0] + model.pixelMapping.offset[0] - value)
      }
      #expect((meant.max() ?? .infinity) <= model.pixelMapping.scale[0] * 0.51)
    }
  }
}
