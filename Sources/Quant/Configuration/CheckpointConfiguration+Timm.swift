import Int8Kernels
import ViTLite

extension CheckpointConfiguration {
  /// timm's own `config.json`: `architecture`, and `pretrained_cfg` or its keys at the top. Dimensions are those of the
  /// tensors.
  static func timmByArchitecture(
    _ file: ConfigurationFile, shape: (String) -> [Int]?
  ) throws(ConfigurationError) -> CheckpointConfiguration {
    let architecture = try file.string("architecture") ?? ""
    let pretrained = try file.object("pretrained_cfg") ?? file
    let arguments = try file.object("model_args")
    let family = Family.timmViT
    let names = family.tensors
    guard let patch = shape(names.patchEmbedding + ".weight"), patch.count == 4, patch[2] == patch[3],
      ModelLimits.width.contains(patch[0]), ModelLimits.channels.contains(patch[1]),
      ModelLimits.patchSize.contains(patch[2])
    else {
      throw .unsupported(
        key: "architecture",
        found: "\"\(architecture)\" without a square convolution \"\(names.patchEmbedding).weight\"",
        supported: "timm's VisionTransformer", path: file.path)
    }
    guard !architecture.contains("quickgelu") else {
      throw .unsupported(
        key: "architecture", found: "\"\(architecture)\" (QuickGELU)", supported: "models with GELU", path: file.path)
    }
    var depth = 0
    while depth < ModelLimits.depth.upperBound, shape(names.block(depth).norm1 + ".weight") != nil { depth += 1 }
    let registers = try extent(1, of: names.registers, in: ModelLimits.prefixTokens, shape, file) ?? 0
    let hidden = names.block(0).fc1 + ".weight"
    let mlpWidth = try extent(0, of: hidden, in: ModelLimits.mlpWidth, shape, file) ?? 4 * patch[0]
    var image = try inputSize(pretrained)
    if let size = try arguments?.size("img_size", in: ModelLimits.imageSide) { image = size }
    let positions = shape(names.positions.name)?.dropFirst().first
    let trained = trainedSize(image, patch: patch[2], prefix: registers + 2, positions: positions)
    let labels = try labelNames(file, pretrained)
    var pooling = try pooling(file, key: "global_pool")
    if pooling == nil, let arguments { pooling = try self.pooling(arguments, key: "global_pool") }
    return CheckpointConfiguration(
      family: family, imageHeight: trained.height, imageWidth: trained.width, patchSize: patch[2], channels: patch[1],
      width: patch[0], depth: depth, heads: try heads(file, architecture, arguments, width: patch[0]),
      mlpWidth: mlpWidth,
      layerNormEpsilon: try file.double("layer_norm_eps", in: ModelLimits.layerNormEpsilon)
        ?? family.defaults.layerNormEpsilon,
      hasQKVBias: nil, classes: try file.int("num_classes", in: ModelLimits.classes), labels: labels,
      registers: registers, pooling: pooling)
  }

  /// One extent of a tensor's shape, which decides a dimension; nil where there is no such tensor.
  private static func extent(
    _ axis: Int, of name: String?, in range: ClosedRange<Int>, _ shape: (String) -> [Int]?, _ file: ConfigurationFile
  ) throws(ConfigurationError) -> Int? {
    guard let name, let found = shape(name), found.indices.contains(axis) else { return nil }
    guard range.contains(found[axis]) else {
      throw .unsupported(
        key: "architecture", found: "shape \(found) of tensor \"\(name)\"",
        supported: "\(range.lowerBound) to \(range.upperBound) in place of \(found[axis])", path: file.path)
    }
    return found[axis]
  }

  private static func inputSize(_ file: ConfigurationFile) throws(ConfigurationError) -> (height: Int, width: Int) {
    guard let value = file["input_size"] else { return (224, 224) }
    guard let sizes = value.array, sizes.count == 3, let height = sizes[1].int, let width = sizes[2].int,
      ModelLimits.imageSide.contains(height), ModelLimits.imageSide.contains(width)
    else { throw file.invalid("input_size", value, expected: "[channels, height, width]") }
    return (height, width)
  }

  /// The image size that the number of positions stands for: the configured one where it fits with up to `prefix`
  /// tokens before the patches, else a square one.
  private static func trainedSize(
    _ size: (height: Int, width: Int), patch: Int, prefix: Int, positions: Int?
  ) -> (height: Int, width: Int) {
    guard let positions else { return size }
    let patches = (size.height / patch) * (size.width / patch)
    if (patches...patches + prefix).contains(positions) { return size }
    var side = 1
    while (side + 1) * (side + 1) <= positions, side < ModelLimits.imageSide.upperBound / patch { side += 1 }
    return (side * patch, side * patch)
  }

  private static func labelNames(
    _ file: ConfigurationFile, _ pretrained: ConfigurationFile
  ) throws(ConfigurationError) -> [String] {
    guard let names = (file["label_names"] ?? pretrained["label_names"])?.array else { return [] }
    let labels = names.compactMap(\.string)
    guard labels.allSatisfy({ $0.utf8.count <= ModelLimits.labelBytes }) else {
      throw .invalid(
        key: "label_names", found: "a longer name", expected: "at most \(ModelLimits.labelBytes) bytes", path: file.path
      )
    }
    return labels.count == names.count ? labels : []
  }

  /// Heads of the sizes in timm's `vision_transformer.py`, `deit.py` and `flexivit`; the key is the word in the
  /// architecture's name.
  private static let headsBySize = [
    "tiny": 3, "wee": 4, "pwee": 4, "dwee": 4, "dpwee": 4, "little": 5, "dlittle": 5, "small": 6, "medium": 8,
    "mediumd": 8, "betwixt": 10, "base": 12, "large": 16, "huge": 16, "giant": 16, "giantopt": 16, "gigantic": 16,
    "so400m": 16, "so150m": 14, "so150m2": 13, "intern300m": 16,
  ]

  private static func heads(
    _ file: ConfigurationFile, _ architecture: String, _ arguments: ConfigurationFile?, width: Int
  ) throws(ConfigurationError) -> Int {
    if let heads = try file.int("num_attention_heads", in: ModelLimits.heads) { return heads }
    if let heads = try arguments?.int("num_heads", in: ModelLimits.heads) { return heads }
    let words = architecture.split(separator: ".").first?.split(separator: "_") ?? []
    if let heads = words.lazy.compactMap({ headsBySize[String($0)] }).first { return heads }
    guard width.isMultiple(of: 64) else {
      throw .missing(
        key: "num_attention_heads",
        expected:
          "the number of heads, which \"\(architecture)\" does not tell (its width \(width) is no multiple of 64)",
        path: file.path)
    }
    return width / 64
  }
}
