import Int8Kernels
import Quant
import ViTLite

/// The classes of a model, found by index or by name.
struct ClassNames {
  let count: Int
  /// Empty or one for each.
  let labels: [String]
  /// By the bytes of the normalized name; nil for one that two classes share.
  private let indexByName: [[UInt8]: Int?]

  init(_ configuration: ModelConfiguration) { self.init(count: configuration.classes, configuration.labels) }

  /// - Parameter path: a file with the names, one in each line; nil for those that the model has.
  init(_ configuration: ModelConfiguration, labels path: String?) throws(CommandError) {
    guard let path else {
      self.init(configuration)
      return
    }
    self.init(count: configuration.classes, try LabelList.names(path: path, configuration))
  }

  private init(count: Int, _ labels: [String]) {
    self.count = count
    self.labels = labels
    var indexByName: [[UInt8]: Int?] = [:]
    for (index, label) in labels.enumerated() {
      let name = Array(Self.normalized(label).utf8)
      indexByName[name] = indexByName[name] == nil ? .some(index) : .some(nil)
    }
    self.indexByName = indexByName
  }

  /// Letters in lower case and digits; any run of other characters is one `-`. So a folder `t_shirt-top` is the class
  /// `T-shirt/top`.
  static func normalized(_ name: String) -> String {
    let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }
    return words.joined(separator: "-")
  }

  /// The class of that name; nil when there is none, or more than one.
  func index(named name: String) -> Int? { (indexByName[Array(Self.normalized(name).utf8)] ?? nil) ?? nil }

  /// What to call a class where people read it.
  subscript(index: Int) -> String { TerminalText.escaped(Classification.label(of: index, in: labels)) }

  /// The label's text, or nil without names.
  func label(_ index: Int) -> String? { labels.indices.contains(index) ? labels[index] : nil }
}
