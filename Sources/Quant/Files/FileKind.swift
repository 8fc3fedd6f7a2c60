import Int8Kernels
import LibC
import ViTLite

/// What stands at a path.
package enum FileKind: Sendable {
  case file
  case folder
  /// A device, a pipe or a socket.
  case other

  /// Nil when there is nothing, or nothing that may be seen. Symbolic links are followed.
  package init?(of path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    default: self = .other
    }
  }
}
