import Quant

/// Images that cannot be read, with `--skip-bad`: named as they come, counted at the end.
struct BadImages {
  /// All images, good ones too.
  let total: Int
  private(set) var count = 0

  init(total: Int) { self.total = total }

  mutating func add(_ error: CommandError) {
    Console.warn("left out: \(error.message)")
    count += 1
  }

  /// Says how many there were.
  /// - Throws: when no image is left.
  func finish() throws(CommandError) {
    guard count > 0 else { return }
    guard count < total else {
      throw .input(
        "no image that can be read, all \(NumberText.grouped(total)) are bad, expected PNG, JPEG, WebP, PPM or PGM files"
      )
    }
    Console.warn(
      "left out \(NumberText.grouped(count)) of \(NumberText.grouped(total)) images, which cannot be read")
  }

  /// What ends a command that does not skip: the error with its place among the images.
  static func located(_ error: CommandError, _ item: InputItem, index: Int, of total: Int) -> CommandError {
    guard case .file = item, case .input(let message) = error, total > 1 else { return error }
    return .input(
      "\(message) (image \(NumberText.grouped(index + 1)) of \(NumberText.grouped(total)); --skip-bad goes on without)")
  }
}

extension SampleReader {
  /// Reads one of several inputs.
  ///
  /// - Returns: what is wrong with it, when that is not to end the command.
  func read(
    _ items: [InputItem], _ index: Int, skippingBad: Bool
  ) throws(CommandError) -> Result<Sample, CommandError> {
    // What the model lacks is the fault of no image.
    if case .file(let path) = items[index] { _ = try checkedPreprocessing(name: path) }
    do throws(CommandError) { return .success(try read(items[index])) } catch {
      if skippingBad, case .input = error { return .failure(error) }
      throw BadImages.located(error, items[index], index: index, of: items.count)
    }
  }
}
