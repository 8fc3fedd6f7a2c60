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

  #if os(Linux)
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
