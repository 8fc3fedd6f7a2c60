import LibC

/// The system calls of `AtomicFile`. A test can make any of them fail.
package struct FileCalls: Sendable {
  package enum Call: String, Sendable, CaseIterable {
    case openFolder
    case createUnnamed
    case create
    case duplicate
    case openInPlace
    case lock
    case setOwner
    case setMode
    case write
    case read
    case resize
    case flush
    case link
    case rename
    case unlink
    case flushFolder
    case close
  }

  /// Called before each call: nil to make it, or the error number that it fails with instead.
  let fault: (@Sendable (Call) -> Int32?)?

  /// The system's own calls.
  package static let system = FileCalls(fault: nil)

  package init(fault: (@Sendable (Call) -> Int32?)?) {
    self.fault = fault
  }

  /// Makes a call, again when a signal interrupts it.
  ///
  /// - Returns: what it gives, or -1 with `errno` set.
  func perform<Result: SignedInteger>(_ call: Call, _ body: () -> Result) -> Result {
    if let code = fault?(call) {
      errno = code
      return -1
    }
    while true {
      let result = body()
      if result >= 0 || errno != EINTR || call == .close { return result }
    }
  }

  /// Writes all bytes, at an offset, or where the descriptor stands.
  ///
  /// - Returns: how many were written: fewer than all, with `errno` set, when the system refuses more.
  @unsafe
  func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int?) -> Int {
    var written = 0
    while written < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
      let step = perform(.write) {
        if let offset {
          return unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written))
        }
        return unsafe LibC.write(descriptor, rest.baseAddress, rest.count)
      }
      if step < 0 { break }
      // A device that takes nothing and reports nothing has no room.
      if step == 0 {
        errno = ENOSPC
        break
      }
      written += step
    }
    return written
  }
}
