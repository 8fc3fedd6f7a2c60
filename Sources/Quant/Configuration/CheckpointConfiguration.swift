import Int8Kernels
import ViTLite

/// What a checkpoint's `config.json` says, with its family's defaults: the dimensions it was trained with, and the
/// choices that decide which tensors there are and what they mean.
public struct CheckpointConfiguration: Sendable, Equatable {
  /// How timm reduces the tokens to one.
  enum Pooling: Sendable {
    case classToken
    case patchMean
  }

  var family: ModelConfiguration.Family
  /// The image size of the position embeddings.
  var imageHeight: Int
  var imageWidth: Int
  var patchSize: Int
  var channels: Int
  var width: Int
  var depth: Int
  var heads: Int
  var mlpWidth: Int
  var layerNormEpsilon: Double
  /// Whether queries, keys and values have biases; nil when the tensors decide.
  var hasQKVBias: Bool?
  /// Classes of the head; nil when the tensors decide.
  var classes: Int?
  var labels: [String]
  var registers: Int
  /// Nil when the tensors decide.
  var pooling: Pooling?

  /// Limits on dimensions, above every published model, so that products of dimensions stay within 64 bits.
  static let imageSizes = 1...65_536
  static let patchSizes = 1...4_096
  static let channelCounts = 1...1_024
  static let widths = 1...65_536
  static let depths = 1...1_024
  static let classCounts = 0...1_000_000
  static let registerCounts = 0...1_024
  static let epsilons = 1e-30...1.0
}

extension CheckpointConfiguration {
  /// Reads `config.json`.
  /// - Parameter shape: the shape of the checkpoint's tensor of a name, for what timm's configurations leave to them.
  init(_ file: ConfigurationFile, shape: (String) -> [Int]?) throws(ConfigurationError) {
    let supported = ModelConfiguration.Family.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    if let type = try file.string("model_type") {
      switch ModelConfiguration.Family(rawValue: type) {
      case .viT: self = try Self.huggingFace(file, .viT)
      case .deiT: self = try Self.huggingFace(file, .deiT)
      case .dinoV2: self = try Self.huggingFace(file, .dinoV2)
      case .dinoV2WithRegisters: self = try Self.huggingFace(file, .dinoV2WithRegisters)
      case .timmViT: self = try Self.timmWithDimensions(file)
      case .seedViT: self = try Self.seed(file)
      case nil: throw .unsupported(key: "model_type", found: "\"\(type)\"", supported: supported, path: file.path)
      }
    } else if try file.string("architecture") != nil {
      self = try Self.timmByArchitecture(file, shape: shape)
    } else {
      throw .missing(
        key: "model_type", expected: "one of \(supported), or timm's \"architecture\"", path: file.path)
    }
    try check(file)
  }

  /// What is required of every family.
  private func check(_ file: ConfigurationFile) throws(ConfigurationError) {
    guard width.isMultiple(of: heads) else {
      throw .invalid(
        key: "num_attention_heads", found: "\(heads) heads", expected: "a number that divides the width \(width)",
        path: file.path)
    }
    guard imageHeight.isMultiple(of: patchSize), imageWidth.isMultiple(of: patchSize) else {
      throw .invalid(
        key: "image_size", found: "\(imageHeight) x \(imageWidth)",
        expected: "multiples of the patch size \(patchSize)",
        path: file.path)
    }
    if let activation = try file.string("hidden_act"), activation != "gelu" {
      throw .unsupported(key: "hidden_act", found: "\"\(activation)\"", supported: "\"gelu\"", path: file.path)
    }
  }

  /// The names of classes under `id2label`, by index; empty when there are none.
  static func labels(_ file: ConfigurationFile) throws(ConfigurationError) -> [String] {
    guard let value = file["id2label"] else { return [] }
    guard let members = value.members else { throw file.invalid("id2label", value, expected: "an object") }
    var labels = [String?](repeating: nil, count: members.count)
    for member in members {
      guard let index = Int(member.key), labels.indices.contains(index), let label = member.value.string else {
        throw .invalid(
          key: "id2label", found: "\"\(member.key)\": \(member.value.kind)",
          expected: "a string for each index from 0 to \(members.count - 1)", path: file.path)
      }
      labels[index] = label
    }
    return labels.compactMap { $0 }
  }

  /// One side of a square patch.
  static func patchSize(_ file: ConfigurationFile, default standard: Int?) throws(ConfigurationError) -> Int {
    guard let size = try file.size("patch_size", in: patchSizes) else {
      return try file.int("patch_size", in: patchSizes, default: standard)
    }
    guard size.height == size.width else {
      throw .unsupported(
        key: "patch_size", found: "[\(size.height), \(size.width)]", supported: "square patches", path: file.path)
    }
    return size.height
  }
}
