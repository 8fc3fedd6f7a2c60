import Int8Kernels
import ViTLite

extension CheckpointConfiguration {
  /// `model_type` `timm-vit`: dimensions spelled with Hugging Face's keys, and timm's own choices.
  static func timmWithDimensions(_ file: ConfigurationFile) throws(ConfigurationError) -> CheckpointConfiguration {
    let width = try file.int("hidden_size", in: widths, default: nil)
    guard let image = try file.size("image_size", in: imageSizes) else {
      throw .missing(key: "image_size", expected: "an integer or a pair [height, width]", path: file.path)
    }
    let labels = try labels(file)
    return CheckpointConfiguration(
      family: .timmViT, imageHeight: image.height, imageWidth: image.width,
      patchSize: try patchSize(file, default: nil),
      channels: try file.int("num_channels", in: channelCounts, default: 3), width: width,
      depth: try file.int("num_hidden_layers", in: depths, default: nil),
      heads: try file.int("num_attention_heads", in: widths, default: nil),
      mlpWidth: try file.int("intermediate_size", in: widths, default: min(4 * width, widths.upperBound)),
      layerNormEpsilon: try file.double("layer_norm_eps", in: epsilons) ?? 1e-6,
      hasQKVBias: try file.bool("qkv_bias") ?? true,
      classes: try file.int("num_labels", in: classCounts) ?? (labels.isEmpty ? nil : labels.count), labels: labels,
      registers: try file.int("reg_tokens", in: registerCounts, default: 0), pooling: try pooling(file))
  }

  /// timm's own `config.json`: `architecture`, and `pretrained_cfg` or its keys at the top. Dimensions are those of the
  /// tensors.
  static func timmByArchitecture(
    _ file: ConfigurationFile, shape: (String) -> [Int]?
  ) throws(ConfigurationError) -> CheckpointConfiguration {
    let architecture = try file.string("architecture") ?? ""
    let pretrained = try file.object("pretrained_cfg") ?? file
    let arguments = try file.object("model_args")
    guard let patch = shape("patch_embed.proj.weight"), patch.count == 4, patch[2] == patch[3],
      widths.contains(patch[0]), channelCounts.contains(patch[1]), patchSizes.contains(patch[2])
    else {
      throw .unsupported(
        key: "architecture", found: "\"\(architecture)\" without a square convolution \"patch_embed.proj.weight\"",
        supported: "timm's VisionTransformer", path: file.path)
    }
    guard !architecture.contains("quickgelu") else {
      throw .unsupported(
        key: "architecture", found: "\"\(architecture)\" (QuickGELU)", supported: "models with GELU", path: file.path)
    }
    var depth = 0
    while depth < depths.upperBound, shape("blocks.\(depth).norm1.weight") != nil { depth += 1 }
    let registers = shape("reg_token").flatMap { $0.count == 3 ? $0[1] : nil } ?? 0
    var image = try inputSize(pretrained)
    if let size = try arguments?.size("img_size", in: imageSizes) { image = size }
    let positions = shape("pos_embed")?.dropFirst().first
    let trained = trainedSize(image, patch: patch[2], prefix: registers + 2, positions: positions)
    let labels = try labelNames(file, pretrained)
    var pooling = try pooling(file)
    if pooling == nil, let arguments { pooling = try self.pooling(arguments) }
    return CheckpointConfiguration(
      family: .timmViT, imageHeight: trained.height, imageWidth: trained.width, patchSize: patch[2], channels: patch[1],
      width: patch[0], depth: depth, heads: try heads(file, architecture, arguments, width: patch[0]),
      mlpWidth: shape("blocks.0.mlp.fc1.weight")?.first.flatMap { widths.contains($0) ? $0 : nil } ?? 4 * patch[0],
      layerNormEpsilon: try file.double("layer_norm_eps", in: epsilons) ?? 1e-6,
      hasQKVBias: nil, classes: try file.int("num_classes", in: classCounts), labels: labels, registers: registers,
      pooling: pooling)
  }

  private static func pooling(_ file: ConfigurationFile) throws(ConfigurationError) -> Pooling? {
    guard let name = try file.string("global_pool") else { return nil }
    switch name {
    case "token": return .classToken
    case "avg": return .patchMean
    case "": return nil
    default:
      throw .unsupported(key: "global_pool", found: "\"\(name)\"", supported: "\"token\", \"avg\"", path: file.path)
    }
  }

  private static func inputSize(_ file: ConfigurationFile) throws(ConfigurationError) -> (height: Int, width: Int) {
    guard let value = file["input_size"] else { return (224, 224) }
    guard let sizes = value.array, sizes.count == 3, let height = sizes[1].int, let width = sizes[2].int,
      imageSizes.contains(height), imageSizes.contains(width)
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
    while (side + 1) * (side + 1) <= positions, side < imageSizes.upperBound / patch { side += 1 }
    return (side * patch, side * patch)
  }

  private static func labelNames(
    _ file: ConfigurationFile, _ pretrained: ConfigurationFile
  ) throws(ConfigurationError) -> [String] {
    guard let names = (file["label_names"] ?? pretrained["label_names"])?.array else { return [] }
    let labels = names.compactMap(\.string)
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
    if let heads = try file.int("num_attention_heads", in: widths) { return heads }
    if let heads = try arguments?.int("num_heads", in: widths) { return heads }
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
