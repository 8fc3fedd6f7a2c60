import Quant
import ViTLite

/// Where the results of `run` go, one after the other; none is kept.
struct RunResults {
  struct Entry: Sendable {
    let inference: Inference
    /// What the model read, where it is shown.
    let sample: Sample?
  }

  private let items: [InputItem]
  /// Values or pixels of one image.
  private let inputsPerItem: Int
  private let text: ResultText
  private let file: OutputFile?
  private let picture: PreprocessedPicture?
  private var bad: BadImages
  private var good = 0
  private var clipped = 0

  init(
    items: [InputItem], inputsPerItem: Int, text: ResultText, file: OutputFile?, picture: PreprocessedPicture?
  ) {
    self.items = items
    self.inputsPerItem = inputsPerItem
    self.text = text
    self.file = file
    self.picture = picture
    bad = BadImages(total: items.count)
  }

  /// Takes the result of an item, or what is wrong with it.
  /// - Returns: whether anybody wants more.
  mutating func add(_ result: Result<Entry, CommandError>, of index: Int) throws(CommandError) -> Bool {
    switch result {
    case .failure(let error):
      bad.add(error)
      return true
    case .success(let entry):
      let inference = entry.inference
      good += 1
      clipped += inference.clippedInputs
      try file?.add(inference)
      if let sample = entry.sample { try picture?.add(sample, name: items[index].name) }
      let isRead = try text.console.print(text.render(inference, name: items[index].name))
      return isRead || file != nil || picture != nil
    }
  }

  /// - Parameter source: what was run, for warnings.
  func finish(source: String) throws(CommandError) {
    try bad.finish()
    if clipped > 0 { ClippedInputs.warn(share: Double(clipped) / Double(good * inputsPerItem), of: source) }
    try file?.commit()
    try picture?.commit()
  }
}
