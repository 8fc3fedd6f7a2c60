import Int8Kernels
import ViTLite

/// What a checkpoint's `config.json` says, with its family's defaults: the dimensions it was trained with, and the
/// choices that decide which tensors there are and what they mean.
struct CheckpointConfiguration: Sendable {
  /// How timm reduces the tokens to one. The raw values are its names.
  enum Pooling: String, Sendable, CaseIterable {
    case classToken = "token"
    case patchMean = "avg"
    case patchMaximum = "max"
    case patchMeanAndMaximum = "avgmax"
    case attention = "map"
  }

  var family: Family
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
  /// Nil when the tensors decide.
  var norm: NormFunction?
  /// Nil where it is GELU, or SiLU in gated MLPs.
  var activation: ActivationFunction?
  /// Whether MLPs are gated; nil when the tensors decide.
  var isGated: Bool?
  var biases: Biases
  /// Nil without rotary positions.
  var rotation: RotaryScheme?
  /// Classes of the head; nil when the tensors decide.
  var classes: Int?
  var labels: [String]
  var registers: Int
  /// Nil when the tensors decide.
  var pooling: Pooling?
  /// Whether the tokens before the patches are pooled too.
  var poolsPrefix = false
  /// What nothing says, and was assumed, for people.
  var assumptions: [String] = []

  /// Which layers have biases; nil when the tensors decide.
  struct Biases: Sendable {
    var patchEmbedding: Bool?
    var query: Bool?
    var key: Bool?
    var value: Bool?
    var projection: Bool?
    var mlp: Bool?
  }
}

extension CheckpointConfiguration {
  /// Reads `config.json`.
  /// - Parameter shape: the shape of the checkpoint's tensor of a name, for what timm's configurations leave to them.
  init(_ file: ConfigurationFile, shape: (String) -> [Int]?) throws(ConfigurationError) {
    let supported = Family.all.map { "\"\($0.name)\"" }.joined(separator: ", ")
    if let type = try file.string("model_type") {
      if let variant = RefusedFamily.variant(ofModelType: type) {
        throw .unsupported(key: "model_type", found: "\"\(type)\" (\(variant))", supported: supported, path: file.path)
      }
      guard let family = Family(named: type) else {
        throw .unsupported(key: "model_type", found: "\"\(type)\"", supported: supported, path: file.path)
      }
      try self.init(file, family, shape: shape)
    } else if try file.string("architecture") != nil {
      self = try Self.timmByArchitecture(file, shape: shape)
    } else {
      throw .missing(
        key: "model_type", expected: "one of \(supported), or timm's \"architecture\"", path: file.path)
    }
    try check(file)
  }

  /// Dimensions under transformers' keys.
  private init(
    _ outer: ConfigurationFile, _ family: Family, shape: (String) -> [Int]?
  ) throws(ConfigurationError) {
    let defaults = family.defaults
    var file = outer
    if let key = defaults.nestedKey {
      if let nested = try outer.object(key) {
        file = nested
      } else {
        file = try ConfigurationFile(json: .object([]), path: outer.path)
      }
    }
    for refusal in defaults.refusals where try file.bool(refusal.key) == refusal.value {
      throw .unsupported(
        key: refusal.key, found: refusal.variant, supported: "\(!refusal.value)", path: file.path)
    }
    try Self.checkPooler(family.tensors, file, shape: shape)
    let width = try file.int("hidden_size", in: ModelLimits.width, default: defaults.width)
    let image = try Self.imageSize(file, default: defaults.imageSide)
    let labels = try Self.labels(outer)
    let declared = try outer.int("num_labels", in: ModelLimits.classes)
    let named = labels.isEmpty ? nil : labels.count
    var isGated: Bool? = defaults.poolingKey == nil ? false : nil
    if let gate = defaults.gate { isGated = try file.bool(gate.key) ?? false }
    self.init(
      family: family, imageHeight: image.height, imageWidth: image.width,
      patchSize: try Self.patchSize(file, default: defaults.patchSize),
      channels: try file.int("num_channels", in: ModelLimits.channels, default: 3), width: width,
      depth: try file.int("num_hidden_layers", in: ModelLimits.depth, default: defaults.depth),
      heads: try file.int("num_attention_heads", in: ModelLimits.heads, default: defaults.heads),
      mlpWidth: try Self.mlpWidth(file, defaults.mlpWidth, width: width, isGated: isGated ?? false),
      layerNormEpsilon: try file.double("layer_norm_eps", in: ModelLimits.layerNormEpsilon)
        ?? defaults.layerNormEpsilon,
      activation: defaults.activation, isGated: isGated, biases: try Biases(defaults.biases, file),
      classes: defaults.labelsDecideClasses ? named ?? declared : declared ?? named, labels: labels, registers: 0)
    if let name = try file.string("hidden_act") { activation = try Self.activation(name, key: "hidden_act", file) }
    if let gate = defaults.gate?.activation, isGated == true { activation = gate }
    if let key = defaults.registers {
      registers = try file.int(key.key, in: ModelLimits.prefixTokens, default: key.count)
    }
    if let rotation = defaults.rotation {
      self.rotation = rotation.scheme
      self.rotation?.temperature =
        try file.double(rotation.temperatureKey, in: RotaryScheme.temperatures) ?? rotation.scheme.temperature
    }
    if let key = defaults.poolingKey {
      pooling = try Self.pooling(file, key: key, hasHead: Self.hasHead(family.tensors, shape: shape))
      try applyTimmArguments(file, isKnown: false, shape: shape)
    }
  }

