import Testing
import ViTLite

@testable import ViTImages

@Suite("Center crop")
struct CenterCropTests {
  private func crop(_ length: Int, to size: Int, _ rounding: Preprocessing.CropRounding) throws -> [UInt8] {
    let row = try Image(
      size: ImageSize(width: length, height: 1), channels: 1, pixels: (1...length).map { UInt8($0) })
    let preprocessing = Preprocessing(
      resize: .none, filter: .nearest, crop: (1, size), cropRounding: rounding, mean: [0], standardDeviation: [1])
    return try preprocessing.prepare(row, channels: 1).samples
  }

  @Test("An odd margin is rounded down or to even")
  func oddMargin() throws {
    #expect(try crop(7, to: 4, .down) == [2, 3, 4, 5])
    #expect(try crop(7, to: 4, .halfToEven) == [3, 4, 5, 6])
    #expect(try crop(5, to: 4, .halfToEven) == [1, 2, 3, 4])
    #expect(try crop(9, to: 4, .halfToEven) == [3, 4, 5, 6])
    #expect(try crop(9, to: 4, .down) == [3, 4, 5, 6])
  }

  @Test("An image smaller than the crop is surrounded by zeros")
  func smallImage() throws {
    #expect(try crop(2, to: 4, .down) == [0, 1, 2, 0])
    // transformers pads one more before, torchvision one more after.
    #expect(try crop(2, to: 5, .down) == [0, 0, 1, 2, 0])
    #expect(try crop(2, to: 5, .halfToEven) == [0, 1, 2, 0, 0])
  }
}
