import Int8Kernels
import ViTLite

/// Reads `preprocessor_config.json` of Hugging Face and `pretrained_cfg` of timm.
enum PreprocessingParser {
  static let imageNetMean = [0.485, 0.456, 0.406]
  static let imageNetDeviation = [0.229, 0.224, 0.225]
  private static let sizes = ModelLimits.preprocessedSide

  // MARK: Hugging Face

  /// Reads `preprocessor_config.json`. What it leaves out is as its class has it; for a class of another name, that is
  /// assumed.
  static func huggingFace(
    _ file: ConfigurationFile, family: Family
  ) throws(ConfigurationError) -> AssumedPreprocessing {
    var processor = try file.string("image_processor_type")
    if processor == nil { processor = try file.string("feature_extractor_type") }
    let defaults = ImageProcessor.named(processor, for: family).defaults
    let crops = try file.bool("do_center_crop") ?? (defaults.crop != nil)
    var resize = Preprocessing.Resize.none
    if try file.bool("do_resize") ?? true { resize = try self.resize(file, crops: crops) ?? defaults.resize }
    let normalizes = try file.bool("do_normalize") ?? true
    let factor = try file.double("rescale_factor", in: 1e-9...1e9) ?? 1.0 / 255
    let mean = try numbers(file, "image_mean") ?? defaults.mean
    let preprocessing = Preprocessing(
      resize: resize, filter: try filter(file) ?? defaults.filter, crop: crops ? try crop(file) ?? defaults.crop : nil,
      rescaleFactor: try file.bool("do_rescale") ?? true ? factor : 1,
      mean: normalizes ? mean : mean.map { _ in 0 },
      standardDeviation: normalizes
        ? try deviations(file, "image_std", count: mean.count) ?? defaults.standardDeviation : mean.map { _ in 1 })
    guard !ImageProcessor.isKnown(processor) else { return AssumedPreprocessing(preprocessing: preprocessing) }
    let resizes = preprocessing.resize != .none
    let openParts: [(part: AssumedPreprocessing.Part, isOpen: Bool)] = [
      (.resize, resizes && file["size"] == nil), (.crop, crops && file["crop_size"] == nil),
      (.interpolation, resizes && file["resample"] == nil), (.mean, normalizes && file["image_mean"] == nil),
      (.deviation, normalizes && file["image_std"] == nil),
    ]
    return AssumedPreprocessing(
      preprocessing: preprocessing, assumed: openParts.filter(\.isOpen).map(\.part))
  }

  private static func resize(
    _ file: ConfigurationFile, crops: Bool
  ) throws(ConfigurationError) -> Preprocessing.Resize? {
    guard let value = file["size"] else { return nil }
    // A bare number is what files before transformers 4.26 have: a square, or the edge of what is cropped afterwards.
    if let side = value.int, sizes.contains(side) {
      return crops ? .shortestEdge(side) : .exact(height: side, width: side)
    }
    if let edge = value["shortest_edge"]?.int, sizes.contains(edge) { return .shortestEdge(edge) }
    if let height = value["height"]?.int, let width = value["width"]?.int, sizes.contains(height), sizes.contains(width)
    {
      return .exact(height: height, width: width)
    }
    throw file.invalid(
      "size", value, expected: "{\"height\", \"width\"} or {\"shortest_edge\"} of 1 to \(sizes.upperBound) pixels")
  }

  private static func crop(_ file: ConfigurationFile) throws(ConfigurationError) -> (height: Int, width: Int)? {
    guard let value = file["crop_size"] else { return nil }
    if let side = value.int, sizes.contains(side) { return (side, side) }
    if let height = value["height"]?.int, let width = value["width"]?.int, sizes.contains(height), sizes.contains(width)
    {
      return (height, width)
    }
    throw file.invalid(
      "crop_size", value, expected: "a number of pixels or {\"height\", \"width\"}, 1 to \(sizes.upperBound)")
  }

  private static func filter(_ file: ConfigurationFile) throws(ConfigurationError) -> Preprocessing.Filter? {
    guard let value = file["resample"] else { return nil }
    guard let filter = value.int.flatMap(Preprocessing.Filter.init(rawValue:)) else {
      throw file.invalid("resample", value, expected: "a filter of Pillow, 0 to 5")
    }
    return filter
  }

