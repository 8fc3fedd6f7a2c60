import LibC
import ViTLite

/// Which regular file a path means, however it is spelled: through links of both kinds, or before it exists.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64
  /// Of a file that does not exist yet, in the folder that the numbers are of.
  private let name: String?

  package var exists: Bool { name == nil }

  /// Nil for what is no regular file, such as a device, and for a path in no folder.
  package init?(path: String) {
    guard case .file(let folder, let name) = try? OutputPlace(path: path) else { return nil }
    var status = stat()
    if unsafe stat(path, &status) == 0 {
      self.init(status)
    } else {
      guard unsafe stat(folder, &status) == 0 else { return nil }
      self.init(status, name: name)
    }
  }

  /// The regular file that a descriptor is open on; nil for anything else.
  package init?(descriptor: Int32) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init?(_ status: stat) {
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.init(status, name: nil)
  }

  private init(_ status: stat, name: String?) {
    (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
    self.name = name
  }
}
