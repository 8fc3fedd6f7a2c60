import Int8Kernels
import Quant
import ViTLite

/// Turns inputs into what a model takes.
struct SampleReader: Sendable {
  let channels: Int
  let height: Int
  let width: Int
  let preprocessing: Preprocessing?
  let maximumPixels: Int

  init(_ configuration: ModelConfiguration, preprocessing: Preprocessing?, maximumPixels: Int?) {
    channels = configuration.channels
    height = configuration.imageHeight
    width = configuration.imageWidth
    self.preprocessing = preprocessing
    self.maximumPixels = maximumPixels ?? ImageSize.defaultMaximumPixels
  }

  /// Reads one input as channels x height x width of the model.
  ///
  /// Images of files go through the model's preprocessing. Pixels of a tensor do so unless they have the model's size
  /// already; normalised values must have it.
  func read(_ item: InputItem) throws(CommandError) -> Sample {
    switch item {
    case .file(let path): return try prepare(decode(path: path, name: path), name: path)
    case .standardInput: return try prepare(decode(path: "-", name: "standard input"), name: "standard input")
    case .tensor(let tensors, let index): return try read(tensors, index)
    }
  }

  private func read(_ tensors: SampleTensors, _ index: Int) throws(CommandError) -> Sample {
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
      let image: Image
      do throws(ImageError) {
        let size = try ImageSize(width: tensors.width, height: tensors.height, maximumPixels: maximumPixels)
        image = try Image(size: size, channels: channels, planes: pixels)
      } catch { throw .input(error.message(file: name)) }
      return try prepare(image, name: name)
    }
  }

  private func decode(path: String, name: String) throws(CommandError) -> Image {
    do throws(ImageError) {
      return try Image.load(path: path, maximumPixels: maximumPixels)
    } catch { throw .input(error.message(file: name)) }
  }

  private func prepare(_ image: Image, name: String) throws(CommandError) -> Sample {
    let preprocessing = try checkedPreprocessing(name: name)
    let planes: PixelPlanes
    do { planes = try preprocessing.prepare(image, channels: channels, maximumPixels: maximumPixels) } catch {
      throw .input(error.message(file: name))
    }
    guard planes.size.height == height, planes.size.width == width else {
      throw .input(
        "\(planes.size.height) x \(planes.size.width) pixels after preprocessing, \(name), "
          + "expected \(height) x \(width) as the model has")
    }
    return .pixels(planes.samples)
  }

  private func checkedPreprocessing(name: String) throws(CommandError) -> Preprocessing {
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
