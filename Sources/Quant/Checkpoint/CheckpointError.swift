import Int8Kernels
import ViTLite

/// Why a float model cannot be loaded.
public enum CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
  case configuration(ConfigurationError)
  /// Something else than weights in safetensors with their `config.json`.
  case foreign(String, path: String, expected: String)
  case safetensors(SafetensorsError, path: String)
  case index(String, path: String)
  case missingTensor(name: String, path: String)
  case wrongShape(name: String, found: [Int], expected: [Int], path: String)
  /// A tensor that a plain Vision Transformer of the family does not have: the model computes something else.
  case unexpectedTensor(name: String, family: String, path: String)
  case unsupported(String, path: String)
  case limit(ModelLimitError, path: String)
  case imageSize(height: Int, width: Int, expected: String)

  public var description: String {
    switch self {
    case .configuration(let error): error.description
    case .foreign(let found, let path, let expected): "\(found), \(path), expected \(expected)"
    case .safetensors(let error, let path): "\(error), \(path)"
    case .index(let problem, let path): "\(problem), \(path)"
    case .missingTensor(let name, let path):
      "no tensor \(Quotation(name)), \(path), expected it in a model of its configuration"
    case .wrongShape(let name, let found, let expected, let path):
      "shape \(found) of tensor \(Quotation(name)), \(path), expected \(expected)"
    case .unexpectedTensor(let name, let family, let path):
      "unexpected tensor \(Quotation(name)), \(path), expected only those of a plain Vision Transformer (\(family))"
    case .unsupported(let what, let path): "\(what), \(path)"
    case .limit(let error, let path): "\(error.found), \(path), expected \(error.expected)"
    case .imageSize(let height, let width, let expected): "an image size of \(height) x \(width), expected \(expected)"
    }
  }
}
