#if !hasFeature(Embedded)
  import LibC

  /// A regular file mapped into memory, read-only, for as long as this object lives.
  ///
  /// Pages are read when they are first touched. A file that another process shortens while it is mapped makes the
  /// kernel send SIGBUS on the pages that are gone; writers that replace a file by renaming (`AtomicFile`) never do
  /// that.
  @safe package final class MappedFile: @unchecked Sendable {
    package let path: String
    /// The whole file.
    private let buffer: UnsafeRawBufferPointer

    /// - Throws: `FileError` when there is no such file, when it cannot be read, or when it is not a regular file.
    package convenience init(path: String) throws(FileError) {
      // Non-blocking: opening a FIFO would otherwise wait for a writer before it can be refused.
      let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard descriptor >= 0 else { throw FileError(failed: "open", path: path) }
      defer { close(descriptor) }
      try self.init(descriptor: descriptor, path: path)
    }

    /// Maps an open file, which may be closed afterwards.
    ///
    /// - Parameter path: what to call it in errors.
    package init(descriptor: Int32, path: String) throws(FileError) {
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0 else { throw FileError(failed: "examine", path: path) }
      guard status.st_mode & S_IFMT == S_IFREG else {
        let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "no regular file"
        throw FileError(message: "cannot read \(kind), expected a file", path: path)
      }
      guard let size = Int(exactly: status.st_size) else {
        throw FileError(message: "a file too large for the address space", path: path)
      }
      self.path = path
      guard size > 0 else {
        unsafe buffer = UnsafeRawBufferPointer(start: nil, count: 0)
        return
      }
      let address = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
      guard let address = unsafe address, unsafe address != MAP_FAILED else {
        throw FileError(failed: "map", path: path)
      }
      unsafe buffer = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
      if let address = unsafe buffer.baseAddress {
        unsafe munmap(UnsafeMutableRawPointer(mutating: address), buffer.count)
      }
    }

    /// Bytes in the file.
    package var count: Int { unsafe buffer.count }

    /// Calls `body` with all bytes of the file.
    package func withBytes<Result, Failure: Error>(
      _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      try unsafe body(buffer.bytes)
    }

    /// The file's bytes, valid while this object lives. For consumers that keep pointers into the mapping.
    @unsafe package var unsafeBytes: UnsafeRawBufferPointer { unsafe buffer }

    /// Brings a part of the mapping into memory, and asks the system to read on behind it, as much again.
    ///
    /// - Parameter part: within the file's bytes.
    @unsafe func prepare(_ part: UnsafeRawBufferPointer) {
      guard let base = unsafe buffer.baseAddress, let start = part.baseAddress else { return }
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      let offset = unsafe start - base
      let first = offset / page * page
      let count = min(offset + part.count, self.count) - first
      guard first >= 0, count > 0 else { return }
      let address = unsafe UnsafeMutableRawPointer(mutating: base + first)
      #if os(Linux)
        // MADV_POPULATE_READ, Linux 5.14. Where there is no such call, each page is read when it is first touched.
        unsafe madvise(address, count, 22)
      #endif
      let next = (count + page - 1) / page * page
      let behind = min(count, self.count - first - next)
      if behind > 0 { unsafe madvise(address + next, behind, Int32(MADV_WILLNEED)) }
    }

    /// Takes all pages of the mapping out of this process's memory; they are mapped again when they are touched.
    func releasePages() {
      guard let base = unsafe buffer.baseAddress else { return }
      unsafe madvise(UnsafeMutableRawPointer(mutating: base), count, Int32(MADV_DONTNEED))
    }

    /// A copy of a whole file.
    /// - Parameter limit: the largest size to accept, in bytes.
    package static func contents(of path: String, limit: Int) throws(FileError) -> [UInt8] {
      let file = try MappedFile(path: path)
      guard file.count <= limit else {
        throw FileError(message: "a file of \(file.count) bytes, expected at most \(limit)", path: path)
      }
      return file.withBytes { $0.copied() }
    }
  }
#endif
