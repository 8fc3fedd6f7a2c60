import Int8Kernels
import LibC
import ViTLite

/// A file that appears whole or not at all: written beside its place, flushed, and put there by `commit`, with the
/// permissions of the file that it replaces.
///
/// Where the file system can (`O_TMPFILE` on Linux) the file has no name until then, so that nothing is left behind
/// even by a killed process. Without `commit` nothing happens to what was there before. A symbolic link stays one: its
/// target is written. What is no regular file, such as a pipe or `/dev/stdout`, is written in place.
package struct AtomicFile: ~Copyable {
  private enum Placement {
    /// The open file has no name.
    case unnamed
    /// The open file has this name in the folder.
    case temporary(String, UnfinishedFiles.Entry)
    /// The open file is the target.
    case inPlace
    /// The file has its name.
    case finished
  }

  package let path: String
  /// Bytes written by `append` so far.
  package private(set) var count = 0
  private let calls: FileCalls
  private let descriptor: Int32
  /// The descriptor of the target's folder, and its name there; nil for a file that is written in place.
  private let target: (folder: Int32, name: String)?
  private var placement: Placement

  package init(path: String) throws(FileError) { try self.init(path: path, calls: .system) }

  /// - Parameter calls: the system's, or those of a test.
  package init(path: String, calls: FileCalls) throws(FileError) {
    (descriptor, target, placement) = try Self.create(path, calls)
    self.path = path
    self.calls = calls
  }

  private static func create(
    _ path: String, _ calls: FileCalls
  ) throws(FileError) -> (descriptor: Int32, target: (folder: Int32, name: String)?, placement: Placement) {
    let descriptor: Int32
    switch try OutputPlace(path: path) {
    case .descriptor(let open): descriptor = calls.perform(.duplicate) { fcntl(open, F_DUPFD_CLOEXEC, 0) }
    case .special(let special):
      descriptor = calls.perform(.openInPlace) { unsafe open(special, O_WRONLY | O_CLOEXEC) }
    case .file(let folder, let name):
      let file = try TemporaryFile(folder: folder, name: name, path: path, calls: calls)
      return (file.descriptor, (file.folder, name), file.entry.map { .temporary(file.name, $0) } ?? .unnamed)
    }
    guard descriptor >= 0 else { throw FileError(failedToWrite: "open for writing", path: path) }
    return (descriptor, nil, .inPlace)
  }

  /// A file without a name in the folder for temporary files, `TMPDIR` or `/tmp`, that goes away with this object.
  static func scratch() throws(FileError) -> AtomicFile {
    var folder = "/tmp"
    if let named = unsafe getenv("TMPDIR"), unsafe named[0] != 0 { folder = unsafe String(cString: named) }
    return try AtomicFile(path: "\(folder)/vit-quant-\(getpid())")
  }

  deinit {
    if let target, case .temporary(let name, let entry) = placement {
      UnfinishedFiles.change {
        _ = calls.perform(.unlink) { unsafe unlinkat(target.folder, name, 0) }
        UnfinishedFiles.remove(entry)
      }
    }
    _ = calls.perform(.close) { close(descriptor) }
    if let target { _ = calls.perform(.close) { close(target.folder) } }
  }

  /// Writes bytes after those that were appended so far.
  package mutating func append(_ bytes: RawSpan) throws(FileError) {
    let written = unsafe bytes.withUnsafeBytes { unsafe calls.write($0, to: descriptor, at: isInPlace ? nil : count) }
    count += written
    guard written == bytes.byteCount else { throw FileError(failedToWrite: "write", path: path) }
  }

  /// Writes bytes after those that were appended so far.
  package mutating func append(_ bytes: [UInt8]) throws(FileError) {
    try unsafe append(bytes.span.bytes)
  }

  /// Writes bytes anywhere in the file.
  /// - Precondition: the file is not written in place.
  func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
    precondition(!isInPlace, "a pipe has no offsets")
    let written = unsafe bytes.withUnsafeBytes { unsafe calls.write($0, to: descriptor, at: offset) }
    guard written == bytes.count else { throw FileError(failedToWrite: "write", path: path) }
  }

  /// Bytes that were written.
  /// - Precondition: the file is not written in place.
  func read(_ count: Int, at offset: Int) throws(FileError) -> [UInt8] {
    precondition(!isInPlace, "a pipe has no offsets")
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let step = unsafe bytes.withUnsafeMutableBytes { target in
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[done...])
        return calls.perform(.read) { unsafe pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done)) }
      }
      guard step > 0 else { throw FileError(failedToWrite: "read back", path: path) }
      done += step
    }
    return bytes
  }

  /// Cuts the file, or fills it with zeros, to a length.
  func resize(to length: Int) throws(FileError) {
    guard calls.perform(.resize, { ftruncate(descriptor, off_t(length)) }) == 0 else {
      throw FileError(failedToWrite: "resize", path: path)
    }
  }

  /// Whether the path is no regular file, so that what is written is there at once.
  var isInPlace: Bool { target == nil }

  /// What was written so far, to be checked before it is committed; not for a file that is written in place.
  func mapped() throws(FileError) -> MappedFile { try MappedFile(descriptor: descriptor, path: path) }

  /// Flushes the file to the device and gives it its name, replacing what had it; then flushes the folder.
  ///
  /// - Throws: also when a mapped file became shorter while it was read, because what was written may come from it.
  package consuming func commit() throws(FileError) {
    if let shortened = MappedFileGuard.shortenedFile { throw shortened }
    guard let target else { return }
    guard calls.perform(.flush, { fsync(descriptor) }) == 0 else { throw FileError(failedToWrite: "flush", path: path) }
    // Within it no signal ends the process.
    let code = UnfinishedFiles.change { place(as: target.name, in: target.folder) }
    if let code { throw FileError(failedToWrite: "replace", code: code, path: path) }
    let flushed = calls.perform(.flushFolder) { fsync(target.folder) }
    // Some file systems flush no folders, and a folder that may be searched but not read cannot be flushed.
    guard flushed == 0 || [EINVAL, EBADF, ENOTSUP].contains(errno) else {
      throw FileError(failedToWrite: "flush the folder", path: path)
    }
  }

  /// - Returns: nil, or the system's error number.
  private mutating func place(as name: String, in folder: Int32) -> Int32? {
    #if os(Linux)
      if case .unnamed = placement {
        // A name that is free is taken in one step.
        if link(as: name, in: folder) {
          placement = .finished
          return nil
        }
        guard errno == EEXIST else { return errno }
        // Linking needs a free name, and only renaming replaces.
        let temporary = TemporaryFile.claimName(for: name, in: folder, calls) { link(as: $0, in: folder) }
        guard let temporary else { return errno }
        placement = .temporary(temporary, UnfinishedFiles.add(folder: folder, name: temporary))
      }
    #endif
    guard case .temporary(let temporary, let entry) = placement else { return nil }
    guard calls.perform(.rename, { unsafe renameat(folder, temporary, folder, name) }) == 0 else { return errno }
    UnfinishedFiles.remove(entry)
    placement = .finished
    return nil
  }

  #if os(Linux)
    private func link(as name: String, in folder: Int32) -> Bool {
      let source = "/proc/self/fd/\(descriptor)"
      return calls.perform(.link) { unsafe linkat(AT_FDCWD, source, folder, name, AT_SYMLINK_FOLLOW) } == 0
    }
  #endif

  /// Writes a whole file.
  package static func save(_ bytes: [UInt8], to path: String, calls: FileCalls = .system) throws(FileError) {
    var file = try AtomicFile(path: path, calls: calls)
    try file.append(bytes)
    try file.commit()
  }

  /// Writes a whole text file as UTF-8.
  package static func save(_ text: String, to path: String) throws(FileError) {
    try save(Array(text.utf8), to: path)
  }
}
