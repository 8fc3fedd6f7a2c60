import Testing
import ViTLite

@testable import ViTImages

@Suite("Image preprocessing")
struct ImagePreprocessingTests {
  private static let imageNetMean = [0.485, 0.456, 0.406]
  private static let imageNetDeviation = [0.229, 0.224, 0.225]
  private static let squash = Preprocessing(
    resize: .exact(height: 64, width: 64), filter: .bilinear, crop: nil, mean: [0.5, 0.5, 0.5],
    standardDeviation: [0.5, 0.5, 0.5])
  private static let shortestEdge = Preprocessing(
    resize: .shortestEdge(72), filter: .bicubic, crop: (56, 56), mean: imageNetMean,
    standardDeviation: imageNetDeviation)
  private static let timm = Preprocessing(
    resize: .shortestEdge(71), filter: .bicubic, crop: (64, 64), cropRounding: .halfToEven, mean: imageNetMean,
    standardDeviation: imageNetDeviation)

  private static let timmRectangle = Preprocessing(
    resize: .covering(height: 44, width: 80), filter: .bicubic, crop: (40, 72), cropRounding: .halfToEven,
    mean: imageNetMean, standardDeviation: imageNetDeviation)

  /// The largest difference from the golden values, in pixel levels of 8 bits.
  private func difference(
    of file: String, prepared by: Preprocessing, from key: String
  ) throws -> Double {
    let image = try Fixture.image("preprocess/\(file)")
    let got = PixelNormalization(by, channels: 3).values(of: try by.prepare(image, channels: 3).samples)
    let expected = try Fixture.preprocessed(key)
    try #require(got.count == expected.count)
    let plane = got.count / 3
    return got.indices.map { position in
      // One level is 1/255 of the channel's range, which normalisation divides by the deviation.
      Double(abs(got[position] - expected[position])) * by.standardDeviation[position / plane] * 255
    }.max() ?? .infinity
  }

  @Test("A photo resized to a square has the values that transformers gives")
  func square() throws {
    let key = "hf_squash_bilinear"
    #expect(try difference(of: "photo.ppm", prepared: Self.squash, from: key) < 0.001)
  }

  @Test("A photo resized by its shortest edge and cropped has the values that transformers gives")
  func shortestEdge() throws {
    let key = "dinov2_shortest_edge_bicubic"
    #expect(try difference(of: "photo.ppm", prepared: Self.shortestEdge, from: key) < 0.001)
  }

  @Test("A photo resized by its shortest edge and cropped has the values that timm gives")
  func timm() throws {
    let key = "timm_center_bicubic"
    #expect(try difference(of: "photo.ppm", prepared: Self.timm, from: key) < 0.001)
  }

  @Test("A photo that covers a rectangle and is cropped has the values that timm gives")
  func timmRectangle() throws {
    let key = "timm_center_rectangle"
    #expect(try difference(of: "photo.ppm", prepared: Self.timmRectangle, from: key) < 0.001)
  }

  #if ImageCodecs
    @Test("PNG and JPEG are prepared as the photo they hold")
    func codecs() throws {
      #expect(try difference(of: "photo.png", prepared: Self.squash, from: "hf_squash_bilinear") < 0.001)
      #expect(try difference(of: "photo.jpg", prepared: Self.squash, from: "hf_squash_bilinear_jpeg") <= 2)
    }

    @Test("The turned photo shows the same scene upright")
    func turnedPhoto() throws {
      let photo = try Fixture.image("preprocess/photo.png")
      let turned = try Fixture.image("preprocess/photo-rotated.jpg")
      try #require(turned.size == photo.size)
      let total = zip(turned.pixels, photo.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      #expect(Double(total) / Double(photo.pixels.count) < 4)
    }

    @Test("Gray becomes the model's color, color becomes the luma that Pillow gives")
    func channels() throws {
      let (gray, photo) = (try Fixture.image("preprocess/photo-gray.png"), try Fixture.image("preprocess/photo.png"))
      #expect(gray.channels == 1)
      #expect(try photo.converted(toChannels: 1) == gray)
      let planes = try Self.squash.prepare(gray, channels: 3)
      let plane = planes.size.pixelCount
      #expect(planes.samples.count == 3 * plane)
      #expect(planes.samples[..<plane] == planes.samples[plane..<(2 * plane)])
      #expect(planes.samples[..<plane] == planes.samples[(2 * plane)...])
    }
  #endif
}
