import Quant

/// What the files of a float model do not say about how images become its input, and was assumed.
enum Assumptions {
  /// Tells on standard error; nothing where nothing was assumed.
  static func note(_ assumptions: [String], path: String, _ console: Console) {
    guard !assumptions.isEmpty else { return }
    console.note(
      "assumed for \(path), whose files do not say how images are prepared: "
        + "\(assumptions.joined(separator: ", ")); a preprocessor_config.json beside the model says it")
  }

  static func json(_ assumptions: [String]) -> JSON { .array(assumptions.map { .string($0) }) }
}

extension DataSet {
  /// Whether an item goes through a model's preprocessing: an image, or pixels.
  var hasImages: Bool { items.contains { $0.fixedSize == nil } }
}
