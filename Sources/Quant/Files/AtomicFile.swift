import Int8Kernels
import LibC
import ViTLite

/// A file that appears whole or not at all: written beside its place, flushed, and renamed over it by `commit`.
///
/// Where the file system can (`O_TMPFILE` on Linux) the file has no name until then, so that nothing is left behind
/// even by a killed process. Without `commit` nothing happens to what was there before. A path that is not a regular
/// file, such as `/dev/stdout`, is written in place.
package struct AtomicFile: ~Copyable {
  private enum Placement {
    /// The open file has no name.
    case unnamed
    /// The open file has this name.
    case temporary(String)
    /// The open file is the target.
    case inPlace
    case finished
  }

  package let path: String
  /// Bytes written so far.
  package private(set) var count = 0
  private let descriptor: Int32
  private var placement: Placement

  package init(path: String) throws(FileError) {
    (descriptor, placement) = try Self.create(path)
    self.path = path
  }

  private static func create(_ path: String) throws(FileError) -> (descriptor: Int32, placement: Placement) {
    var status = stat()
    if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      guard status.st_mode & S_IFMT != S_IFDIR else {
        throw FileError(message: "cannot write over a directory, expected a file's name", path: path)
      }
      let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError(failed: "open for writing", path: path) }
      return (descriptor, .inPlace)
    }
    #if os(Linux)
      // O_TMPFILE, a macro that Swift does not import: O_DIRECTORY and this bit, the same on x86-64 and arm64.
      let unnamed = unsafe open(folder(of: path), O_RDWR | O_CLOEXEC | O_DIRECTORY | 0o20000000, 0o666)
      if unnamed >= 0 { return (unnamed, .unnamed) }
    #endif
    let name = temporaryName(for: path)
    let descriptor = unsafe open(name, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0o666)
    guard descriptor >= 0 else { throw FileError(failed: "create", path: path) }
    return (descriptor, .temporary(name))
  }

  deinit {
    if case .finished = placement { return }
    close(descriptor)
    if case .temporary(let name) = placement { unsafe unlink(name) }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
  }

  private static func temporaryName(for path: String) -> String {
    let suffix = String(UInt32.random(in: 0...UInt32.max), radix: 36)
    return "\(path).tmp-\(getpid())-\(suffix)"
  }

  /// Writes bytes after those written so far.
  package mutating func append(_ bytes: RawSpan) throws(FileError) {
    let written = unsafe bytes.withUnsafeBytes { source in
      var written = 0
      while written < source.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: source[written...])
        let step = unsafe write(descriptor, rest.baseAddress, rest.count)
        if step < 0, errno == EINTR { continue }
        guard step > 0 else { break }
        written += step
      }
      return written
    }
    count += written
    guard written == bytes.byteCount else { throw FileError(failed: "write", path: path) }
  }

  /// Writes bytes after those written so far.
  package mutating func append(_ bytes: [UInt8]) throws(FileError) {
    try unsafe append(bytes.span.bytes)
  }

  /// Whether the path is no regular file, so that what is written is there at once.
  var isInPlace: Bool {
    if case .inPlace = placement { true } else { false }
  }

  /// What was written so far, to be checked before it is committed; not for a file that is written in place.
  func mapped() throws(FileError) -> MappedFile { try MappedFile(descriptor: descriptor, path: path) }

  /// Flushes the file to the device and gives it its name, replacing what had it.
  package consuming func commit() throws(FileError) {
    if case .inPlace = placement { return }
    guard fsync(descriptor) == 0 else { throw FileError(failed: "flush", path: path) }
    #if os(Linux)
      if case .unnamed = placement {
        let name = Self.temporaryName(for: path)
        // Linking needs a free name, and only renaming replaces: the name in between lives for two system calls.
        guard unsafe linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 else {
          throw FileError(failed: "name", path: path)
        }
        placement = .temporary(name)
      }
    #endif
    guard case .temporary(let name) = placement else { return }
    guard unsafe rename(name, path) == 0 else { throw FileError(failed: "replace", path: path) }
    placement = .finished
    close(descriptor)
  }

  /// Writes a whole file.
  package static func save(_ bytes: [UInt8], to path: String) throws(FileError) {
    var file = try AtomicFile(path: path)
    try file.append(bytes)
    try file.commit()
  }

  /// Writes a whole text file as UTF-8.
  package static func save(_ text: String, to path: String) throws(FileError) {
    try save(Array(text.utf8), to: path)
  }
}
