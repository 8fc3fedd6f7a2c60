import Testing

@testable import ViTImages

#if ImageCodecs
  @Suite("JPEG decoding")
  struct JPEGDecodingTests {
    // One level apart is for other versions of libjpeg; this one agrees.
    private func expectClose(_ name: String, to expected: String) throws {
      let (decoded, expected) = (try Fixture.image("images/\(name)"), try Fixture.image("images/\(expected)"))
      #expect(decoded.size == expected.size && decoded.channels == expected.channels)
      let difference = zip(decoded.pixels, expected.pixels).map { abs(Int($0) - Int($1)) }.max()
      #expect(try #require(difference) <= 1)
    }

    @Test("Color has the pixels that Pillow gives", arguments: ["progressive", "subsampling-444", "cmyk"])
    func color(name: String) throws {
      try expectClose("\(name).jpg", to: "\(name).ppm")
    }

    @Test("Gray stays one channel")
    func gray() throws {
      try expectClose("gray-jpeg.jpg", to: "gray-jpeg.pgm")
    }

    @Test("The EXIF orientation is applied", arguments: 1...8)
    func orientation(orientation: Int) throws {
      try expectClose("orientation-\(orientation).jpg", to: "orientation-\(orientation).ppm")
    }

    @Test("A file that ends early is an error that says so at every length")
    func truncation() throws {
      let bytes = try Fixture.bytes("images/progressive.jpg")
      for length in 3..<(bytes.count - 2) {
        do throws(ImageError) {
          _ = try Image(decoding: Array(bytes.prefix(length)))
          Issue.record("\(length) bytes were decoded")
        } catch {
          #expect(error.description.contains("damaged or unsupported JPEG: the file ends early"), "\(length): \(error)")
        }
      }
    }

    @Test("A file without a picture is no picture of 0 x 0 pixels")
    func tablesOnly() throws {
      let error = #expect(throws: ImageError.self) { try Image(decoding: [0xFF, 0xD8, 0xFF, 0xD9]) }
      #expect(error?.description.contains("no width and height") == true, "\(String(describing: error))")
    }

    @Test("Stray bytes that libjpeg skips are no reason to refuse a picture")
    func strayBytes() throws {
      var bytes = try Fixture.bytes("images/subsampling-444.jpg")
      bytes.insert(contentsOf: [1, 2, 3], at: bytes.count - 2)
      #expect(try Image(decoding: bytes) == Fixture.image("images/subsampling-444.jpg"))
      #expect(throws: ImageError.self) { try Image(decoding: bytes.dropLast(2)) }
    }

    @Test("A huge image is refused before memory is taken for it")
    func hugeImage() throws {
      var bytes = try Fixture.bytes("images/gray-jpeg.jpg")
      let frame = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
      bytes.replaceSubrange((frame + 5)..<(frame + 9), with: [0xF0, 0, 0xF0, 0])
      #expect(throws: ImageError.pixels(width: 61440, height: 61440, limit: 100_000_000)) {
        try Image(decoding: bytes)
      }
    }
  }
#endif
