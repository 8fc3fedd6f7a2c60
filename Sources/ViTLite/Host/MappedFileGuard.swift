#if !hasFeature(Embedded)
  import LibC
  import Synchronization

  /// What happens when another process shortens a file that this one has mapped.
  ///
  /// The system then sends SIGBUS where a page is read that is gone, which ends a process. After `install` it does not:
  /// zeros take the place of what is gone, and what was computed meanwhile is not handed out: a session throws
  /// `InferenceError.modelShortened`, and reading and writing files fails.
  ///
  ///     MappedFileGuard.install()                       // once, in the program, not in a library
  ///     let model = try IntegerModel(path: "model.gguf")
  ///
  /// Only files that are mapped after `install` are guarded, `capacity` at a time. A file that is overwritten with other
  /// bytes, rather than shortened or replaced, goes unnoticed.
  public enum MappedFileGuard {
    /// Files beyond this many are not guarded.
    static let capacity = 1024

    /// The bounds of a mapping and whether a part of it is gone, as the handler reads and writes them without a lock.
    @safe private struct Slot: ~Copyable {
      let start = Atomic<UInt>(0)
      let end = Atomic<UInt>(0)
      let isShortened = Atomic<Bool>(false)
    }

    private nonisolated(unsafe) static var slots: UnsafeMutablePointer<Slot>?
    private nonisolated(unsafe) static var previous = sigaction()
    private nonisolated(unsafe) static var pageSize: UInt = 4096
    private static let lock = Lock()
    /// The path of the file in each slot; only touched with the lock held.
    private nonisolated(unsafe) static var paths: [Int: String] = [:]
    private nonisolated(unsafe) static var lost: String?
    private static let anyShortened = Atomic<Bool>(false)

    /// Installs a handler for SIGBUS. A fault elsewhere than in a mapped file goes to the handler that was there before,
    /// or ends the process as it would without this one. A second call does nothing.
    public static func install() {
      #if os(Linux)
        lock.change {
          guard unsafe slots == nil else { return }
          let memory = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
          for index in 0..<capacity { unsafe (memory + index).initialize(to: Slot()) }
          unsafe slots = memory
          unsafe pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))
          _ = anyShortened.load(ordering: .sequentiallyConsistent)
          var action = sigaction()
          #if canImport(Glibc)
            unsafe action.__sigaction_handler.sa_sigaction = { unsafe MappedFileGuard.handle($0, $1, $2) }
          #else
            unsafe action.__sa_handler.sa_sigaction = { unsafe MappedFileGuard.handle($0, $1, $2) }
          #endif
          action.sa_flags = SA_SIGINFO | SA_RESTART
          unsafe sigaction(SIGBUS, &action, &previous)
        }
      #endif
    }

    #if os(Linux)
      /// Maps zeros over what is gone. Nothing here takes a lock or allocates.
      private static func handle(
        _ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
      ) {
        // si_addr: behind three int32 and the padding that a pointer needs; the C libraries name it differently.
        let offset = MemoryLayout<UInt>.size == 8 ? 16 : 12
        if let info = unsafe info, let slots = unsafe slots {
          let address = unsafe UnsafeRawPointer(info).load(fromByteOffset: offset, as: UInt.self)
          for index in 0..<capacity {
            let start = unsafe slots[index].start.load(ordering: .sequentiallyConsistent)
            let end = unsafe slots[index].end.load(ordering: .sequentiallyConsistent)
            guard address >= start, address < end else { continue }
            let page = unsafe address & ~(pageSize - 1)
            // All pages behind a missing one are missing too.
            let mapped = unsafe mmap(
              UnsafeMutableRawPointer(bitPattern: page), Int(end - page), PROT_READ,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
            guard unsafe mapped != MAP_FAILED else { break }
            unsafe slots[index].isShortened.store(true, ordering: .sequentiallyConsistent)
            anyShortened.store(true, ordering: .sequentiallyConsistent)
            return
          }
        }
        // The same instruction faults again, under the handler that was there before.
        unsafe sigaction(SIGBUS, &previous, nil)
      }
    #endif

    /// The file that became shorter while it was read; nil when none did, as far as this process noticed.
    package static var shortenedFile: FileError? {
      guard anyShortened.load(ordering: .sequentiallyConsistent) else { return nil }
      return lock.whenever({ true }) {
        if let lost = unsafe lost { return error(path: lost) }
        for (index, path) in unsafe paths where isShortened(index) { return error(path: path) }
        return error(path: "a mapped file")
      }
    }

    package static func error(path: String) -> FileError {
      FileError(
        message: "the file became shorter while it was read, expected one that nothing changes", path: path)
    }

    // MARK: For MappedFile

    /// Guards a mapping; nil when there is no guard, or no more room.
    static func add(start: UnsafeMutableRawPointer, count: Int, path: String) -> Int? {
      guard unsafe slots != nil else { return nil }
      return lock.whenever({ true }) {
        guard let slots = unsafe slots, let index = (0..<capacity).first(where: { unsafe paths[$0] == nil }) else {
          return nil
        }
        unsafe paths[index] = path
        let start = UInt(bitPattern: start)
        unsafe slots[index].isShortened.store(false, ordering: .sequentiallyConsistent)
        unsafe slots[index].start.store(start, ordering: .sequentiallyConsistent)
        unsafe slots[index].end.store(start + UInt(count), ordering: .sequentiallyConsistent)
        return index
      }
    }

    /// To be called before the mapping goes.
    static func remove(_ index: Int) {
      lock.change {
        guard let slots = unsafe slots else { return }
        if isShortened(index) { unsafe lost = paths[index] }
        unsafe slots[index].end.store(0, ordering: .sequentiallyConsistent)
        unsafe paths[index] = nil
      }
    }

    static func isShortened(_ index: Int) -> Bool {
      guard let slots = unsafe slots else { return false }
      return unsafe slots[index].isShortened.load(ordering: .sequentiallyConsistent)
    }
  }
#endif
