import Int8Kernels
import ViTLite

/// A float model as it was found on disk.
public struct Checkpoint: Sendable {
  public var model: FloatModel
  /// How images become its input; nil when neither the folder nor the family says.
  public var preprocessing: Preprocessing?

  package init(model: FloatModel, preprocessing: Preprocessing?) {
    self.model = model
    self.preprocessing = preprocessing
  }

  /// Loads a folder with `config.json` and `model.safetensors` (or `model.safetensors.index.json` and the files that it
  /// names), or a `.safetensors` file beside its `config.json`. `preprocessor_config.json` is read when it is there.
  ///
  /// - Parameter imageSize: the size to run at; position embeddings are resampled to it. Nil for the size of the
  ///   preprocessing's result, or without one that of the configuration.
  public static func load(
    path: String, imageSize: (height: Int, width: Int)? = nil
  ) throws(CheckpointError) -> Checkpoint {
    var (folder, store) = try locate(path)
    let configuration: CheckpointConfiguration
    let preprocessing: Preprocessing?
    do throws(ConfigurationError) {
      let file = try ConfigurationFile(path: folder + "config.json")
      configuration = try CheckpointConfiguration(file) { store.shape($0) }
      preprocessing = try self.preprocessing(of: configuration.family, folder: folder, file)
    } catch { throw .configuration(error) }
    let size = imageSize ?? preprocessing?.outputSize ?? (configuration.imageHeight, configuration.imageWidth)
    let model = try FloatModel(configuration, tensors: &store, imageSize: size)
    return Checkpoint(model: model, preprocessing: preprocessing)
  }

  /// The folder of a checkpoint, empty or with a slash at its end, and its tensors.
  private static func locate(_ path: String) throws(CheckpointError) -> (folder: String, TensorStore) {
    guard FileKind(of: path) == .folder else {
      let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? ""
      return (folder, try TensorStore(file: path))
    }
    let folder = path.hasSuffix("/") ? path : path + "/"
    let index = folder + "model.safetensors.index.json"
    guard FileKind(of: folder + "model.safetensors") == nil, FileKind(of: index) != nil else {
      return (folder, try TensorStore(file: folder + "model.safetensors"))
    }
    return (folder, try TensorStore(index: index, folder: folder))
  }

  /// The SHA-256 of a checkpoint's weights: of its one file, or of its files' bytes one after the other.
  package static func digest(path: String) throws(CheckpointError) -> String {
    var digest = SHA256()
    for file in try locate(path).1.paths {
      do throws(FileError) { try MappedFile(path: file).withBytes { digest.update($0) } } catch {
        throw .configuration(.file(error))
      }
    }
    return digest.text()
  }

  private static func preprocessing(
    of family: Family, folder: String, _ file: ConfigurationFile
  ) throws(ConfigurationError) -> Preprocessing? {
    let path = folder + "preprocessor_config.json"
    if FileKind(of: path) != nil {
      return try PreprocessingParser.huggingFace(ConfigurationFile(path: path), family: family)
    }
    switch family.preprocessing {
    case .nowhere: return nil
    case .processor(let processor): return processor.defaults
    case .configuration: return try PreprocessingParser.timm(file)
    }
  }
}

extension Preprocessing {
  /// The size of every prepared image; nil when it depends on the image.
  package var outputSize: (height: Int, width: Int)? {
    if let crop { return crop }
    if case .exact(let height, let width) = resize { return (height, width) }
    return nil
  }
}