  /// One number per channel.
  private static func numbers(_ file: ConfigurationFile, _ key: String) throws(ConfigurationError) -> [Double]? {
    guard let value = file[key] else { return nil }
    let numbers = value.array?.compactMap(\.double) ?? []
    guard !numbers.isEmpty, numbers.count == value.array?.count, numbers.allSatisfy({ abs($0) <= 1e6 }) else {
      throw file.invalid(key, value, expected: "a number for each channel, within ±1e6")
    }
    return numbers
  }

  private static func deviations(
    _ file: ConfigurationFile, _ key: String, count: Int
  ) throws(ConfigurationError) -> [Double]? {
    guard let deviations = try numbers(file, key) else { return nil }
    guard deviations.count == count, deviations.allSatisfy({ $0 >= 1e-6 }) else {
      throw .invalid(
        key: key, found: "\(deviations)", expected: "\(count) positive numbers, one for each mean", path: file.path)
    }
    return deviations
  }

  // MARK: timm

  /// Reads the evaluation transform of `pretrained_cfg`, or of the top level of older files, as timm's
  /// `transforms_imagenet_eval` builds it; nil when the file says nothing of it. What it leaves out is as
  /// `resolve_data_config` has it.
  static func timm(_ file: ConfigurationFile, channels: Int) throws(ConfigurationError) -> AssumedPreprocessing? {
    let source = try file.object("pretrained_cfg") ?? file
    guard let value = source["input_size"] else { return nil }
    guard let input = value.array, input.count == 3, let height = input[1].int, let width = input[2].int,
      sizes.contains(height), sizes.contains(width)
    else { throw source.invalid("input_size", value, expected: "[channels, height, width]") }
    let share = try source.double("crop_pct", in: 0.01...1) ?? 0.875
    let scaledHeight = Int((Double(height) / share).rounded(.down))
    let scaledWidth = Int((Double(width) / share).rounded(.down))
    guard sizes.contains(scaledHeight), sizes.contains(scaledWidth) else {
      throw .invalid(
        key: "crop_pct", found: "\(share), which resizes images to \(scaledHeight) x \(scaledWidth)",
        expected: "at most \(sizes.upperBound) pixels", path: file.path)
    }
    let mode = try source.string("crop_mode") ?? "center"
    let resize: Preprocessing.Resize
    switch mode {
    case "center" where scaledHeight == scaledWidth: resize = .shortestEdge(scaledHeight)
    case "center": resize = .covering(height: scaledHeight, width: scaledWidth)
    case "squash": resize = .exact(height: scaledHeight, width: scaledWidth)
    default:
      throw .unsupported(
        key: "crop_mode", found: "\"\(mode)\"", supported: "\"center\", \"squash\"", path: file.path)
    }
    let mean = try numbers(source, "mean") ?? imageNetMean
    let deviation = try deviations(source, "std", count: mean.count) ?? imageNetDeviation
    let preprocessing = Preprocessing(
      resize: resize, filter: try timmFilter(source), crop: (height, width), cropRounding: .halfToEven,
      mean: spread(mean, over: channels), standardDeviation: spread(deviation, over: channels))
    let keys: [(part: AssumedPreprocessing.Part, key: String)] = [
      (.resize, "crop_pct"), (.interpolation, "interpolation"), (.mean, "mean"), (.deviation, "std"),
    ]
    return AssumedPreprocessing(
      preprocessing: preprocessing, assumed: keys.filter { source[$0.key] == nil }.map(\.part))
  }

  /// Where numbers are those of other channels, timm takes their mean for each.
  private static func spread(_ numbers: [Double], over channels: Int) -> [Double] {
    guard numbers.count != channels else { return numbers }
    return [Double](repeating: numbers.reduce(0, +) / Double(numbers.count), count: channels)
  }

  private static func timmFilter(_ file: ConfigurationFile) throws(ConfigurationError) -> Preprocessing.Filter {
    switch try file.string("interpolation") {
    case nil, "bicubic": return .bicubic
    case "bilinear", "random": return .bilinear
    case "nearest": return .nearest
    case "lanczos": return .lanczos
    case "box": return .box
    case "hamming": return .hamming
    case .some(let name):
      throw .unsupported(
        key: "interpolation", found: "\"\(name)\"",
        supported: "\"bilinear\", \"bicubic\", \"nearest\", \"lanczos\", \"box\", \"hamming\"", path: file.path)
    }
  }
}
