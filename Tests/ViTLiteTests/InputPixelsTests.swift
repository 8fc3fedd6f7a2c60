import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Values between pixels, for models whose patch embedding is at int16.
@Suite("Input pixels")
struct InputPixelsTests {
  private static let mapping = PixelMapping(scale: [1 / 255 / 0.229, 1 / 255 / 0.5], offset: [-0.485 / 0.229, -1])

  @Test("Values that came from pixels are these pixels, with nothing between them")
  func exactPixels() {
    let pixels = (0...255).map { UInt8($0) }
    let values = Self.mapping.scale.indices.flatMap { channel in
      pixels.map { Float($0) * Self.mapping.scale[channel] + Self.mapping.offset[channel] }
    }
    let input = Self.mapping.fractionalPixels(fromValues: values)
    #expect(input == InputPixels(levels: pixels + pixels))
    #expect(input.levels == Self.mapping.pixels(fromValues: values))
  }

  @Test("Values between pixels are within half a 16th of one, and those beyond become the ends")
  func between() {
    let places: [Float] = [0, 0.3, 0.5, 100.77, 254.996, 255, 255.4, 255.9]
    let values = (places + places).enumerated().map { index, place in
      place * Self.mapping.scale[index / places.count] + Self.mapping.offset[index / places.count]
    }
    let input = Self.mapping.fractionalPixels(fromValues: values)
    for (index, place) in (places + places).enumerated() {
      let found = Float(input.levels[index]) + Float(input.fractions?[index] ?? 0) / 16
      #expect(abs(found - min(place, 255)) <= 0.5 / 16 + 1e-3)
    }
    let ends = Self.mapping.fractionalPixels(fromValues: [-1e30, .nan, .infinity, 1e30])
    #expect(ends == InputPixels(levels: [0, 0, 255, 255], fractions: nil))
  }

  @Test("Only a patch embedding at int16 reads more than 8 bits, and then the model drifts less")
  func drift() throws {
    let example = try IntegerModelCase.golden("hf-siglip-vision")
    var options = CalibrationOptions()
    let narrow = try IntegerModel(example.quantized(options).bytes)
    #expect(narrow.input(of: example.samples[0]) == InputPixels(levels: narrow.pixels(of: example.samples[0])))
    options.wideLayers = try example.layerNames
    let wide = try IntegerModel(example.quantized(options).bytes)
    let reference = FloatReference(example.model)
    let session = try InferenceSession(model: wide)
    for index in 0..<example.samples.count {
      let sample = example.samples[index]
      let channels = example.model.configuration.channels
      let exact = try reference.run(sample.values(preprocessing: nil, channels: channels)).lastHiddenState
      let input = wide.input(of: sample)
      #expect(input.fractions != nil)
      let fine = try #require(try session.run(input).lastHiddenState)
      let coarse = try #require(try session.run(wide.pixels(of: sample)).lastHiddenState)
      let gain = Comparison(reference: exact, got: fine).sqnr - Comparison(reference: exact, got: coarse).sqnr
      #expect(gain > 5, "\(gain) dB")
    }
  }

  @Test("8-bit pixels give the same with and without fractions of 0")
  func zeros() throws {
    let example = IntegerModelCase.random(IntegerModelCase.configuration())
    var options = CalibrationOptions()
    options.wideLayers = [.patchEmbedding]
    let model = try IntegerModel(example.quantized(options).bytes)
    let session = try InferenceSession(model: model)
    let pixels = example.pixels(model)[0]
    let expected = try session.run(pixels).crc32
    let zeros = [UInt8](repeating: 0, count: pixels.count)
    #expect(try session.run(InputPixels(levels: pixels, fractions: zeros)).crc32 == expected)
    let ones = [UInt8](repeating: 15, count: pixels.count)
    #expect(try session.run(InputPixels(levels: pixels, fractions: ones)).crc32 != expected)
    #expect(try session.run(pixels).crc32 == expected)
    #expect(throws: InferenceError.pixelCount(found: 53, expected: 54)) {
      try session.run(InputPixels(levels: pixels, fractions: Array(zeros.dropLast())))
    }
  }
}
