import Int8Kernels
import LibC
import Quant
import ViTImages
import ViTLite

/// Turns inputs into what a model takes.
struct SampleReader: Sendable {
  private let configuration: ModelConfiguration
  private let preprocessing: Preprocessing?
  private let maximumPixels: Int

  init(_ configuration: ModelConfiguration, preprocessing: Preprocessing?, maximumPixels: Int?) {
    self.configuration = configuration
    self.preprocessing = preprocessing
    self.maximumPixels = maximumPixels ?? ImageSize.defaultMaximumPixels
  }

  var channels: Int { configuration.channels }
  var height: Int { configuration.imageHeight }
  var width: Int { configuration.imageWidth }

  /// A set for samples of one kind.
  func emptySet(like sample: Sample, labelled: Bool) -> SampleSet {
    let kind: SampleSet.Kind = if case .pixels = sample { .pixels } else { .values }
    return SampleSet(channels: channels, height: height, width: width, kind: kind, labelled: labelled)
  }

  /// Reads one input as channels x height x width of the model.
  ///
  /// Images of files go through the model's preprocessing. Pixels of a tensor do so unless they have the model's size
  /// already; normalised values must have it.
  func read(_ item: InputItem) throws(CommandError) -> Sample {
    switch item {
    case .file(let path):
      return try prepare(item) { () throws(ImageError) in
        try Image(path: path, maximumPixels: maximumPixels)
      }
    case .standardInput:
      return try prepare(item) { () throws(ImageError) in
        try Image(decoding: ImageFile.bytes(descriptor: STDIN_FILENO), maximumPixels: maximumPixels)
      }
    case .tensor(let tensors, let index): return try read(item, tensors, index)
    }
  }

  private func read(_ item: InputItem, _ tensors: SampleTensors, _ index: Int) throws(CommandError) -> Sample {
    let name = tensors.name(of: index)
    guard tensors.channels == channels else {
      throw .input(
        "\(tensors.channels) channel\(tensors.channels == 1 ? "" : "s"), \(tensors.path), "
          + "expected \(channels) as the model has")
    }
    let sample: Sample
    do { sample = try tensors.sample(index) } catch { throw .input("\(error)") }
    let hasModelSize = tensors.height == height && tensors.width == width
    switch sample {
    case .values:
      guard hasModelSize else {
        throw .input(
          "an image of \(tensors.height) x \(tensors.width), \(tensors.path), expected \(height) x \(width)")
      }
      return sample
    case .pixels(let pixels):
      _ = try checkedPreprocessing(name: name)
      if hasModelSize { return sample }
      return try prepare(item) { () throws(ImageError) in
        let size = try ImageSize(width: tensors.width, height: tensors.height, maximumPixels: maximumPixels)
        return try Image(size: size, channels: channels, planes: pixels)
      }
    }
  }

  private func prepare(_ item: InputItem, image: () throws(ImageError) -> Image) throws(CommandError) -> Sample {
    let name = if case .standardInput = item { "standard input" } else { item.name }
    let preprocessing = try checkedPreprocessing(name: name)
    do throws(ImageError) {
      return .pixels(try preprocessing.pixels(of: image(), for: configuration, maximumPixels: maximumPixels))
    } catch {
      let message = error.message(file: name, format: Self.format(of: item, error))
      if case .pixels = error { throw .input("\(message) (--max-pixels)") }
      throw .input(message)
    }
  }

  /// What a file of an unknown format is; nil where nothing knows it, or where the error is another.
  private static func format(of item: InputItem, _ error: ImageError) -> String? {
    guard case .unknownFormat(let firstBytes) = error else { return nil }
    if case .file(let path) = item { return FileFormat(path: path)?.name }
    return FileFormat(firstBytes: firstBytes, path: "")?.name
  }

  /// - Throws: `input` where the model says too little of how an image is prepared.
  func checkedPreprocessing(name: String) throws(CommandError) -> Preprocessing {
    guard let preprocessing else {
      throw .input(
        "the model does not say how pixels are normalised, \(name), "
          + "expected a preprocessor_config.json beside the model, or a .safetensors with pixel_values")
    }
    guard preprocessing.mean.count == channels, preprocessing.standardDeviation.count == channels else {
      throw .input(
        "\(preprocessing.mean.count) means and \(preprocessing.standardDeviation.count) deviations in the model's "
          + "preprocessing, \(name), expected \(channels) of each, one for each channel")
    }
    return preprocessing
  }
}
