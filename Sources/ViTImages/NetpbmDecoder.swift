/// Reads PPM and PGM (netpbm), binary (P5, P6) and plain (P2, P3), with a maximum of up to 65535.
///
/// Samples are scaled to 8 bits as Pillow does: `value / maximum * 255`, rounded half to even.
struct NetpbmDecoder {
  private let bytes: [UInt8]
  private let format: ImageFormat
  private var offset = 2

  static func decode(
    _ bytes: [UInt8], format: ImageFormat, maximumPixels: Int
  ) throws(ImageError) -> Image {
    var decoder = NetpbmDecoder(bytes: bytes, format: format)
    return try decoder.decode(maximumPixels: maximumPixels)
  }

  private init(bytes: [UInt8], format: ImageFormat) {
    self.bytes = bytes
    self.format = format
  }

  private mutating func decode(maximumPixels: Int) throws(ImageError) -> Image {
    let width = try number("width", in: 1...ImageSize.maximumSide)
    let height = try number("height", in: 1...ImageSize.maximumSide)
    let maximum = try number("maximum", in: 1...65535)
    let size = try ImageSize(width: width, height: height, maximumPixels: maximumPixels)
    let channels = format == .ppm ? 3 : 1
    let isPlain = bytes[1] == UInt8(ascii: "2") || bytes[1] == UInt8(ascii: "3")
    let scaled = (0...maximum).map { value in
      UInt8((Double(value) / Double(maximum) * 255).rounded(.toNearestOrEven))
    }
    let samples = size.pixelCount * channels
    let pixels =
      isPlain ? try plainSamples(samples, scaled: scaled) : try binarySamples(samples, scaled: scaled)
    return try Image(size: size, channels: channels, pixels: pixels)
  }

  private mutating func plainSamples(_ count: Int, scaled: [UInt8]) throws(ImageError) -> [UInt8] {
    // A sample takes a digit and a separator, the last one perhaps none: too short a file is refused before memory
    // is taken for it.
    try require((count - 1) * 2 + 1, for: "samples")
    var pixels = [UInt8]()
    pixels.reserveCapacity(count)
    for _ in 0..<count {
      pixels.append(scaled[try number("sample", in: 0...(scaled.count - 1))])
    }
    return pixels
  }

  private mutating func binarySamples(_ count: Int, scaled: [UInt8]) throws(ImageError) -> [UInt8] {
    guard offset < bytes.count, isWhitespace(bytes[offset]) else {
      throw malformed("no white space after the maximum", valid: "one white-space character before the samples")
    }
    offset += 1
    let isWide = scaled.count > 256
    try require(isWide ? count * 2 : count, for: "samples")
    if scaled.count == 256 { return Array(bytes[offset..<(offset + count)]) }
    var pixels = [UInt8]()
    pixels.reserveCapacity(count)
    for _ in 0..<count {
      let value = isWide ? Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) : Int(bytes[offset])
      guard value < scaled.count else {
        throw malformed("sample \(value)", valid: "samples go to \(scaled.count - 1)")
      }
      pixels.append(scaled[value])
      offset += isWide ? 2 : 1
    }
    return pixels
  }

  /// The next decimal number; white space and comments before it are skipped.
  private mutating func number(_ name: String, in range: ClosedRange<Int>) throws(ImageError) -> Int {
    skipSeparators()
    let start = offset
    var value = 0
    while offset < bytes.count, let digit = digit(bytes[offset]) {
      // Stops growing once out of every valid range, so that long digit strings cannot overflow.
      if value <= ImageSize.maximumSide { value = value * 10 + digit }
      offset += 1
    }
    guard offset > start else {
      throw malformed(offset < bytes.count ? "no \(name)" : "the file ends before the \(name)", valid: valid(range))
    }
    guard range.contains(value) else {
      offset = start
      throw malformed("\(name) out of range", valid: valid(range))
    }
    return value
  }

  private mutating func skipSeparators() {
    while offset < bytes.count {
      if bytes[offset] == UInt8(ascii: "#") {
        while offset < bytes.count, bytes[offset] != 0x0A, bytes[offset] != 0x0D { offset += 1 }
      } else if isWhitespace(bytes[offset]) {
        offset += 1
      } else {
        return
      }
    }
  }

  private func require(_ count: Int, for name: String) throws(ImageError) {
    let remaining = bytes.count - offset
    guard remaining >= count else {
      throw malformed("\(max(remaining, 0)) bytes of \(name)", valid: "the header asks for \(count)")
    }
  }

  private func malformed(_ found: String, valid: String) -> ImageError {
    .malformed(format, found: found, offset: offset, valid: valid)
  }

  private func valid(_ range: ClosedRange<Int>) -> String {
    "a decimal number from \(range.lowerBound) to \(range.upperBound) is needed"
  }

  private func digit(_ byte: UInt8) -> Int? {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int(byte - UInt8(ascii: "0")) : nil
  }

  private func isWhitespace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
  }
}
