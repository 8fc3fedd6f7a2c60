import Testing

@testable import ViTImages

#if ImageCodecs
  @Suite("WebP decoding")
  struct WebPDecodingTests {
    @Test(
      "A picture has the pixels that Pillow gives, without its alpha and upright",
      arguments: [
        "lossy", "lossless", "lossy-alpha", "lossless-alpha", "webp-orientation-3", "webp-orientation-6",
      ])
    func pixels(name: String) throws {
      let decoded = try Fixture.image("images/\(name).webp")
      #expect(try decoded == Fixture.image("images/\(name).ppm"))
    }

    @Test("An orientation behind JPEG's identifier counts too")
    func identifier() throws {
      let original = try Fixture.bytes("images/webp-orientation-6.webp")
      let chunk = try #require(original.indices.dropLast(4).first { original[$0..<$0 + 4].elementsEqual("EXIF".utf8) })
      var bytes = original
      bytes[chunk + 4] += 6
      bytes[4] += 6
      bytes.insert(contentsOf: Array("Exif".utf8) + [0, 0], at: chunk + 8)
      #expect(try Image(decoding: bytes) == Fixture.image("images/webp-orientation-6.ppm"))
    }

    @Test("A wrong orientation, or a chunk that does not end, is no reason to refuse a picture")
    func damagedOrientation() throws {
      let original = try Fixture.bytes("images/webp-orientation-6.webp")
      let chunk = try #require(original.indices.dropLast(4).first { original[$0..<$0 + 4].elementsEqual("EXIF".utf8) })
      for offset in chunk..<original.count {
        var bytes = original
        bytes[offset] = 0xFF
        #expect(ImageOrientation(exifOfWebP: bytes).rawValue <= 8)
      }
    }

    @Test("A file that ends early is an error at every length", arguments: ["lossy", "lossless", "lossy-alpha"])
    func truncation(name: String) throws {
      let bytes = try Fixture.bytes("images/\(name).webp")
      for length in 0..<bytes.count {
        #expect(throws: ImageError.self) { try Image(decoding: Array(bytes.prefix(length))) }
      }
    }

    @Test("An animation is refused by that name")
    func animation() throws {
      let error = try #require(throws: ImageError.self) { try Fixture.image("images/animated.webp") }
      #expect(error == .animated(.webP))
      #expect(error.message(file: "a.webp") == "an animated WebP, in a.webp, a file of one picture is needed")
    }

    @Test("A large image is refused from its header alone")
    func largeImage() throws {
      let bytes = try Fixture.bytes("images/lossy.webp")
      #expect(throws: ImageError.pixels(width: 23, height: 17, limit: 390)) {
        try Image(decoding: bytes, maximumPixels: 390)
      }
      #expect(throws: ImageError.self) { try Image(decoding: Array("RIFF\0\0\0\0WEBP".utf8)) }
    }
  }
#endif