  /// What is required of every family.
  private mutating func check(_ file: ConfigurationFile) throws(ConfigurationError) {
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
    guard rotation == nil || (width / heads).isMultiple(of: 4) else {
      throw .invalid(
        key: "num_attention_heads", found: "heads of \(width / heads) channels with rotary positions",
        expected: "a multiple of 4", path: file.path)
    }
    // No overflow: both are within their limits.
    let patchInputs = channels * patchSize * patchSize
    guard ModelLimits.layerInputs.contains(patchInputs) else {
      throw .invalid(
        key: "patch_size", found: "\(channels) channels of \(patchSize) x \(patchSize) pixels",
        expected: "at most \(ModelLimits.layerInputs.upperBound) numbers in a patch", path: file.path)
    }
    guard ModelLimits.classes.contains(classes ?? labels.count) else {
      throw .invalid(
        key: "id2label", found: "\(labels.count) names of classes",
        expected: "at most \(ModelLimits.classes.upperBound)", path: file.path)
    }
  }

  /// The pooler of transformers, where the checkpoint has one, ends with tanh.
  private static func checkPooler(
    _ names: TensorNames, _ file: ConfigurationFile, shape: (String) -> [Int]?
  ) throws(ConfigurationError) {
    guard let pooler = names.pooler, let activation = try file.string("pooler_act"), activation != "tanh",
      shape(pooler + ".weight") != nil || shape(names.prefix + pooler + ".weight") != nil
    else { return }
    throw .unsupported(key: "pooler_act", found: "\"\(activation)\"", supported: "\"tanh\"", path: file.path)
  }

  /// The names of classes under `id2label`, by index; empty when there are none.
  static func labels(_ file: ConfigurationFile) throws(ConfigurationError) -> [String] {
    guard let value = file["id2label"] else { return [] }
    guard let members = value.members else { throw file.invalid("id2label", value, expected: "an object") }
    var labels = [String?](repeating: nil, count: members.count)
    for member in members {
      guard let index = Int(member.key), labels.indices.contains(index), let label = member.value.string,
        label.utf8.count <= ModelLimits.labelBytes
      else {
        throw .invalid(
          key: "id2label", found: "\(Quotation(member.key)): \(member.value.kind)",
          expected: "a string of at most \(ModelLimits.labelBytes) bytes for each index from 0 to \(members.count - 1)",
          path: file.path)
      }
      labels[index] = label
    }
    return labels.compactMap { $0 }
  }

  /// The size of the images that the model was trained on.
  private static func imageSize(
    _ file: ConfigurationFile, default side: Int?
  ) throws(ConfigurationError) -> (height: Int, width: Int) {
    if let size = try file.size("image_size", in: ModelLimits.imageSide) { return size }
    guard let side else {
      throw .missing(key: "image_size", expected: "an integer or a pair [height, width]", path: file.path)
    }
    return (side, side)
  }

