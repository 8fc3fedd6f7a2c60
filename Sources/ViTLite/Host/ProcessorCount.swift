#if !hasFeature(Embedded)
  import LibC

  /// How many processors this process may use.
  public enum ProcessorCount {
    /// The processors of the affinity mask, at most as many as the control group's quota pays for; at least 1.
    public static var available: Int {
      max(1, min(affinity ?? online, quota ?? Int.max))
    }

    private static var online: Int { Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// The bits of `Cpus_allowed` in the process's status: hexadecimal digits, grouped by commas.
    private static var affinity: Int? {
      guard let status = text(of: "/proc/self/status") else { return nil }
      let key = "Cpus_allowed:"
      guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return nil }
      let count = line.dropFirst(key.count).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
      return count > 0 ? count : nil
    }

    /// `cpu.max` of the control group (version 2): "microseconds period", or "max period" without a limit.
    private static var quota: Int? {
      let words = text(of: "/sys/fs/cgroup/cpu.max")?.split { $0 == " " || $0 == "\n" }.map { Int($0) } ?? []
      guard words.count == 2, let time = words[0], let period = words[1], period > 0 else { return nil }
      return time / period + (time % period > 0 ? 1 : 0)
    }

    /// The first 8 KB of a file of the system, which cannot be mapped; nil where there is no such file.
    private static func text(of path: String) -> String? {
      let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return nil }
      defer { close(descriptor) }
      var buffer = [UInt8](repeating: 0, count: 8192)
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
  }
#endif
