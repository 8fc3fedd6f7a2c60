import Testing

@testable import vit_quant

#if ImageCodecs
  @Suite struct PNGDecoding {
    @Test(arguments: [
      "palette", "palette-transparent", "rgb-color-key", "rgba", "gamma", "rgb-interlaced",
    ])
    func `color has the pixels that Pillow gives`(name: String) throws {
      let decoded = try Fixture.image("images/\(name).png")
      #expect(try decoded == Fixture.image("images/\(name).ppm"))
    }

    @Test(arguments: ["gray", "gray-alpha", "gray-1-bit", "gray-2-bit", "gray-4-bit"])
    func `gray stays one channel with the pixels that Pillow gives`(name: String) throws {
      let decoded = try Fixture.image("images/\(name).png")
      #expect(try decoded == Fixture.image("images/\(name).pgm"))
    }

    @Test func `16-bit samples are rounded, at most one level from Pillow's`() throws {
      let decoded = try Fixture.image("images/rgb-16-bit.png")
      let expected = try Fixture.image("images/rgb-16-bit.ppm")
      #expect(decoded.size == expected.size)
      #expect(zip(decoded.pixels, expected.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }

    @Test func `a file that ends early is an error at every length`() throws {
      let bytes = try Fixture.bytes("images/rgba.png")
      for length in 0..<bytes.count {
        #expect(throws: ImageError.self) { try Image.decode(Array(bytes.prefix(length))) }
      }
    }

    @Test func `every damaged byte of the image data is noticed`() throws {
      let original = try Fixture.bytes("images/gray-4-bit.png")
      let endChunk = original.count - 12
      for offset in 33..<endChunk {
        var bytes = original
        bytes[offset] ^= 1
        #expect(throws: ImageError.self) { try Image.decode(bytes) }
      }
    }

    @Test func `a huge image is refused from its header alone`() throws {
      let bytes = try pngHeader(width: 100_000, height: 100_000)
      #expect(throws: ImageError.pixels(width: 100_000, height: 100_000, limit: 100_000_000)) {
        try Image.decode(bytes)
      }
    }

    /// A gray PNG with an empty data chunk; libpng wants the header's checksum to be right.
    private func pngHeader(width: UInt32, height: UInt32) throws -> [UInt8] {
      func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        var crc = UInt32.max
        for byte in body {
          crc ^= UInt32(byte)
          for _ in 0..<8 { crc = crc & 1 != 0 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return bigEndian(UInt32(data.count)) + body + bigEndian(~crc)
      }
      let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      return signature + chunk("IHDR", bigEndian(width) + bigEndian(height) + [8, 0, 0, 0, 0]) + chunk("IDAT", [])
        + chunk("IEND", [])
    }

    private func bigEndian(_ value: UInt32) -> [UInt8] {
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
  }

  @Suite struct JPEGDecoding {
    // One level apart is for other versions of libjpeg; this one agrees.
    private func expectClose(_ name: String, to expected: String) throws {
      let (decoded, expected) = (try Fixture.image("images/\(name)"), try Fixture.image("images/\(expected)"))
      #expect(decoded.size == expected.size && decoded.channels == expected.channels)
      let difference = zip(decoded.pixels, expected.pixels).map { abs(Int($0) - Int($1)) }.max()
      #expect(try #require(difference) <= 1)
    }

    @Test(arguments: ["progressive", "subsampling-444", "cmyk"])
    func `color has the pixels that Pillow gives`(name: String) throws {
      try expectClose("\(name).jpg", to: "\(name).ppm")
    }

    @Test func `gray stays one channel`() throws {
      try expectClose("gray-jpeg.jpg", to: "gray-jpeg.pgm")
    }

    @Test(arguments: 1...8)
    func `the EXIF orientation is applied`(orientation: Int) throws {
      try expectClose("orientation-\(orientation).jpg", to: "orientation-\(orientation).ppm")
    }

    @Test func `a file that ends early is an error at every length`() throws {
      let bytes = try Fixture.bytes("images/progressive.jpg")
      for length in 0..<(bytes.count - 2) {
        #expect(throws: ImageError.self) { try Image.decode(Array(bytes.prefix(length))) }
      }
    }

    @Test func `stray bytes that libjpeg skips are no reason to refuse a picture`() throws {
      var bytes = try Fixture.bytes("images/subsampling-444.jpg")
      bytes.insert(contentsOf: [1, 2, 3], at: bytes.count - 2)
      #expect(try Image.decode(bytes) == Fixture.image("images/subsampling-444.jpg"))
      #expect(throws: ImageError.self) { try Image.decode(bytes.dropLast(2)) }
    }

    @Test func `a huge image is refused before memory is taken for it`() throws {
      var bytes = try Fixture.bytes("images/gray-jpeg.jpg")
      let frame = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
      bytes.replaceSubrange((frame + 5)..<(frame + 9), with: [0xF0, 0, 0xF0, 0])
      #expect(throws: ImageError.pixels(width: 61440, height: 61440, limit: 100_000_000)) {
        try Image.decode(bytes)
      }
    }
  }

  @Suite struct DamagedImages {
    @Test(arguments: [
      "images/palette.png", "images/rgb-interlaced.png", "images/orientation-6.jpg", "images/progressive.jpg",
      "images/cmyk.jpg", "images/resize/lanczos-1x1.ppm",
    ])
    func `changed bytes give a picture or an error, never a trap`(name: String) throws {
      let original = try Fixture.bytes(name)
      var state: UInt64 = 1
      func next(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
      }
      for _ in 0..<300 {
        var bytes = original
        for _ in 0...next(below: 4) { bytes[next(below: bytes.count)] = UInt8(next(below: 256)) }
        _ = try? Image.decode(bytes, maximumPixels: 1_000_000)
      }
    }
  }
#else
  @Suite struct WithoutImageCodecs {
    @Test(arguments: ["preprocess/photo.png", "preprocess/photo.jpg"])
    func `the error says how to build with the decoder`(name: String) throws {
      let error = try #require(throws: ImageError.self) { try Fixture.image(name) }
      #expect(error.message().contains("build with the trait ImageCodecs"))
    }
  }
#endif

@Suite struct EXIFOrientation {
  /// A JPEG of nothing but an EXIF segment with these TIFF bytes.
  private func orientation(_ tiff: [UInt8], identifier: [UInt8] = [0x45, 0x78, 0x69, 0x66, 0, 0]) -> ImageOrientation {
    let segment = identifier + tiff
    let length = [UInt8((segment.count + 2) >> 8), UInt8((segment.count + 2) & 255)]
    return ImageOrientation(exifOf: [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xFF, 0xE1] + length + segment)
  }

  @Test func `both byte orders are read`() {
    let littleEndian: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]
    let bigEndian: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
    #expect(orientation(littleEndian) == .quarterClockwise)
    #expect(orientation(bigEndian) == .quarterClockwise)
    #expect(orientation(bigEndian, identifier: Array("http:/".utf8)) == .upright)
  }

  @Test func `what makes no sense is upright`() {
    let valid: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
    for length in 0..<20 { #expect(orientation(Array(valid.prefix(length))) == .upright) }
    var wrong = valid
    wrong[19] = 9
    #expect(orientation(wrong) == .upright)
    wrong = valid
    wrong.replaceSubrange(4..<8, with: [0xFF, 0xFF, 0xFF, 0xFF])
    #expect(orientation(wrong) == .upright)
    #expect(ImageOrientation(exifOf: [0xFF, 0xD8, 0xFF, 0xE1, 0, 1]) == .upright)
  }
}
