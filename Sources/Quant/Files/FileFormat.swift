import Int8Kernels
import ViTLite

/// What a file is, told by its first bytes, or by its name where a format has none of its own: to name what was given in
/// place of a model or of images.
package struct FileFormat: Sendable, Equatable {
  package enum Kind: Sendable {
    case gguf
    case safetensors
    case pyTorch
    case onnx
    /// A model of another tool.
    case otherModel
    /// What stands in a Git repository for a file that is stored elsewhere.
    case pointer
    case image
    case other
  }

  package let kind: Kind
  /// With its article: `a GIF image`.
  package let name: String

  private init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }
}

extension FileFormat {
  /// Bytes of a file's beginning that tell its format.
  private static let headByteCount = 512

  /// The format of the file at a path; nil for one of no known format, or that cannot be read.
  package init?(path: String) {
    guard let file = try? MappedFile(path: path) else { return nil }
    let head = file.withBytes { $0.extracting(0..<min($0.byteCount, Self.headByteCount)).copied() }
    self.init(firstBytes: head, path: path)
  }

  /// - Parameters:
  ///   - bytes: of the beginning; a few hundred tell all formats apart.
  ///   - path: whose ending tells the format where the bytes do not.
  package init?(firstBytes bytes: [UInt8], path: String) {
    if let format = Self.format(of: bytes) ?? Self.format(named: path, bytes) {
      self = format
    } else {
      return nil
    }
  }

  // MARK: By first bytes

  private static func format(of bytes: [UInt8]) -> FileFormat? {
    // First, for it begins with a number, which can look like another format's first bytes.
    if isSafetensors(bytes) { return FileFormat(.safetensors, "a safetensors file") }
    for signature in signatures where has(signature.bytes, at: signature.offset, bytes) { return signature.format }
    if has(ascii("RIFF"), at: 0, bytes), has(ascii("WEBP"), at: 8, bytes) { return FileFormat(.image, "a WebP image") }
    if has(ascii("ftyp"), at: 4, bytes) { return isoMedia(brand: bytes.dropFirst(8).prefix(4)) }
    if has([UInt8(ascii: "P")], at: 0, bytes), bytes.count > 2, (0x31...0x37).contains(bytes[1]), isSpace(bytes[2]) {
      return FileFormat(.image, "a Netpbm image")
    }
    if isONNX(bytes) { return FileFormat(.onnx, "an ONNX model") }
    if has([0x50, 0x4B, 0x03, 0x04], at: 0, bytes) { return zip(bytes) }
    return text(bytes)
  }

  private static let signatures: [(offset: Int, bytes: [UInt8], format: FileFormat)] = [
    (0, ascii("GGUF"), FileFormat(.gguf, "a GGUF file")),
    // The magic number with which `torch.save` began before version 1.6, pickled.
    (0, [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46], FileFormat(.pyTorch, "a PyTorch checkpoint")),
    (0, [0x89] + ascii("HDF\r\n\u{1A}\n"), FileFormat(.otherModel, "an HDF5 file, as Keras writes them")),
    (4, ascii("TFL3"), FileFormat(.otherModel, "a TensorFlow Lite model")),
    (0, [0x93] + ascii("NUMPY"), FileFormat(.other, "a NumPy array")),
    (0, ascii("version https://git-lfs"), FileFormat(.pointer, "a pointer of Git LFS")),
    (0, [0x89] + ascii("PNG\r\n\u{1A}\n"), FileFormat(.image, "a PNG image")),
    (0, [0xFF, 0xD8, 0xFF], FileFormat(.image, "a JPEG image")),
    (0, ascii("GIF87a"), FileFormat(.image, "a GIF image")),
    (0, ascii("GIF89a"), FileFormat(.image, "a GIF image")),
    (0, ascii("II") + [0x2A, 0x00], FileFormat(.image, "a TIFF image")),
    (0, ascii("MM") + [0x00, 0x2A], FileFormat(.image, "a TIFF image")),
    (0, ascii("II") + [0x2B, 0x00], FileFormat(.image, "a TIFF image")),
    (0, ascii("MM") + [0x00, 0x2B], FileFormat(.image, "a TIFF image")),
    (0, [0x00, 0x00, 0x00, 0x0C] + ascii("JXL "), FileFormat(.image, "a JPEG XL image")),
    (0, [0xFF, 0x0A], FileFormat(.image, "a JPEG XL image")),
    (0, [0x00, 0x00, 0x00, 0x0C] + ascii("jP  "), FileFormat(.image, "a JPEG 2000 image")),
    (0, [0xFF, 0x4F, 0xFF, 0x51], FileFormat(.image, "a JPEG 2000 image")),
    (0, ascii("BM"), FileFormat(.image, "a BMP image")),
    (0, ascii("%PDF"), FileFormat(.other, "a PDF document")),
    (0, [0x1F, 0x8B], FileFormat(.other, "a gzip archive")),
    (257, ascii("ustar"), FileFormat(.other, "a tar archive")),
  ]

