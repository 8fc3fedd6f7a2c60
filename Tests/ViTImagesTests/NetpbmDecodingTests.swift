import Testing

@testable import ViTImages

@Suite("PPM and PGM decoding")
struct NetpbmDecodingTests {
  private func decode(_ text: String, _ binary: [UInt8] = []) throws -> Image {
    try Image(decoding: Array(text.utf8) + binary)
  }

  @Test("Binary color and gray are read as they stand")
  func binary() throws {
    let color = try decode("P6\n2 1\n255\n", [1, 2, 3, 4, 5, 6])
    #expect(color.width == 2 && color.height == 1 && color.channels == 3 && color.pixels == [1, 2, 3, 4, 5, 6])
    let gray = try decode("P5 1 2 255 ", [9, 10])
    #expect(gray.width == 1 && gray.height == 2 && gray.channels == 1 && gray.pixels == [9, 10])
  }

  @Test("Plain files have comments and any white space")
  func plain() throws {
    let image = try decode("P3 # made by hand\n# 2 x 1\n2\t1 255\n0 1 2\r\n255 # last\n4 5")
    #expect(image.pixels == [0, 1, 2, 255, 4, 5])
    #expect(try decode("P2 2 1 1 0 1").pixels == [0, 255])
  }

  @Test("Other maxima are scaled to 8 bits as Pillow does")
  func maxima() throws {
    #expect(try decode("P6 2 1 100\n", [0, 1, 50, 99, 100, 100]).pixels == [0, 3, 128, 252, 255, 255])
    let wide = try decode("P6 2 1 65535\n", [0, 0, 0, 255, 1, 0, 1, 127, 1, 128, 18, 128])
    #expect(wide.pixels == [0, 1, 1, 1, 1, 18])
  }

  @Test(
    "A damaged file is refused with what was found and where",
    arguments: [
      ("P6", "damaged PPM: the file ends before the width, at byte 2"),
      ("P6 x", "damaged PPM: no width, at byte 3"),
      ("P6 0 1 255\n", "width out of range, at byte 3"),
      ("P5 99999999999999999999999999 1 255\n", "damaged PGM: width out of range, at byte 3"),
      ("P5 1 1 65536\n", "maximum out of range, at byte 7, a decimal number from 1 to 65535 is needed"),
      ("P6 2 2 255\nabc", "3 bytes of samples, at byte 11, the header asks for 12"),
      ("P5 2 2 1000\nabc", "3 bytes of samples, at byte 12, the header asks for 8"),
      ("P5 1 1 100\nz", "sample 122, at byte 11, samples go to 100"),
      ("P5 1 1 255", "no white space after the maximum, at byte 10"),
      ("P2 2 1 255 1", "bytes of samples"),
      ("P2 1 1 255 256", "sample out of range, at byte 11, a decimal number from 0 to 255 is needed"),
      ("P5 20000 20000 255\n", "an image of 20000 x 20000 pixels, the limit is 100000000 pixels"),
      ("P4 1 1 ", "unknown image format, the whole file is 50 34 20 31 20 31 20, valid are PNG, JPEG"),
      ("", "the image file is empty"),
    ])
  func damagedFile(text: String, message: String) throws {
    let error = try #require(throws: ImageError.self) { try decode(text) }
    #expect(error.message().contains(message), "\(error.message())")
    #expect(!error.message().contains("\n"))
  }

  @Test("The message names the file between what was found and what is valid")
  func message() throws {
    let error = try #require(throws: ImageError.self) { try decode("P6 x") }
    #expect(
      error.message(file: "a.ppm")
        == "damaged PPM: no width, at byte 3 in a.ppm, a decimal number from 1 to 1000000 is needed")
  }
}
