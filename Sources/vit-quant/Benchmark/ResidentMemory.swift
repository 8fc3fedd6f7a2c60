import LibC

/// The memory that this process holds, file-backed pages included, as the system accounts it.
enum ResidentMemory {
  /// The most so far, in bytes; nil where the system does not say.
  ///
  /// On Linux from `VmHWM`, which counts from the start of this program. `getrusage` would give at least the peak of the
  /// process that started it.
  static var peak: Int? {
    #if os(Linux)
      status("VmHWM:")
    #else
      var usage = rusage()
      return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : nil
    #endif
  }

  /// What it holds now, in bytes; where the system does not say, the most so far.
  static var current: Int? {
    #if os(Linux)
      status("VmRSS:")
    #else
      peak
    #endif
  }

  /// Makes the system bring this program's code into memory in pieces of 16 KB, and takes out what starting has touched.
  /// Otherwise Linux maps 64 KB and more around each page that is touched: all that lies together in its cache of files.
  ///
  /// To be called before anything else; it takes 1 to 2 ms.
  static func limitPieces() {
    #if os(Linux)
      let size = max(16 << 10, UInt(sysconf(Int32(_SC_PAGESIZE))))
      for part in code {
        // Pages are brought in from one mapping only, and neighbors whose advice differs are two mappings. This advice
        // changes nothing else: code is not written to core dumps anyway.
        for start in stride(from: part.lowerBound + size, to: part.upperBound, by: 2 * Int(size)) {
          advise(start..<min(start + size, part.upperBound), Int32(MADV_DONTDUMP))
        }
      }
      releaseCode()
    #endif
  }

  /// Takes this program's code out of memory, that of shared libraries too; what runs on is read again from the system's
  /// cache of files. Most of what starts a program and loads a model is not needed once more.
  static func releaseCode() {
    #if os(Linux)
      for part in code { advise(part, Int32(MADV_DONTNEED)) }
    #endif
  }

  #if os(Linux)
    /// Addresses of code and of the constants before it. All is as it is in the files: it can be executed and not
    /// written, or begins with a file's header, which nothing is written behind in the same mapping.
    private static let code: [Range<UInt>] = {
      guard let maps = fopen("/proc/self/maps", "r") else { return [] }
      defer { fclose(maps) }
      var parts: [Range<UInt>] = []
      var line = [CChar](repeating: 0, count: 4096)
      while fgets(&line, Int32(line.count), maps) != nil {
        // "55d0c0a00000-55d0c0b00000 r-xp 00000000 fe:00 1234 /path"
        var end: UnsafeMutablePointer<CChar>?
        let first = strtoul(line, &end, 16)
        guard let dash = end, dash.pointee == CChar(UInt8(ascii: "-")) else { continue }
        let last = strtoul(dash + 1, &end, 16)
        guard let rest = end, strncmp(rest, " r-xp ", 6) == 0 || strncmp(rest, " r--p 00000000 ", 15) == 0,
          strchr(rest, Int32(UInt8(ascii: "/"))) != nil, last > first
        else { continue }
        parts.append(first..<last)
      }
      return parts
    }()

    private static func advise(_ part: Range<UInt>, _ advice: Int32) {
      madvise(UnsafeMutableRawPointer(bitPattern: part.lowerBound), part.count, advice)
    }

    /// A line of the process's status, in kilobytes there.
    private static func status(_ key: String) -> Int? {
      guard let file = fopen("/proc/self/status", "r") else { return nil }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 256)
      while fgets(&line, Int32(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard text.hasPrefix(key) else { continue }
        return Int(text.filter(\.isNumber)).map { $0 * 1024 }
      }
      return nil
    }
  #endif
}
