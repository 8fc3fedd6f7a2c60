import Int8Kernels
import ViTLite

extension FloatModel {
  /// Assembles the canonical model from the tensors of any family.
  init(
    _ configuration: CheckpointConfiguration, tensors: inout TensorStore, imageSize: (height: Int, width: Int)
  ) throws(CheckpointError) {
    let names = configuration.family.tensors.resolved { [tensors] in tensors.contains($0) }
    var loader = CheckpointLoader(configuration: configuration, names: names, tensors: tensors)
    self = try loader.load(imageSize: imageSize)
    tensors = loader.tensors
  }
}

/// Reads the parts of one model; every tensor's shape must be that of the configuration.
private struct CheckpointLoader {
  let configuration: CheckpointConfiguration
  let names: TensorNames
  var tensors: TensorStore

  private var family: Family { configuration.family }
  private var width: Int { configuration.width }

  private func unsupported(_ what: String) -> CheckpointError { .unsupported(what, path: tensors.path) }

  private func hasLayer(_ name: String) -> Bool { tensors.contains(name + ".weight") }

  mutating func load(imageSize: (height: Int, width: Int)) throws(CheckpointError) -> FloatModel {
    let architecture = try architecture(imageSize: imageSize)
    let (prefix, positions) = try embeddings(on: architecture.grid)
    let patchEmbedding = try patchEmbedding()
    var blocks: [FloatBlock] = []
    for index in 0..<configuration.depth { blocks.append(try block(names.block(index))) }
    let head = try head()
    let finalNorm = try norm(finalNorm)
    let pooler = try pooler()
    if let name = tensors.firstUnused(isIgnored: { names.ignored.contains($0) }) {
      throw .unexpectedTensor(name: name, family: family.name, path: tensors.path)
    }
    let scale = family.attentionScaling.factors(width: width, heads: configuration.heads)
    return FloatModel(
      configuration: architecture, patchEmbedding: patchEmbedding, prefixTokens: prefix, positions: positions,
      blocks: blocks, scoreScale: scale.scores, probabilityScale: scale.probabilities, finalNorm: finalNorm,
      head: head, pooler: pooler)
  }

  /// The architecture at an image size; no tensor is read before it is known to be within limits.
  private func architecture(imageSize: (height: Int, width: Int)) throws(CheckpointError) -> ModelConfiguration {
    let patch = configuration.patchSize
    let (height, width) = imageSize
    guard ModelLimits.imageSide.contains(height), ModelLimits.imageSide.contains(width),
      height.isMultiple(of: patch), width.isMultiple(of: patch)
    else {
      throw .imageSize(
        height: height, width: width,
        expected: "multiples of the patch size \(patch) up to \(ModelLimits.imageSide.upperBound)")
    }
    let classes = try classes()
    let architecture = ModelConfiguration(
      family: family.name, imageHeight: height, imageWidth: width, patchSize: patch, channels: configuration.channels,
      width: self.width, depth: configuration.depth, heads: configuration.heads, mlpWidth: configuration.mlpWidth,
      layerNormEpsilon: configuration.layerNormEpsilon, prefixTokens: prefix.reduce(0) { $0 + $1.count },
      positions: family.positions, normBeforeBlocks: family.normBeforeBlocks, activation: configuration.activation,
      readout: try readout(), classes: classes,
      labels: configuration.labels.count == classes ? configuration.labels : [])
    do throws(ModelLimitError) { try architecture.validate() } catch { throw .limit(error, path: tensors.path) }
    return architecture
  }

  // MARK: Layers

  /// `name.weight` of `outputs x inputs` (a convolution's kernel counts as its inputs) and `name.bias`.
  private mutating func linear(
    _ name: String, outputs: Int, inputs: Int, hasBias: Bool = true, kernel: [Int]? = nil
  ) throws(CheckpointError) -> FloatLinear {
    let weight = try tensors.floats(name + ".weight", shape: [outputs] + (kernel ?? [inputs]))
    let bias =
      hasBias ? try tensors.floats(name + ".bias", shape: [outputs]) : [Float](repeating: 0, count: outputs)
    return FloatLinear(weight: weight, bias: bias, outputs: outputs, inputs: inputs)
  }

