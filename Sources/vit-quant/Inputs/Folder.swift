import Int8Kernels
import LibC
import Quant
import ViTLite

/// What is in a folder, in the order of the names' bytes, so that it is the same everywhere.
struct Folder {
  /// Levels of folders that are read: more than data sets have, and an end for symbolic links that form a circle.
  private static let maximumDepth = 16
  private static let imageExtensions = [".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".pnm"]

  let path: String
  /// Names of image files, by extension.
  private(set) var images: [String] = []
  private(set) var folders: [String] = []

  init(_ path: String) throws(CommandError) {
    self.path = path
    guard let directory = opendir(path) else {
      throw .input("cannot open the folder: \(systemErrorText(errno)), \(path), expected a readable folder")
    }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasPrefix(".") { continue }
      switch FileKind(of: Self.join(path, name)) {
      case .folder: folders.append(name)
      case .file: if Self.isImage(name) { images.append(name) }
      case .other, nil: break
      }
    }
    images.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    folders.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Paths of all images in a folder and the folders in it.
  static func images(under path: String, depth: Int = 0) throws(CommandError) -> [String] {
    guard depth < maximumDepth else {
      throw .input("folders nested deeper than \(maximumDepth), \(path), expected images in few levels of folders")
    }
    let folder = try Folder(path)
    var paths = folder.images.map { join(path, $0) }
    for name in folder.folders { paths += try images(under: join(path, name), depth: depth + 1) }
    return paths
  }

  static func join(_ folder: String, _ name: String) -> String {
    if name.hasPrefix("/") || folder.isEmpty { return name }
    return folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  private static func isImage(_ name: String) -> Bool {
    let lowercased = name.lowercased()
    return imageExtensions.contains { lowercased.hasSuffix($0) }
  }
}