  /// By the brand of the ISO base media file format (ISO/IEC 14496-12).
  private static func isoMedia(brand: ArraySlice<UInt8>) -> FileFormat {
    switch String(decoding: brand, as: UTF8.self) {
    case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1": FileFormat(.image, "a HEIC image")
    case "avif", "avis": FileFormat(.image, "an AVIF image")
    case "crx ": FileFormat(.image, "a raw image of a camera")
    default: FileFormat(.other, "a video")
    }
  }

  /// Eight bytes of the header's length, and a header that is a JSON object.
  private static func isSafetensors(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 8, bytes[8] == UInt8(ascii: "{") else { return false }
    let length = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return (2...UInt64(SafetensorsHeader.maximumBytes)).contains(length)
  }

  /// A `ModelProto`, as all exporters write it: field 1, the version of the format, then field 2, the exporter's name.
  private static func isONNX(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 5, bytes[0] == 0x08, (1...32).contains(bytes[1]), bytes[2] == 0x12 else { return false }
    let name = bytes.dropFirst(4).prefix(Int(bytes[3]))
    return (1...64).contains(bytes[3]) && name.allSatisfy { (0x20..<0x7F).contains($0) }
  }

  /// What `torch.save` writes is a zip archive whose first file is `NAME/data.pkl`.
  private static func zip(_ bytes: [UInt8]) -> FileFormat {
    let names = String(decoding: bytes, as: UTF8.self)
    if names.contains("/data.pkl") || names.contains("/constants.pkl") || names.contains("/.format_version") {
      return FileFormat(.pyTorch, "a PyTorch checkpoint")
    }
    if names.contains(".npy") { return FileFormat(.other, "a NumPy archive") }
    return FileFormat(.other, "a zip archive")
  }

  private static func text(_ bytes: [UInt8]) -> FileFormat? {
    guard let first = bytes.firstIndex(where: { !isSpace($0) }) else {
      return bytes.isEmpty ? FileFormat(.other, "an empty file") : nil
    }
    let start = String(decoding: bytes[first...].prefix(16), as: UTF8.self).lowercased()
    if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") { return FileFormat(.other, "an HTML page") }
    if start.hasPrefix("<svg") { return FileFormat(.image, "an SVG drawing") }
    let follower = bytes[(first + 1)...].first { !isSpace($0) }
    let isJSON = bytes[first] == UInt8(ascii: "{") && (follower == UInt8(ascii: "\"") || follower == UInt8(ascii: "}"))
    return isJSON ? FileFormat(.other, "a JSON file") : nil
  }

  // MARK: By name

  /// Formats whose files begin in many ways. What is text, or nothing, is none of them.
  private static func format(named path: String, _ bytes: [UInt8]) -> FileFormat? {
    let ending = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
    switch ending {
    case "pth", "pt", "bin", "ckpt", "pkl", "pickle":
      return bytes.first == 0x80 ? FileFormat(.pyTorch, "a PyTorch checkpoint") : nil
    case "onnx": return FileFormat(.onnx, "an ONNX model")
    case "msgpack": return FileFormat(.otherModel, "a Flax checkpoint")
    case "pb": return FileFormat(.otherModel, "a TensorFlow graph")
    case "engine", "plan": return FileFormat(.otherModel, "a TensorRT engine")
    default: return nil
    }
  }

  private static func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static func has(_ part: [UInt8], at offset: Int, _ bytes: [UInt8]) -> Bool {
    bytes.count >= offset + part.count && bytes[offset..<offset + part.count].elementsEqual(part)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
