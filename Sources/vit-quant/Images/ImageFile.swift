import LibC

/// Reads whole image files, from a path or from standard input.
enum ImageFile {
  /// A pipe can be endless, so reading stops here.
  static let maximumBytes = 1 << 30

  /// The bytes of a file; `-` is standard input.
  static func bytes(path: String) throws(ImageError) -> [UInt8] {
    if path == "-" { return try bytes(descriptor: STDIN_FILENO) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(reason: systemErrorText()) }
    defer { _ = close(descriptor) }
    return try bytes(descriptor: descriptor)
  }

  /// The bytes from a descriptor's position to its end.
  static func bytes(descriptor: Int32, limit: Int = maximumBytes) throws(ImageError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .unreadable(reason: systemErrorText())
      }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else { throw .fileTooLarge(limit: limit) }
      bytes.append(contentsOf: chunk.prefix(count))
    }
  }

  private static func systemErrorText() -> String {
    let code = errno
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text)
  }
}
