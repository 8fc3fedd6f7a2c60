import Testing

@testable import ViTImages

@Suite("Damaged images")
struct DamagedImageTests {
  @Test(
    "Changed bytes give a picture or an error, never a trap",
    arguments: [
      "images/palette.png", "images/rgb-interlaced.png", "images/orientation-6.jpg", "images/progressive.jpg",
      "images/cmyk.jpg", "images/resize/lanczos-1x1.ppm",
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
