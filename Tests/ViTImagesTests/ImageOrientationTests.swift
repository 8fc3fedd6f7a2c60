import Testing

@testable import ViTImages

@Suite("EXIF orientation")
struct ImageOrientationTests {
  /// A JPEG of nothing but an EXIF segment with these TIFF bytes.
  private func orientation(_ tiff: [UInt8], identifier: [UInt8] = [0x45, 0x78, 0x69, 0x66, 0, 0]) -> ImageOrientation {
    let segment = identifier + tiff
    let length = [UInt8((segment.count + 2) >> 8), UInt8((segment.count + 2) & 255)]
    return ImageOrientation(exifOf: [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xFF, 0xE1] + length + segment)
  }

  @Test("Both byte orders are read")
  func byteOrders() {
    let littleEndian: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]
    let bigEndian: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
    #expect(orientation(littleEndian) == .quarterClockwise)
    #expect(orientation(bigEndian) == .quarterClockwise)
    #expect(orientation(bigEndian, identifier: Array("http:/".utf8)) == .upright)
  }

  @Test("What makes no sense is upright")
  func nonsense() {
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