  /// One side of a square patch.
  private static func patchSize(_ file: ConfigurationFile, default standard: Int?) throws(ConfigurationError) -> Int {
    guard let size = try file.size("patch_size", in: ModelLimits.patchSize) else {
      return try file.int("patch_size", in: ModelLimits.patchSize, default: standard)
    }
    guard size.height == size.width else {
      throw .unsupported(
        key: "patch_size", found: "[\(size.height), \(size.width)]", supported: "square patches", path: file.path)
    }
    return size.height
  }

  private static func mlpWidth(
    _ file: ConfigurationFile, _ standard: ConfigurationDefaults.MLPWidth, width: Int, isGated: Bool
  ) throws(ConfigurationError) -> Int {
    let widths = ModelLimits.mlpWidth
    switch standard {
    case .width(let mlpWidth): return try file.int("intermediate_size", in: widths, default: mlpWidth)
    case .multiple(let factor):
      return try file.int("intermediate_size", in: widths, default: min(factor * width, widths.upperBound))
    case .ratio(let standard):
      let plain = Int(Double(width) * (try file.double("mlp_ratio", in: 1...64) ?? standard))
      let mlpWidth = isGated ? (Int(Double(plain) * 2 / 3) + 7) / 8 * 8 : plain
      guard widths.contains(mlpWidth) else {
        throw .invalid(
          key: "mlp_ratio", found: "an MLP of width \(mlpWidth)", expected: "a width up to \(widths.upperBound)",
          path: file.path)
      }
      return mlpWidth
    }
  }

  /// timm's `global_pool`; nil where the key is not there, or empty in a model without a head, which hands out all
  /// tokens. A head after an empty one reads each of them.
  static func pooling(
    _ file: ConfigurationFile, key: String, hasHead: Bool
  ) throws(ConfigurationError) -> Pooling? {
    guard let name = try file.string(key), !name.isEmpty || hasHead else { return nil }
    guard let pooling = Pooling(rawValue: name) else {
      let supported = Pooling.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw .unsupported(key: key, found: "\"\(name)\"", supported: supported, path: file.path)
    }
    return pooling
  }

  static func hasHead(_ names: TensorNames, shape: (String) -> [Int]?) -> Bool {
    names.heads.contains { shape($0 + ".weight") != nil }
  }

  /// The names of activations in transformers and timm.
  private static let activations: [(name: String, activation: ActivationFunction)] = [
    ("gelu", .gelu), ("gelu_python", .gelu), ("gelu_pytorch_tanh", .geluTanh), ("gelu_python_tanh", .geluTanh),
    ("gelu_tanh", .geluTanh), ("gelu_new", .geluTanh), ("gelu_fast", .geluTanh), ("gelu_accurate", .geluTanh),
    ("quick_gelu", .quickGELU), ("silu", .silu), ("swish", .silu),
  ]

  static func activation(
    _ name: String, key: String, _ file: ConfigurationFile
  ) throws(ConfigurationError) -> ActivationFunction {
    guard let activation = activations.first(where: { $0.name == name })?.activation else {
      let supported = activations.map { "\"\($0.name)\"" }.joined(separator: ", ")
      throw .unsupported(key: key, found: "\"\(name)\"", supported: supported, path: file.path)
    }
    return activation
  }
}

extension CheckpointConfiguration.Biases {
  init(_ biases: ConfigurationDefaults.Biases, _ file: ConfigurationFile) throws(ConfigurationError) {
    func isThere(_ bias: ConfigurationDefaults.Bias) throws(ConfigurationError) -> Bool? {
      switch bias {
      case .always: true
      case .never: false
      case .key(let key, let standard): try file.bool(key) ?? standard
      case .whereThereIsOne: nil
      }
    }
    patchEmbedding = try isThere(biases.patchEmbedding)
    query = try isThere(biases.query)
    key = try isThere(biases.key)
    value = try isThere(biases.value)
    projection = try isThere(biases.projection)
    mlp = try isThere(biases.mlp)
  }

  /// What the tensors of a checkpoint of timm decide.
  static let byTensors = Self()
}
