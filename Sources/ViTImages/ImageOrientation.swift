/// How a stored image has to be turned to be upright, by EXIF's number (tag 0x0112).
enum ImageOrientation: Int, CaseIterable, Sendable {
  case upright = 1
  case mirrored = 2
  case upsideDown = 3
  case mirroredUpsideDown = 4
  /// Rows and columns exchanged.
  case transposed = 5
  /// To be turned a quarter clockwise.
  case quarterClockwise = 6
  /// Rows and columns exchanged along the other diagonal.
  case transversed = 7
  /// To be turned a quarter counterclockwise.
  case quarterCounterclockwise = 8

  var exchangesSides: Bool { rawValue >= 5 }
}

extension ImageOrientation {
  /// The orientation in a JPEG file's first EXIF segment; upright when there is none or it makes no sense, as viewers
  /// and Pillow have it: a wrong tag is no reason to refuse a picture.
  init(exifOf jpeg: [UInt8]) {
    self = Self.exifRange(in: jpeg).flatMap { TIFFHeader(bytes: jpeg, range: $0)?.orientation } ?? .upright
  }

  /// The same of a WebP file's EXIF chunk.
  init(exifOfWebP webP: [UInt8]) {
    self = Self.exifRange(inWebP: webP).flatMap { TIFFHeader(bytes: webP, range: $0)?.orientation } ?? .upright
  }

  /// Where the TIFF structure of the first EXIF chunk lies. Some programs write JPEG's "Exif", 0, 0 before it.
  private static func exifRange(inWebP webP: [UInt8]) -> Range<Int>? {
    var offset = 12
    while let type = webP.bigEndian32(at: offset), let swapped = webP.bigEndian32(at: offset + 4) {
      let length = Int(UInt32(truncatingIfNeeded: swapped).byteSwapped)
      let content = offset + 8
      guard length <= webP.count - content else { return nil }
      let exif = 0x4558_4946
      if type == exif {
        let hasIdentifier = webP[content..<content + length].starts(with: identifier)
        return content + (hasIdentifier ? identifier.count : 0)..<content + length
      }
      offset = content + length + length % 2
    }
    return nil
  }

  /// "Exif", 0, 0
  private static let identifier: [UInt8] = [0x45, 0x78, 0x69, 0x66, 0, 0]

  /// Where the TIFF structure of the first EXIF segment lies.
  private static func exifRange(in jpeg: [UInt8]) -> Range<Int>? {
    var offset = 2
    while let marker = jpeg.bigEndian16(at: offset) {
      switch marker {
      case 0xFFFF:  // a fill byte
        offset += 1
      case 0xFF01, 0xFFD0...0xFFD8:  // markers without a segment
        offset += 2
      case 0xFFDA, 0xFFD9:  // the image data begins or the file ends
        return nil
      case 0xFF02...0xFFFE:
        guard let length = jpeg.bigEndian16(at: offset + 2), length >= 2 else { return nil }
        let segment = (offset + 4)..<(offset + 2 + length)
        guard segment.upperBound <= jpeg.count else { return nil }
        if marker == 0xFFE1, jpeg[segment].starts(with: identifier) {
          return (segment.lowerBound + identifier.count)..<segment.upperBound
        }
        offset = segment.upperBound
      default:
        return nil
      }
    }
    return nil
  }
}

/// The part of TIFF 6.0 that says an image's orientation: byte order, first directory, one entry.
private struct TIFFHeader {
  private let bytes: ArraySlice<UInt8>
  private let isLittleEndian: Bool

  init?(bytes: [UInt8], range: Range<Int>) {
    self.bytes = bytes[range]
    switch self.bytes.prefix(2) {
    case [0x49, 0x49]: isLittleEndian = true
    case [0x4D, 0x4D]: isLittleEndian = false
    default: return nil
    }
    guard integer16(at: 2) == 42 else { return nil }
  }

  var orientation: ImageOrientation? {
    guard let directory = integer32(at: 4), let entries = integer16(at: directory) else { return nil }
    for entry in 0..<entries {
      let offset = directory + 2 + entry * 12
      guard let tag = integer16(at: offset), let type = integer16(at: offset + 2) else { return nil }
      guard tag == 0x0112 else { continue }
      let (short, long) = (3, 4)
      let value = type == short ? integer16(at: offset + 8) : type == long ? integer32(at: offset + 8) : nil
      return value.flatMap(ImageOrientation.init(rawValue:))
    }
    return nil
  }

  private func byte(at offset: Int) -> Int? {
    guard offset < bytes.count else { return nil }
    return Int(bytes[bytes.startIndex + offset])
  }

  private func integer16(at offset: Int) -> Int? {
    guard let first = byte(at: offset), let second = byte(at: offset + 1) else { return nil }
    return isLittleEndian ? second << 8 | first : first << 8 | second
  }

  private func integer32(at offset: Int) -> Int? {
    guard let first = integer16(at: offset), let second = integer16(at: offset + 2) else { return nil }
    return isLittleEndian ? second << 16 | first : first << 16 | second
  }
}

extension Image {
  /// The image as it looks after `orientation` is undone.
  func upright(from orientation: ImageOrientation) throws(ImageError) -> Image {
    guard orientation != .upright else { return self }
    let turned =
      orientation.exchangesSides
      ? try ImageSize(width: height, height: width, maximumPixels: size.pixelCount) : size
    // The source pixel of (x, y) is first + x * xStep + y * yStep.
    let (right, down) = (1, width)
    let lastColumn = width - 1
    let lastRow = (height - 1) * width
    let (first, xStep, yStep): (Int, Int, Int) =
      switch orientation {
      case .upright: (0, right, down)
      case .mirrored: (lastColumn, -right, down)
      case .upsideDown: (lastRow + lastColumn, -right, -down)
      case .mirroredUpsideDown: (lastRow, right, -down)
      case .transposed: (0, down, right)
      case .quarterClockwise: (lastRow, -down, right)
      case .transversed: (lastRow + lastColumn, -down, -right)
      case .quarterCounterclockwise: (lastColumn, down, -right)
      }
    var turnedPixels = [UInt8]()
    turnedPixels.reserveCapacity(pixels.count)
    for y in 0..<turned.height {
      for x in 0..<turned.width {
        let source = (first + x * xStep + y * yStep) * channels
        for channel in 0..<channels { turnedPixels.append(pixels[source + channel]) }
      }
    }
    return try Image(size: turned, channels: channels, pixels: turnedPixels)
  }
}
