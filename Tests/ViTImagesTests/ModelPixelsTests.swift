import Quant
import TestSupport
import Testing
import ViTImages
import ViTLite

/// From a photo to a classification, as a program does it that imports the two libraries.
@Suite("Photos of int8 models")
struct ModelPixelsTests {
  private static let squash = Preprocessing(
    resize: .exact(height: 64, width: 64), filter: .bilinear, crop: nil, mean: [0.5, 0.5, 0.5],
    standardDeviation: [0.5, 0.5, 0.5])

  /// A model of random weights that reads 64 x 64 pixels.
  private func model(_ preprocessing: Preprocessing?, channels: Int = 3) throws -> IntegerModel {
    let example = IntegerModelCase.random(
      IntegerModelCase.configuration {
        ($0.imageHeight, $0.imageWidth, $0.patchSize, $0.channels) = (64, 64, 16, channels)
        ($0.classes, $0.labels) = (3, ["ant", "bee", "cat"])
      })
    let calibration = try calibrate(
      example.model, preprocessing: preprocessing, samples: example.samples, options: CalibrationOptions())
    return try IntegerModel(calibration.model.bytes)
  }

  @Test("The pixels of a photo are those that transformers normalises, plane by plane")
  func pixels() throws {
    let pixels = try model(Self.squash).pixels(of: Fixture.image("preprocess/photo.ppm"))
    // What transformers gives is normalised: (pixel / 255 - 0.5) / 0.5.
    let expected = try Fixture.preprocessed("hf_squash_bilinear").map { UInt8((($0 * 0.5 + 0.5) * 255).rounded()) }
    #expect(pixels.count == 3 * 64 * 64)
    #expect(pixels == expected)
  }

  @Test("A photo is classified")
  func classification() throws {
    let model = try model(Self.squash)
    let session = try InferenceSession(model: model)
    let output = try session.run(model.pixels(of: Fixture.image("preprocess/photo.ppm")))
    let logits = try #require(output.logits)
    let classes = output.top(3)
    #expect(classes.map(\.index).sorted() == [0, 1, 2])
    #expect(logits[classes[0].index] == logits.max())
    #expect(classes.map(\.label) == classes.map { ["ant", "bee", "cat"][$0.index] })
    #expect(abs(classes.reduce(0) { $0 + $1.probability } - 1) < 1e-12)
  }

  @Test("Gray photos are color to a color model, and the other way round")
  func channels() throws {
    let photo = try Fixture.image("preprocess/photo.ppm")
    var gray = Self.squash
    (gray.mean, gray.standardDeviation) = ([0.5], [0.5])
    let pixels = try model(gray, channels: 1).pixels(of: photo)
    #expect(pixels.count == 64 * 64)
    let grayPhoto = try Image(size: ImageSize(width: 64, height: 64), channels: 1, pixels: pixels)
    #expect(try model(Self.squash).pixels(of: grayPhoto) == pixels + pixels + pixels)
  }

  @Test("A model that does not say how images are prepared is an error")
  func noPreprocessing() throws {
    let model = try model(nil)
    let photo = try Fixture.image("preprocess/photo.ppm")
    let error = try #require(throws: ImageError.self) { try model.pixels(of: photo) }
    #expect(error == .noPreprocessing)
    #expect("\(error)".hasPrefix("the model does not say how images are prepared, "))
  }

  @Test("Preprocessing that leads to another size than the model's is an error")
  func otherSize() throws {
    var preprocessing = Self.squash
    preprocessing.crop = (48, 56)
    let model = try model(preprocessing)
    let photo = try Fixture.image("preprocess/photo.ppm")
    let error = try #require(throws: ImageError.self) { try model.pixels(of: photo) }
    #expect(error == .preprocessedSize(width: 56, height: 48, modelWidth: 64, modelHeight: 64))
    #expect("\(error)" == "48 x 56 pixels after preprocessing, expected 64 x 64 as the model has")
  }

  @Test("Channels that no image has are an error")
  func otherChannels() throws {
    var preprocessing = Self.squash
    (preprocessing.mean, preprocessing.standardDeviation) = ([0, 0], [1, 1])
    let model = try model(preprocessing, channels: 2)
    let photo = try Fixture.image("preprocess/photo.ppm")
    #expect(throws: ImageError.channels(found: 2)) { try model.pixels(of: photo) }
  }
}
