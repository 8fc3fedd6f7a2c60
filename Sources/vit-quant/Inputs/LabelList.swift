import Int8Kernels
import Quant
import ViTLite

/// The names of a model's classes from a text file, one in a line, in the order of the logits.
enum LabelList {
  /// The largest file to read; lists of the most classes are smaller.
  private static let maximumBytes = 1 << 26

  /// - Throws: `input` unless the file has a name for each class; `usage` for a model without classes.
  static func names(path: String, _ configuration: ModelConfiguration) throws(CommandError) -> [String] {
    let classes = configuration.classes
    guard classes > 0 else {
      throw .usage("--labels with a model that has no classes, expected a model with a head")
    }
    let bytes: [UInt8]
    do { bytes = try MappedFile.contents(of: path, limit: maximumBytes) } catch { throw .input("\(error)") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .input("text that is not UTF-8, \(path), expected the name of one class in each line")
    }
    var names = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
    if names.last?.isEmpty == true { names.removeLast() }
    guard names.count == classes else {
      throw .input(
        "\(names.count) line\(names.count == 1 ? "" : "s"), \(path), expected \(classes), one for each class of the model"
      )
    }
    if let empty = names.firstIndex(where: \.isEmpty) {
      throw .input("an empty line, line \(empty + 1) of \(path), expected the name of a class")
    }
    return names
  }
}
