import Quant

/// What the files of a float model do not say, and was assumed.
struct Assumptions {
  /// Of the model itself.
  var model: [String] = []
  /// Of how images become its input.
  var preprocessing: [String] = []

  /// Nothing was assumed: an int8 model's file says everything.
  init() {}

  init(_ checkpoint: Checkpoint) {
    model = checkpoint.modelAssumptions
    preprocessing = checkpoint.assumptions
  }

  /// What matters for values that need no preprocessing.
  var withoutPreprocessing: Assumptions {
    var rest = self
    rest.preprocessing = []
    return rest
  }

  var all: [String] { model + preprocessing }
  var json: JSON { .array(all.map { .string($0) }) }

  /// Tells on standard error; nothing where nothing was assumed.
  func note(path: String, _ console: Console) {
    if !model.isEmpty {
      console.note(
        "assumed for \(path): \(model.joined(separator: ", ")); its config.json says it where \"model_args\" has the "
          + "arguments in parentheses")
    }
    if !preprocessing.isEmpty {
      console.note(
        "assumed for \(path), whose files do not say how images are prepared: "
          + "\(preprocessing.joined(separator: ", ")); a preprocessor_config.json beside the model says it")
    }
  }
}

extension DataSet {
  /// Whether an item goes through a model's preprocessing: an image, or pixels.
  var hasImages: Bool { items.contains { $0.fixedSize == nil } }
}
