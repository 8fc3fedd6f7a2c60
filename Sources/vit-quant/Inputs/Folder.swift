import Int8Kernels
import LibC
import Quant
import ViTLite

/// What is in a folder, in natural order.
struct Folder {
  /// Levels of folders that are read: more than data sets have, and an end for symbolic links that form a circle.
  private static let maximumDepth = 16
  private static let imageExtensions = [".png", ".jpg", ".jpeg", ".webp", ".ppm", ".pgm", ".pnm"]

  let path: String
  /// Names of image files, by extension.
  private(set) var images: [String] = []
  private(set) var folders: [String] = []
  /// All else but `labels.csv`.
  private(set) var leftOut = LeftOutFiles()

  init(_ path: String) throws(CommandError) {
    self.path = path
    guard let entries = FolderNames.bytes(in: path) else {
      throw .input("cannot open the folder: \(systemErrorText(errno)), \(path), expected a readable folder")
    }
    for bytes in entries where bytes != [UInt8(ascii: ".")] && bytes != Array("..".utf8) {
      guard bytes.first != UInt8(ascii: ".") else {
        leftOut.addHidden()
        continue
      }
      guard let name = String(validating: bytes, as: UTF8.self) else {
        leftOut.addUndecodableName(Self.join(path, Self.escaped(bytes)))
        continue
      }
      switch FileKind(of: Self.join(path, name)) {
      case .folder: folders.append(name)
      case .file where Self.isImage(name): images.append(name)
      case .file: if name != Self.labelFile { leftOut.addOtherFormat(name) }
      case .other: leftOut.addSpecialFile(Self.join(path, name))
      case nil: leftOut.addBrokenLink(Self.join(path, name))
      }
    }
    images.sort(by: NaturalOrder.areInOrder)
    folders.sort(by: NaturalOrder.areInOrder)
  }

  /// The file that has the labels of a folder's images.
  static let labelFile = "labels.csv"

  /// A name that is not UTF-8, with `\xE9` for each byte that is not ASCII.
  private static func escaped(_ name: [UInt8]) -> String {
    name.map { byte in
      byte < 0x80
        ? String(Unicode.Scalar(byte)) : "\\x\(String(byte, radix: 16, uppercase: true))"
    }.joined()
  }

  /// Paths of all images in a folder and the folders in it.
  static func images(
    under path: String, depth: Int = 0
  ) throws(CommandError) -> (paths: [String], leftOut: LeftOutFiles) {
    guard depth < maximumDepth else {
      throw .input("folders nested deeper than \(maximumDepth), \(path), expected images in few levels of folders")
    }
    let folder = try Folder(path)
    var (paths, leftOut) = (folder.images.map { join(path, $0) }, folder.leftOut)
    for name in folder.folders {
      let inner = try images(under: join(path, name), depth: depth + 1)
      paths += inner.paths
      leftOut.merge(inner.leftOut)
    }
    return (paths, leftOut)
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
