import Int8Kernels
import Quant
import ViTLite

/// One image that a command was given.
enum InputItem: Sendable {
  case file(path: String)
  case standardInput
  case tensor(SampleTensors, index: Int)

  /// What results and errors call it.
  var name: String {
    switch self {
    case .file(let path): path
    case .standardInput: "-"
    case .tensor(let tensors, let index): tensors.name(of: index)
    }
  }

  /// The images of a command-line argument: an image file, a folder of them, a `.safetensors` file, or `-`.
  /// - Parameter leftOut: what else was found in a folder is added.
  static func items(of argument: String, leftOut: inout LeftOutFiles) throws(CommandError) -> [InputItem] {
    if argument == "-" { return [.standardInput] }
    switch FileKind(of: argument) {
    case nil:
      throw .input("no such file, \(argument), expected an image, a folder of images, a .safetensors file or -")
    case .folder:
      let (paths, others) = try Folder.images(under: argument)
      leftOut.merge(others)
      guard !paths.isEmpty else { throw noImages(in: argument, others) }
      return paths.map { .file(path: $0) }
    case .file where argument.lowercased().hasSuffix(".safetensors"):
      return try items(of: tensors(path: argument))
    case .file, .other:
      return [.file(path: argument)]
    }
  }

  /// The error of a folder without images, with what it has instead.
  static func noImages(in path: String, _ leftOut: LeftOutFiles) -> CommandError {
    let others = leftOut.otherFormatsText.map { " but \($0)" } ?? ""
    return .input("no images\(others), \(path), expected PNG, JPEG, WebP, PPM or PGM files in the folder")
  }

  static func items(of tensors: SampleTensors) -> [InputItem] {
    (0..<tensors.count).map { .tensor(tensors, index: $0) }
  }

  static func tensors(path: String) throws(CommandError) -> SampleTensors {
    do { return try SampleTensors(path: path) } catch { throw .input("\(error)") }
  }

  /// Height and width that this item has before any preprocessing, when that decides the size that a float model runs
  /// at: values that are normalised already cannot be resized.
  var fixedSize: (height: Int, width: Int)? {
    guard case .tensor(let tensors, _) = self, tensors.kind == .values else { return nil }
    return (tensors.height, tensors.width)
  }
}
