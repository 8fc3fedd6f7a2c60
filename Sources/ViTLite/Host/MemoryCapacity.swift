#if !hasFeature(Embedded)
  import LibC

  /// How much memory this process can have.
  package enum MemoryCapacity {
    /// The smallest of the machine's memory, the limits of the process and those of its control groups, in bytes.
    package static var bytes: Int {
      var smallest = Int.max
      let (pages, page) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
      if pages > 0, page > 0 {
        let (product, overflow) = pages.multipliedReportingOverflow(by: page)
        if !overflow { smallest = product }
      }
      for resource in limits {
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { continue }
        smallest = min(smallest, Int(clamping: limit.rlim_cur))
      }
      #if os(Linux)
        smallest = min(smallest, controlGroupLimit ?? Int.max)
      #endif
      return smallest
    }

    #if os(Linux)
      /// `RLIMIT_AS` and `RLIMIT_DATA`, whose type is another one with each C library.
      private static let limits: [Int32] = [9, 2]
    #else
      private static let limits = [RLIMIT_AS, RLIMIT_DATA]
    #endif

    /// Uninitialized memory; nil where the system has none to give.
    ///
    /// - Parameter alignment: a power of two, at least 8.
    @unsafe
    static func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawBufferPointer? {
      var memory: UnsafeMutableRawPointer?
      guard unsafe posix_memalign(&memory, alignment, max(byteCount, alignment)) == 0 else { return nil }
      return unsafe UnsafeMutableRawBufferPointer(start: memory, count: byteCount)
    }

    /// Gives back what `allocate` gave.
    @unsafe
    static func deallocate(_ memory: UnsafeMutableRawBufferPointer) { unsafe free(memory.baseAddress) }

    #if os(Linux)
      /// The smallest limit of the process's control groups and of those that contain them; nil where none is set.
      private static var controlGroupLimit: Int? {
        guard let groups = text(of: "/proc/self/cgroup") else { return nil }
        var limits: [Int] = []
        for line in groups.split(separator: "\n") {
          // "0::/path" in version 2, "4:memory:/path" in version 1.
          let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
          guard parts.count == 3 else { continue }
          let file: (root: String, name: String)
          if parts[0] == "0", parts[1].isEmpty {
            file = ("/sys/fs/cgroup", "memory.max")
          } else if parts[1].split(separator: ",").contains("memory") {
            file = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
          } else {
            continue
          }
          var path = parts[2]
          while true {
            if let limit = text(of: "\(file.root)\(path == "/" ? "" : path)/\(file.name)").flatMap(number) {
              limits.append(limit)
            }
            guard let slash = path.lastIndex(of: "/"), path.count > 1 else { break }
            path = slash == path.startIndex ? "/" : path[..<slash]
          }
        }
        return limits.min()
      }

      /// The number that a file holds; nil for `max`.
      private static func number(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        return digits.isEmpty ? nil : Int(digits) ?? Int.max
      }

      /// The beginning of a small file.
      private static func text(of path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
      }
    #endif
  }

  extension ForwardPlan {
    /// Refuses a plan whose arena this process cannot have.
    package func checkMemory(available: Int = MemoryCapacity.bytes) throws(InferenceError) {
      guard arenaByteCount <= available else { throw .memory(needed: arenaByteCount, available: available) }
    }
  }
#endif
