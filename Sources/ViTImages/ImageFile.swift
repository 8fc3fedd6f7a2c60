import LibC

/// Reads whole image files.
package enum ImageFile {
  /// A pipe can be endless, so reading stops here.
  package static let maximumBytes = 1 << 30

  /// The bytes of a file.
  static func bytes(path: String) throws(ImageError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(reason: systemErrorText()) }
    defer { _ = close(descriptor) }
    return try bytes(descriptor: descriptor)
  }

  /// The bytes from a descriptor's position to its end: of a file, a pipe, standard input.
  package static func bytes(descriptor: Int32, limit: Int = maximumBytes) throws(ImageError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
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
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }
}
