import LibC
import ViTLite

/// Where an output goes.
enum OutputPlace {
  /// A descriptor of this process, such as that of `/dev/stdout`.
  case descriptor(Int32)
  /// A device, a pipe or a socket.
  case special(path: String)
  /// A name in a folder; a regular file may have it already.
  case file(folder: String, name: String)

  /// Symbolic links in a row that are followed, as many as Linux follows.
  private static let maximumLinks = 40

  /// Follows symbolic links, so that a link stays one and its target is written, whether it exists or not.
  init(path: String) throws(FileError) {
    var current = path
    for _ in 0...Self.maximumLinks {
      if let descriptor = Self.descriptor(named: current) {
        self = .descriptor(descriptor)
        return
      }
      guard let target = Self.linkTarget(of: current) else {
        self = try Self.place(of: current, path: path)
        return
      }
      current = target.hasPrefix("/") ? target : Self.join(Self.split(current).folder, target)
    }
    throw FileError(message: "too many symbolic links, expected at most \(Self.maximumLinks)", path: path)
  }

  private static func place(of resolved: String, path: String) throws(FileError) -> OutputPlace {
    let (folder, name) = split(resolved)
    let isFolder =
      switch FileKind(of: resolved) {
      case .folder: true
      case .other: false
      case .file, nil: ["", ".", ".."].contains(name)
      }
    guard !isFolder else {
      throw FileError(message: "cannot write over a directory, expected a file's name", path: path)
    }
    return FileKind(of: resolved) == .other ? .special(path: resolved) : .file(folder: folder, name: name)
  }

  /// The descriptor that a path such as `/dev/stdout` or `/dev/fd/3` means. It is written itself, rather than the file
  /// that it may be open on: what the shell redirects goes on behind what is written here.
  private static func descriptor(named path: String) -> Int32? {
    switch path {
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default: break
    }
    for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
      return Int32(path.dropFirst(folder.count))
    }
    return nil
  }

  /// What a symbolic link says; nil for anything else.
  private static func linkTarget(of path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }

  static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let name = String(path[path.index(after: slash)...])
    return (slash == path.utf8.startIndex ? "/" : String(path[..<slash]), name)
  }

  private static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }
}
