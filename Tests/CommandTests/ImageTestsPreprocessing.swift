import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite
@testable import vit_quant

@Suite struct Resampling {
  @Test(arguments: ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
  func `every filter gives Pillow's samples`(name: String) throws {
    let filters: [String: Preprocessing.Filter] = [
      "nearest": .nearest, "box": .box, "bilinear": .bilinear, "hamming": .hamming, "bicubic": .bicubic,
      "lanczos": .lanczos,
    ]
    let filter = try #require(filters[name])
    let source = try Fixture.image("images/resize/source.ppm")
    for size in ["16x9", "60x50", "47x20", "13x31", "64x7", "1x1"] {
      let expected = try Fixture.image("images/resize/\(name)-\(size).ppm")
      #expect(try source.resized(to: expected.size, filter: filter) == expected, "\(size)")
    }
  }

  @Test func `gray is resized as color is`() throws {
    let color = try Fixture.image("images/resize/source.ppm")
    let gray = try color.converted(toChannels: 1)
    let size = try ImageSize(width: 20, height: 40)
    let expected = try gray.converted(toChannels: 3).resized(to: size, filter: .lanczos)
    #expect(try gray.resized(to: size, filter: .lanczos).converted(toChannels: 3) == expected)
  }
}

@Suite struct PreprocessingImages {
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

  /// The largest difference from the golden values, in pixel levels of 8 bits.
  private func difference(
    of file: String, prepared by: Preprocessing, from key: String
  ) throws -> Double {
    let image = try Fixture.image("preprocess/\(file)")
    let got = try by.normalize(by.prepare(image, channels: 3))
    let expected = try #require(try Fixture.floats("preprocess/expected.safetensors")[key])
    try #require(got.count == expected.count)
    let plane = got.count / 3
    return got.indices.map { position in
      // One level is 1/255 of the channel's range, which normalisation divides by the deviation.
      Double(abs(got[position] - expected[position])) * by.standardDeviation[position / plane] * 255
    }.max() ?? .infinity
  }

  @Test func `transformers, resized to a square`() throws {
    let key = "hf_squash_bilinear"
    #expect(try difference(of: "photo.ppm", prepared: Self.squash, from: key) < 0.001)
  }

  @Test func `transformers, shortest edge and center crop`() throws {
    let key = "dinov2_shortest_edge_bicubic"
    #expect(try difference(of: "photo.ppm", prepared: Self.shortestEdge, from: key) < 0.001)
  }

  @Test func `timm, shortest edge and center crop`() throws {
    let key = "timm_center_bicubic"
    #expect(try difference(of: "photo.ppm", prepared: Self.timm, from: key) < 0.001)
  }

  #if ImageCodecs
    @Test func `PNG and JPEG are prepared as the photo they hold`() throws {
      #expect(try difference(of: "photo.png", prepared: Self.squash, from: "hf_squash_bilinear") < 0.001)
      #expect(try difference(of: "photo.jpg", prepared: Self.squash, from: "hf_squash_bilinear_jpeg") <= 2)
    }

    @Test func `the turned photo shows the same scene upright`() throws {
      let photo = try Fixture.image("preprocess/photo.png")
      let turned = try Fixture.image("preprocess/photo-rotated.jpg")
      try #require(turned.size == photo.size)
      let total = zip(turned.pixels, photo.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      #expect(Double(total) / Double(photo.pixels.count) < 4)
    }

    @Test func `gray becomes the model's color, color becomes the luma that Pillow gives`() throws {
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

@Suite struct CenterCrop {
  private func crop(_ length: Int, to size: Int, _ rounding: Preprocessing.CropRounding) throws -> [UInt8] {
    let row = try Image(
      size: ImageSize(width: length, height: 1), channels: 1, pixels: (1...length).map { UInt8($0) })
    let preprocessing = Preprocessing(
      resize: .none, filter: .nearest, crop: (1, size), cropRounding: rounding, mean: [0], standardDeviation: [1])
    return try preprocessing.prepare(row, channels: 1).samples
  }

  @Test func `an odd margin is rounded down or to even`() throws {
    #expect(try crop(7, to: 4, .down) == [2, 3, 4, 5])
    #expect(try crop(7, to: 4, .halfToEven) == [3, 4, 5, 6])
    #expect(try crop(5, to: 4, .halfToEven) == [1, 2, 3, 4])
    #expect(try crop(9, to: 4, .halfToEven) == [3, 4, 5, 6])
    #expect(try crop(9, to: 4, .down) == [3, 4, 5, 6])
  }

  @Test func `an image smaller than the crop is surrounded by zeros`() throws {
    #expect(try crop(2, to: 4, .down) == [0, 1, 2, 0])
    // transformers pads one more before, torchvision one more after.
    #expect(try crop(2, to: 5, .down) == [0, 0, 1, 2, 0])
    #expect(try crop(2, to: 5, .halfToEven) == [0, 1, 2, 0, 0])
  }
}

@Suite struct PreprocessingErrors {
  private func prepare(_ resize: Preprocessing.Resize, crop: (Int, Int)? = nil, width: Int = 4) throws -> PixelPlanes {
    let image = try Image(
      size: ImageSize(width: width, height: 1), channels: 1, pixels: [UInt8](repeating: 0, count: width))
    return try Preprocessing(resize: resize, filter: .bicubic, crop: crop, mean: [0], standardDeviation: [1])
      .prepare(image, channels: 1)
  }

  @Test func `sizes from a configuration are checked before memory is taken`() {
    #expect(throws: ImageError.side(width: 0, height: 7)) { try prepare(.exact(height: 7, width: 0)) }
    #expect(throws: ImageError.side(width: .max, height: 1)) { try prepare(.shortestEdge(.max)) }
    #expect(throws: ImageError.side(width: -1, height: 1)) { try prepare(.shortestEdge(-1)) }
    #expect(throws: ImageError.side(width: 2_240_000, height: 224)) { try prepare(.shortestEdge(224), width: 10_000) }
    #expect(throws: ImageError.pixels(width: 90_000, height: 90_000, limit: 100_000_000)) {
      try prepare(.none, crop: (90_000, 90_000))
    }
  }

  @Test func `channels that cannot fit are an error`() throws {
    let image = try Image(size: ImageSize(width: 1, height: 1), channels: 3, pixels: [1, 2, 3])
    #expect(throws: ImageError.channels(found: 4)) { try image.converted(toChannels: 4) }
  }

  @Test func `statistics must be one usable number for each channel`() throws {
    let planes = try prepare(.none)
    for (mean, deviation) in [([0, 0], [1]), ([0], []), ([0], [0]), ([Double.nan], [1])] as [([Double], [Double])] {
      let wrong = Preprocessing(
        resize: .none, filter: .nearest, crop: nil, mean: mean, standardDeviation: deviation)
      #expect(throws: ImageError.self) { try wrong.normalize(planes) }
    }
  }
}
