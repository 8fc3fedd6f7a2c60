import Testing

@testable import ViTImages

@Suite("Damaged images")
struct DamagedImageTests {
  /// A few bytes make a decoder go over all pixels of a progressive picture once more.
  @Test("A large picture of many scans is refused before it is decoded")
  func manyScans() throws {
    var bytes = try Fixture.bytes("images/progressive.jpg")
    // The frame header of progressive pictures: marker, length, 8 bits, height, width.
    let frame = try #require(bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC2 })
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0x27, 0x10, 0x27, 0x10])
    bytes.removeLast(2)
    for _ in 0..<30 { bytes += [0xFF, 0xDA] }
    bytes += [0xFF, 0xD9]
    do throws(ImageError) {
      _ = try Image(decoding: bytes)
      Issue.record("the picture was decoded")
    } catch {
      #expect(error.description.contains("scans of 10000 x 10000 pixels, more than 20"), "\(error)")
    }
  }

  @Test(
    "Changed bytes give a picture or an error, never a trap",
    arguments: [
      "images/palette.png", "images/rgb-interlaced.png", "images/orientation-6.jpg", "images/progressive.jpg",
      "images/cmyk.jpg", "images/lossy.webp", "images/lossless-alpha.webp", "images/resize/lanczos-1x1.ppm",
    ])
  func changedBytes(name: String) throws {
    let original = try Fixture.bytes(name)
    var state: UInt64 = 1
    func next(below bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<300 {
      var bytes = original
      for _ in 0...next(below: 4) { bytes[next(below: bytes.count)] = UInt8(next(below: 256)) }
      _ = try? Image(decoding: bytes, maximumPixels: 1_000_000)
    }
  }
}
