import Int8Kernels
import LibC
import ViTLite

/// The names of a folder's entries.
package enum FolderNames {
  /// As the bytes that they are, in the order of the file system; nil with `errno` set when the folder cannot be read.
  package static func bytes(in path: String) -> [[UInt8]]? {
    guard let directory = unsafe opendir(path) else { return nil }
    defer { unsafe closedir(directory) }
    var names: [[UInt8]] = []
    while let entry = unsafe readdir(directory) {
      unsafe names.append(withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) })
    }
    return names
  }

  /// Those that are UTF-8, in no order; none when the folder cannot be read.
  package static func texts(in path: String) -> [String] {
    (bytes(in: path) ?? []).compactMap { String(validating: $0, as: UTF8.self) }
  }
}
