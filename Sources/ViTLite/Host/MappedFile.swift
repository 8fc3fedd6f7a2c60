#if !hasFeature(Embedded)
  import LibC

  /// A regular file mapped into memory, read-only, for as long as this object lives.
  ///
  /// Pages are read when they are first touched. A file that another process shortens while it is mapped makes the
  /// kernel send SIGBUS on the pages that are gone, see `MappedFileGuard`; writers that replace a file by renaming
  /// (`AtomicFile`) never do that.
  @safe package final class MappedFile: @unchecked Sendable {
    package let path: String
    /// The whole file.
    private let buffer: UnsafeRawBufferPointer
    private let descriptor: Int32
    /// Its place in the guard; nil when it is not guarded.
    private let guardIndex: Int?

    /// - Throws: `FileError` when there is no such file, when it cannot be read, or when it is not a regular file.
    package convenience init(path: String) throws(FileError) {
      // Non-blocking: opening a FIFO would otherwise wait for a writer before it can be refused.
      let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard descriptor >= 0 else { throw FileError(failed: "open", path: path) }
      defer { close(descriptor) }
      try self.init(descriptor: descriptor, path: path)
    }

    /// Maps an open file, whose descriptor may be closed afterwards.
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
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
      guard copy >= 0 else { throw FileError(failed: "keep open", path: path) }
      self.path = path
      self.descriptor = copy
      guard size > 0 else {
        unsafe buffer = UnsafeRawBufferPointer(start: nil, count: 0)
        guardIndex = nil
        return
      }
      let address = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
      guard let address = unsafe address, unsafe address != MAP_FAILED else {
        throw FileError(failed: "map", path: path)
      }
      unsafe buffer = UnsafeRawBufferPointer(start: address, count: size)
      guardIndex = unsafe MappedFileGuard.add(start: address, count: size, path: path)
    }

    deinit {
      close(descriptor)
      if let guardIndex { MappedFileGuard.remove(guardIndex) }
      if let address = unsafe buffer.baseAddress {
        unsafe munmap(UnsafeMutableRawPointer(mutating: address), buffer.count)
      }
    }

    /// Whether a part of the file was gone when it was read, and zeros were read instead.
    package var isShortened: Bool { guardIndex.map { MappedFileGuard.isShortened($0) } ?? false }

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

    /// Copies a part of the file as it is now, without bringing more of the mapping into memory.
    ///
    /// - Parameters:
    ///   - part: within the file's bytes.
    ///   - target: as many bytes.
    /// - Returns: false where the file is shorter now, or its disk fails.
    @unsafe func copy(_ part: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) -> Bool {
      guard let base = unsafe buffer.baseAddress, let start = part.baseAddress else { return false }
      var done = 0
      while done < part.count {
        let offset = unsafe start - base + done
        let count = unsafe pread(descriptor, target + done, part.count - done, off_t(offset))
        guard count > 0 || (count < 0 && errno == EINTR) else { return false }
        done += max(count, 0)
      }
      return true
    }

    /// A copy of a part of the file as it is now, likewise.
    ///
    /// - Throws: where the file is shorter now, or its disk fails.
    /// - Precondition: `range` is within the file's bytes.
    package func bytes(in range: Range<Int>) throws(FileError) -> [UInt8] {
      precondition(range.lowerBound >= 0 && range.upperBound <= count, "a part of the file")
      let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
      var isWhole = range.isEmpty
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { target, filled in
        if let base = target.baseAddress { isWhole = unsafe isWhole || copy(part, to: base) }
        filled = isWhole ? range.count : 0
      }
      guard isWhole else {
        throw FileError(
          message: "cannot read bytes \(range.lowerBound) to \(range.upperBound)", path: path,
          expected: "a file that stays as long as it was")
      }
      return bytes
    }

    /// Asks the system to read a part of the file soon, without waiting for it.
    ///
    /// - Parameter part: may go beyond the file.
    @unsafe func expect(_ part: UnsafeRawBufferPointer) {
      #if os(Linux)
        guard let base = unsafe buffer.baseAddress, let start = part.baseAddress else { return }
        posix_fadvise(descriptor, unsafe off_t(start - base), off_t(part.count), POSIX_FADV_WILLNEED)
      #endif
    }

    /// Makes the system forget what it has cached of the file, as far as no process has it mapped and it was written; for
    /// measurements.
    package func forgetCachedBytes() {
      #if os(Linux)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
      #endif
    }

    /// Takes all pages of the mapping out of this process's memory; they are mapped again when they are touched.
    package func releasePages() {
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
      let bytes = file.withBytes { $0.copied() }
      if file.isShortened { throw MappedFileGuard.error(path: path) }
      return bytes
    }
  }
#endif
