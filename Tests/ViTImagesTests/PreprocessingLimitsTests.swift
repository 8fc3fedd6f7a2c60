import Testing
import ViTLite

@testable import ViTImages

@Suite("Limits of preprocessing")
struct PreprocessingLimitsTests {
  private func prepare(_ resize: Preprocessing.Resize, crop: (Int, Int)? = nil, width: Int = 4) throws -> PixelPlanes {
    let image = try Image(
      size: ImageSize(width: width, height: 1), channels: 1, pixels: [UInt8](repeating: 0, count: width))
    return try Preprocessing(resize: resize, filter: .bicubic, crop: crop, mean: [0], standardDeviation: [1])
      .prepare(image, channels: 1)
  }

  @Test("Sizes from a configuration are checked before memory is taken")
  func sizes() {
    #expect(throws: ImageError.side(width: 0, height: 7)) { try prepare(.exact(height: 7, width: 0)) }
    #expect(throws: ImageError.side(width: .max, height: 1)) { try prepare(.shortestEdge(.max)) }
    #expect(throws: ImageError.side(width: 7, height: 0)) { try prepare(.covering(height: 0, width: 7)) }
    #expect(throws: ImageError.side(width: .max, height: 1)) { try prepare(.covering(height: 1, width: .max)) }
    #expect(throws: ImageError.side(width: -1, height: 1)) { try prepare(.shortestEdge(-1)) }
    #expect(throws: ImageError.side(width: 2_240_000, height: 224)) { try prepare(.shortestEdge(224), width: 10_000) }
    #expect(throws: ImageError.pixels(width: 90_000, height: 90_000, limit: 100_000_000)) {
      try prepare(.none, crop: (90_000, 90_000))
    }
  }

  @Test("Channels that cannot fit are an error")
  func channels() throws {
    let image = try Image(size: ImageSize(width: 1, height: 1), channels: 3, pixels: [1, 2, 3])
    #expect(throws: ImageError.channels(found: 4)) { try image.converted(toChannels: 4) }
  }
}
