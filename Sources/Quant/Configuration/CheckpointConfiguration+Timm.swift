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
    let (arguments, isKnown) = try arguments(of: architecture, file)
    let family = try arguments.string("class") == "Eva" ? Family.timmEva : .timmViT
    let names = family.tensors
    guard let patch = shape(names.patchEmbedding + ".weight"), patch.count == 4, patch[2] == patch[3],
      ModelLimits.width.contains(patch[0]), ModelLimits.channels.contains(patch[1]),
      ModelLimits.patchSize.contains(patch[2])
    else {
      throw .unsupported(
        key: "architecture",
        found: "\"\(architecture)\" without a square convolution \"\(names.patchEmbedding).weight\"",
        supported: "timm's VisionTransformer and Eva", path: file.path)
    }
    var depth = 0
    while depth < ModelLimits.depth.upperBound, shape(names.block(depth).norm1 + ".weight") != nil { depth += 1 }
    let registers = try extent(1, of: names.registers, in: ModelLimits.prefixTokens, shape, file) ?? 0
    var image = try inputSize(pretrained)
    if let size = try arguments.size("img_size", in: ModelLimits.imageSide) { image = size }
    let positions = shape(names.positions?.name ?? "")?.dropFirst().first
    let trained = trainedSize(image, patch: patch[2], prefix: registers + 2, positions: positions)
    let hasHead = hasHead(names, shape: shape)
    var pooling = try pooling(file, key: "global_pool", hasHead: hasHead)
    if pooling == nil { pooling = try self.pooling(arguments, key: "global_pool", hasHead: hasHead) }
    let headWidth = shape((names.block(0).queryNorm ?? "") + ".weight")
    var epsilon = try file.double("layer_norm_eps", in: ModelLimits.layerNormEpsilon)
    if epsilon == nil { epsilon = try arguments.double("norm_eps", in: ModelLimits.layerNormEpsilon) }
    var configuration = CheckpointConfiguration(
      family: family, imageHeight: trained.height, imageWidth: trained.width, patchSize: patch[2], channels: patch[1],
      width: patch[0], depth: depth,
      heads: try heads(file, architecture, arguments, headWidth: headWidth, width: patch[0]),
      mlpWidth: 4 * patch[0],
      layerNormEpsilon: epsilon ?? family.defaults.layerNormEpsilon,
      activation: family.defaults.activation, biases: .byTensors,
      classes: try file.int("num_classes", in: ModelLimits.classes),
      labels: try labelNames(file, pretrained), registers: registers, pooling: pooling)
    try configuration.applyTimmArguments(arguments, isKnown: isKnown, shape: shape)
    if !isKnown {
      configuration.assumptions = assumptions(
        for: architecture, arguments, family, epsilon: epsilon, pooling: pooling, shape: shape)
    }
    return configuration
  }

  /// What is taken from the family for an architecture that timm does not have, with the argument that would say it.
  ///
  /// - Parameters:
  ///   - epsilon: that the file gives.
  ///   - pooling: that the file gives.
  private static func assumptions(
    for architecture: String, _ arguments: ConfigurationFile, _ family: Family, epsilon: Double?, pooling: Pooling?,
    shape: (String) -> [Int]?
  ) -> [String] {
    var assumed = ["timm's VisionTransformer for the unknown architecture \"\(architecture)\""]
    if arguments["act_layer"] == nil, arguments["hidden_act"] == nil { assumed.append("activation GELU (act_layer)") }
    if epsilon == nil { assumed.append("norm epsilon \(family.defaults.layerNormEpsilon) (norm_eps)") }
    // Without a class token, and where a norm follows the pooling, the tensors leave no choice.
    let names = family.tensors
    let isOpen = shape(names.classToken.name) != nil && names.pooledNorm.map { shape($0 + ".weight") == nil } ?? true
    if pooling == nil, isOpen { assumed.append("pooling by the class token (global_pool)") }
    return assumed
  }

  /// The arguments of an architecture by its name, those under `model_args` before them, and whether the name is known.
  private static func arguments(
    of architecture: String, _ file: ConfigurationFile
  ) throws(ConfigurationError) -> (ConfigurationFile, isKnown: Bool) {
    let known = TimmArchitectures.arguments(of: architecture)
    if known == nil, let variant = RefusedFamily.variant(ofArchitecture: architecture) {
      throw .unsupported(
        key: "architecture", found: "\"\(architecture)\" (\(variant))", supported: "timm's VisionTransformer and Eva",
        path: file.path)
    }
    // The first of two members of one name is found.
    let given = try file.object("model_args")?.json.members ?? []
    return (try ConfigurationFile(json: .object(given + (known ?? [])), path: file.path), known != nil)
  }

  /// What timm's arguments say beside dimensions.
  ///
  /// - Parameter isKnown: whether they include those of an architecture that is known.
  mutating func applyTimmArguments(
    _ arguments: ConfigurationFile, isKnown: Bool, shape: (String) -> [Int]?
  ) throws(ConfigurationError) {
    for refusal in Self.timmRefusals {
      guard let value = arguments[refusal.key], value != .bool(false), value != .string("") else { continue }
      throw .unsupported(
        key: refusal.key, found: "\(value.string ?? value.serialized()) (\(refusal.variant))",
        supported: "models without it", path: arguments.path)
    }
    for key in ["act_layer", "hidden_act"] {
      if let name = try arguments.string(key) { activation = try Self.activation(name, key: key, arguments) }
    }
    switch try arguments.string("norm_layer")?.lowercased() {
    case nil: norm = isKnown || family.name == Family.timmEva.name ? .layerNorm : nil
    case "layernorm": norm = .layerNorm
    case "rmsnorm": norm = .rms
    case .some(let name):
      throw .unsupported(
        key: "norm_layer", found: "\"\(name)\"", supported: "\"layernorm\", \"rmsnorm\"", path: arguments.path)
    }
    poolsPrefix =
      try arguments.bool("pool_include_prefix") ?? (family.name == Family.timmEva.name && pooling == .attention)
    if let poolHeads = try arguments.int("attn_pool_num_heads", in: ModelLimits.heads), pooling == .attention,
      poolHeads != heads
    {
      throw .unsupported(
        key: "attn_pool_num_heads", found: "\(poolHeads) heads", supported: "\(heads), as many as the blocks have",
        path: arguments.path)
    }
    let down = family.tensors.block(0).mlp[0].down + ".weight"
    if arguments["intermediate_size"] == nil,
      let found = try Self.extent(1, of: down, in: ModelLimits.mlpWidth, shape, arguments)
    {
      mlpWidth = found
    }
    if try arguments.bool("use_rot_pos_emb") ?? false { rotation = try Self.rotation(arguments) }
  }

  /// Arguments that stand for variants which this package does not run.
  private static let timmRefusals = [
    (key: "block_fn", variant: "another kind of block"), (key: "attn_layer", variant: "another kind of attention"),
    (key: "embed_norm_layer", variant: "a norm within the patch embedding"),
    (key: "use_post_norm", variant: "norms after attention and MLP"),
    (key: "num_kv_heads", variant: "keys and values that heads share"), (key: "gated", variant: "gated attention"),
  ]

  private static func rotation(_ arguments: ConfigurationFile) throws(ConfigurationError) -> RotaryScheme {
    let offset = try arguments.double("rope_grid_offset", in: -1e6...1e6) ?? 0
    let type = try arguments.string("rope_type") ?? "cat"
    let coordinates: RotaryScheme.Coordinates
    switch type {
    case "dinov3" where offset == 0: coordinates = .centered
    case "cat":
      let reference = try arguments.size("ref_feat_shape", in: 1...ModelLimits.imageSide.upperBound)
      coordinates = .index(
        offset: offset, reference: reference.map { .init(height: $0.height, width: $0.width) })
    default:
      throw .unsupported(
        key: "rope_type", found: "\"\(type)\" with an offset of \(offset)",
        supported: "\"cat\", \"dinov3\" without an offset", path: arguments.path)
    }
    return RotaryScheme(
      coordinates: coordinates,
      temperature: try arguments.double("rope_temperature", in: RotaryScheme.temperatures) ?? 10_000,
      pairsNeighbours: !(try arguments.bool("rope_rotate_half") ?? false),
      columnsFirst: try arguments.string("rope_grid_indexing") == "xy")
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

  /// The number of heads, which a norm of each head's queries tells too.
  private static func heads(
    _ file: ConfigurationFile, _ architecture: String, _ arguments: ConfigurationFile, headWidth: [Int]?, width: Int
  ) throws(ConfigurationError) -> Int {
    if let heads = try file.int("num_attention_heads", in: ModelLimits.heads) { return heads }
    if let heads = try arguments.int("num_heads", in: ModelLimits.heads) { return heads }
    if let headWidth = headWidth?.first, headWidth > 0, width.isMultiple(of: headWidth) { return width / headWidth }
    throw .missing(
      key: "num_attention_heads",
      expected: "the number of heads, for \"\(architecture)\" is not among the architectures of timm 1.0.31",
      path: file.path)
  }
}
