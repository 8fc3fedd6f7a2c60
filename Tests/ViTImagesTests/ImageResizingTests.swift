import Testing
import ViTLite

@testable import ViTImages

@Suite("Image resizing")
struct ImageResizingTests {
  @Test(
    "Every filter gives Pillow's samples", arguments: ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
  func filters(name: String) throws {
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

  @Test("Gray is resized as color is")
  func gray() throws {
    let color = try Fixture.image("images/resize/source.ppm")
    let gray = try color.converted(toChannels: 1)
    let size = try ImageSize(width: 20, height: 40)
    let expected = try gray.converted(toChannels: 3).resized(to: size, filter: .lanczos)
    #expect(try gray.resized(to: size, filter: .lanczos).converted(toChannels: 3) == expected)
  }
}
