import Testing

@testable import ViTImages

#if ImageCodecs
  @Suite("PNG decoding")
  struct PNGDecodingTests {
    @Test(
      "Color has the pixels that Pillow gives",
      arguments: [
        "palette", "palette-transparent", "rgb-color-key", "rgba", "gamma", "rgb-interlaced",
      ])
    func color(name: String) throws {
      let decoded = try Fixture.image("images/\(name).png")
      #expect(try decoded == Fixture.image("images/\(name).ppm"))
    }

    @Test(
      "Gray stays one channel with the pixels that Pillow gives",
      arguments: ["gray", "gray-alpha", "gray-1-bit", "gray-2-bit", "gray-4-bit"])
    func gray(name: String) throws {
      let decoded = try Fixture.image("images/\(name).png")
      #expect(try decoded == Fixture.image("images/\(name).pgm"))
    }

    @Test("16-bit samples are rounded, at most one level from Pillow's")
    func sixteenBits() throws {
      let decoded = try Fixture.image("images/rgb-16-bit.png")
      let expected = try Fixture.image("images/rgb-16-bit.ppm")
      #expect(decoded.size == expected.size)
      #expect(zip(decoded.pixels, expected.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }

    @Test("A file that ends early is an error at every length")
    func truncation() throws {
      let bytes = try Fixture.bytes("images/rgba.png")
      for length in 0..<bytes.count {
        #expect(throws: ImageError.self) { try Image(decoding: Array(bytes.prefix(length))) }
      }
    }

    @Test("Every damaged byte of the image data is noticed")
    func damagedData() throws {
      let original = try Fixture.bytes("images/gray-4-bit.png")
      let endChunk = original.count - 12
      for offset in 33..<endChunk {
        var bytes = original
        bytes[offset] ^= 1
        #expect(throws: ImageError.self) { try Image(decoding: bytes) }
      }
    }

    @Test("A huge image is refused from its header alone")
    func hugeImage() throws {
      let bytes = try pngHeader(width: 100_000, height: 100_000)
      #expect(throws: ImageError.pixels(width: 100_000, height: 100_000, limit: 100_000_000)) {
        try Image(decoding: bytes)
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
#endif
