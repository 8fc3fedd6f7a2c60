import Int8Kernels
import ViTLite

/// A float model as it was found on disk.
public struct Checkpoint: Sendable {
  public var model: FloatModel
  /// How images become its input; nil when neither the folder nor the family says.
  public var preprocessing: Preprocessing?
  /// What no file of the model says about the preprocessing, and was assumed, for people: `mean 0.5 0.5 0.5`.
  public var assumptions: [String]
  /// What no file says about the model itself, and was assumed, for people: `activation GELU (act_layer)`. Empty but for
  /// architectures that timm's tables do not have.
  public var modelAssumptions: [String]

  package init(
    model: FloatModel, preprocessing: Preprocessing?, assumptions: [String] = [], modelAssumptions: [String] = []
  ) {
    self.model = model
    self.preprocessing = preprocessing
    self.assumptions = assumptions
    self.modelAssumptions = modelAssumptions
  }

  /// Loads a folder with `config.json` and `model.safetensors` (or `model.safetensors.index.json` and the files that it
  /// names), or a `.safetensors` file beside its `config.json`. `preprocessor_config.json` is read when it is there; without
  /// it images are prepared as the family's image processor does, to the size of the configuration.
  ///
  /// - Parameter imageSize: the size to run at; position embeddings are resampled to it. Nil for the size of the
  ///   preprocessing's result, or without one that of the configuration.
  public static func load(
    path: String, imageSize: (height: Int, width: Int)? = nil
  ) throws(CheckpointError) -> Checkpoint {
    let place = try CheckpointFolder(path: path)
    var store = try TensorStore(place)
    let configurationPath = try place.configuration()
    let configuration: CheckpointConfiguration
    let found: AssumedPreprocessing?
    do throws(ConfigurationError) {
      let file = try ConfigurationFile(path: configurationPath)
      configuration = try CheckpointConfiguration(file) { store.shape($0) }
      let size = imageSize ?? (configuration.imageHeight, configuration.imageWidth)
      found = try preprocessing(of: configuration, folder: place.folder, file, size: size)
    } catch { throw .configuration(error) }
    let preprocessing = found?.preprocessing
    // timm may write a size of preprocessing that a model of other patches was not made for.
    let prepared = preprocessing?.outputSize.flatMap { configuration.isWhole($0) ? $0 : nil }
    let size = imageSize ?? prepared ?? (configuration.imageHeight, configuration.imageWidth)
    let model = try FloatModel(configuration, tensors: &store, imageSize: size)
    return Checkpoint(
      model: model, preprocessing: preprocessing, assumptions: found?.assumptions ?? [],
      modelAssumptions: configuration.assumptions)
  }

  /// The SHA-256 of a checkpoint's weights: of its one file, or of its files' bytes one after the other.
  package static func digest(path: String) throws(CheckpointError) -> String {
    var digest = SHA256()
    for file in try TensorStore(CheckpointFolder(path: path)).paths {
      do throws(FileError) { try MappedFile(path: file).withBytes { digest.update($0) } } catch {
        throw .configuration(.file(error))
      }
    }
    return digest.text()
  }

  /// - Parameter size: of the model's input, for what no file says.
  private static func preprocessing(
    of configuration: CheckpointConfiguration, folder: String, _ file: ConfigurationFile,
    size: (height: Int, width: Int)
  ) throws(ConfigurationError) -> AssumedPreprocessing? {
    let (family, channels) = (configuration.family, configuration.channels)
    let path = folder + "preprocessor_config.json"
    if FileKind(of: path) != nil {
      var found = try PreprocessingParser.huggingFace(ConfigurationFile(path: path), family: family)
      guard let fitted = found.preprocessing.spread(over: channels) else {
        throw .invalid(
          key: "image_mean", found: "\(found.preprocessing.mean.count) numbers",
          expected: "one for each channel, \(channels)", path: path)
      }
      found.preprocessing = fitted
      return found
    }
    switch family.preprocessing {
    case .nowhere: return nil
    case .processor(let processor):
      guard let preprocessing = processor.defaults(height: size.height, width: size.width).spread(over: channels) else {
        return nil
      }
      return AssumedPreprocessing(preprocessing: preprocessing, assumed: AssumedPreprocessing.Part.allCases)
    case .configuration: return try PreprocessingParser.timm(file, channels: channels)
    }
  }
}

extension CheckpointConfiguration {
  /// Whether an image of this size is of whole patches.
  fileprivate func isWhole(_ size: (height: Int, width: Int)) -> Bool {
    size.height.isMultiple(of: patchSize) && size.width.isMultiple(of: patchSize)
  }
}

extension Preprocessing {
  /// With numbers for so many channels, where those of other channels are all the same; nil where they are not.
  fileprivate func spread(over channels: Int) -> Preprocessing? {
    guard mean.count != channels else { return self }
    guard let level = mean.first, let deviation = standardDeviation.first, mean.allSatisfy({ $0 == level }),
      standardDeviation.allSatisfy({ $0 == deviation })
    else { return nil }
    var fitted = self
    fitted.mean = [Double](repeating: level, count: channels)
    fitted.standardDeviation = [Double](repeating: deviation, count: channels)
    return fitted
  }

  /// The size of every prepared image; nil when it depends on the image.
  package var outputSize: (height: Int, width: Int)? {
    if let crop { return crop }
    if case .exact(let height, let width) = resize { return (height, width) }
    return nil
  }
}