  private mutating func norm(_ name: String) throws(CheckpointError) -> FloatNorm {
    FloatNorm(
      gain: try tensors.floats(name + ".weight", shape: [width]),
      bias: try tensors.floats(name + ".bias", shape: [width]))
  }

  private mutating func patchEmbedding() throws(CheckpointError) -> FloatLinear {
    let patch = configuration.patchSize
    return try linear(
      names.patchEmbedding, outputs: width, inputs: configuration.channels * patch * patch,
      kernel: [configuration.channels, patch, patch])
  }

  private mutating func block(_ block: TensorNames.Block) throws(CheckpointError) -> FloatBlock {
    FloatBlock(
      ln1: try norm(block.norm1), ln2: try norm(block.norm2),
      layers: try BlockLayers { (layer) throws(CheckpointError) in
        switch layer {
        case .attnQKV: try qkv(block.qkv)
        case .attnOut: try linear(block.projection, outputs: width, inputs: width)
        case .ffnUp: try linear(block.fc1, outputs: configuration.mlpWidth, inputs: width)
        case .ffnDown: try linear(block.fc2, outputs: width, inputs: configuration.mlpWidth)
        }
      },
      layerScale1: try layerScale(block.layerScale?.attention, isRequired: block.layerScaleIsRequired),
      layerScale2: try layerScale(block.layerScale?.mlp, isRequired: block.layerScaleIsRequired))
  }

  private mutating func layerScale(_ name: String?, isRequired: Bool) throws(CheckpointError) -> [Float]? {
    guard let name, isRequired || tensors.contains(name) else { return nil }
    return try tensors.floats(name, shape: [width])
  }

  private mutating func qkv(_ qkv: TensorNames.QKV) throws(CheckpointError) -> FloatLinear {
    switch qkv {
    case .fused(let name):
      let hasBias = configuration.hasQKVBias ?? tensors.contains(name + ".bias")
      return try linear(name, outputs: 3 * width, inputs: width, hasBias: hasBias)
    case .separate(let query, let key, let value):
      var fused = FloatLinear(weight: [], bias: [], outputs: 3 * width, inputs: width)
      for name in [query, key, value] {
        let part = try linear(name, outputs: width, inputs: width, hasBias: configuration.hasQKVBias ?? true)
        fused.weight += part.weight
        fused.bias += part.bias
      }
      return fused
    case .interleaved(let name):
      let mixed = try linear(
        name, outputs: 3 * width, inputs: width, hasBias: configuration.hasQKVBias ?? tensors.contains(name + ".bias"))
      var fused = mixed
      for part in 0..<3 {
        for channel in 0..<width {
          let (to, from) = (part * width + channel, channel * 3 + part)
          fused.bias[to] = mixed.bias[from]
          fused.weight.replaceSubrange(
            to * width..<(to + 1) * width, with: mixed.weight[from * width..<(from + 1) * width])
        }
      }
      return fused
    }
  }

  // MARK: Embeddings

  /// The tensors of the tokens before the patches, in order, and how many tokens each holds.
  private var prefix: [(name: String, count: Int, isRegister: Bool)] {
    var prefix: [(name: String, count: Int, isRegister: Bool)] = []
    for token in [names.classToken, names.distillationToken] {
      if let token, token.isRequired || tensors.contains(token.name) { prefix.append((token.name, 1, false)) }
    }
    if let name = names.registers, configuration.registers > 0 { prefix.append((name, configuration.registers, true)) }
    return prefix
  }

  /// The tokens before the patches, with their positions, and the positions of the patches on the grid to run.
  private mutating func embeddings(
    on grid: PositionInterpolation.Grid
  ) throws(CheckpointError) -> (prefix: [Float], positions: [Float]) {
    let trained = PositionInterpolation.Grid(
      height: configuration.imageHeight / configuration.patchSize,
      width: configuration.imageWidth / configuration.patchSize)
    var positioned = 0
    switch names.positions.prefix {
    case .tokensBeforeRegisters: for part in prefix where !part.isRegister { positioned += part.count }
    case .allTokensOrNone:
      if tensors.shape(names.positions.name) != [1, trained.count, width] {
        positioned = prefix.reduce(0) { $0 + $1.count }
      }
    }
    var tokens: [Float] = []
    for part in prefix { tokens += try tensors.floats(part.name, shape: [1, part.count, width]) }
    let rows = positioned + trained.count
    let table = try tensors.floats(
      names.positions.name, shape: names.positions.hasBatchDimension ? [1, rows, width] : [rows, width])
    for index in 0..<positioned * width { tokens[index] += table[index] }
    let positions = PositionInterpolation.resample(
      Array(table[(positioned * width)...]), width: width, from: trained, to: grid,
      antialias: family.antialiasesPositions)
    return (tokens, positions)
  }

  // MARK: Readout

  /// The head's name in this checkpoint; nil without a head.
  private var headName: String? { names.heads.first { hasLayer($0) } }

  /// The name of the head of the distillation token, in a checkpoint that has both.
  private var distillationHeadName: String? {
    guard headName != nil, let name = names.distillationHead, hasLayer(name) else { return nil }
    return name
  }

  /// What the head reads.
  private func readout() throws(CheckpointError) -> Readout {
    guard distillationHeadName == nil else { return .classAndDistillationToken }
    switch family.readout {
    case .always(let readout): return readout
    case .withHead(let readout, let other): return headName == nil ? other : readout
    case .pooling: return try pooledReadout()
    }
  }

  /// The readout that `global_pool` names; where it names none, that of the tensors.
  private func pooledReadout() throws(CheckpointError) -> Readout {
    if let name = pooledNorm {
      guard configuration.pooling != .classToken else {
        throw unsupported("a norm \"\(name)\" with \"global_pool\" \"token\", expected \"avg\"")
      }
      return .patchMeanThenNorm
    }
    let hasClassToken = tensors.contains(names.classToken.name)
    let pooling = configuration.pooling ?? (hasClassToken ? .classToken : .patchMean)
    guard pooling == .patchMean || hasClassToken else {
      throw unsupported("\"global_pool\" \"token\" without a tensor \"\(names.classToken.name)\", expected \"avg\"")
    }
    return pooling == .classToken ? .classToken : .normThenPatchMean
  }

  /// The name of the norm of the pooled vector, in a checkpoint that has it in place of the tokens' norm.
  private var pooledNorm: String? {
    guard distillationHeadName == nil, let name = names.pooledNorm, hasLayer(name), !hasLayer(names.norm) else {
      return nil
    }
    return name
  }

  private var finalNorm: String { pooledNorm ?? names.norm }

  private mutating func pooler() throws(CheckpointError) -> FloatLinear? {
    guard let name = names.pooler, hasLayer(name) else { return nil }
    return try linear(name, outputs: width, inputs: width)
  }

  /// The inputs of the family's head, of the class token's where there is another for the distillation token.
  private var headInputs: Int {
    guard case .withHead(let readout, without: _) = family.readout else { return width }
    return readout.segments * width
  }

  /// Classes of the head, as many as the configuration says where it says so; 0 without a head.
  private func classes() throws(CheckpointError) -> Int {
    guard let name = headName, let found = tensors.shape(name + ".weight") else { return 0 }
    guard found.count == 2, found[0] >= 1, ModelLimits.classes.contains(found[0]),
      configuration.classes.map({ $0 == found[0] }) ?? true
    else {
      throw .wrongShape(
        name: name + ".weight", found: found, expected: [configuration.classes ?? found.first ?? 1, headInputs],
        path: tensors.path)
    }
    return found[0]
  }

  /// The head, if the model has one. Two heads whose answers are averaged become one that reads both tokens, each with
  /// half of its weights.
  private mutating func head() throws(CheckpointError) -> FloatLinear? {
    guard let name = headName else { return nil }
    let classes = try classes()
    let first = try linear(name, outputs: classes, inputs: headInputs)
    guard let name = distillationHeadName else { return first }
    let second = try linear(name, outputs: classes, inputs: width)
    var both = FloatLinear(weight: [], bias: [], outputs: classes, inputs: 2 * width)
    both.weight.reserveCapacity(classes * 2 * width)
    for row in 0..<classes {
      both.weight += first.weight[row * width..<(row + 1) * width].map { $0 / 2 }
      both.weight += second.weight[row * width..<(row + 1) * width].map { $0 / 2 }
      both.bias.append((first.bias[row] + second.bias[row]) / 2)
    }
    return both
  }
}

extension ModelConfiguration {
  fileprivate var grid: PositionInterpolation.Grid {
    PositionInterpolation.Grid(height: gridHeight, width: gridWidth)
  }
}
