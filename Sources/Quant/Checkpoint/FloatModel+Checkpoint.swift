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
struct CheckpointLoader {
  let configuration: CheckpointConfiguration
  let names: TensorNames
  var tensors: TensorStore

  var family: Family { configuration.family }
  var width: Int { configuration.width }

  func unsupported(_ what: String) -> CheckpointError { .unsupported(what, path: tensors.path) }

  func hasLayer(_ name: String?) -> Bool { name.map { tensors.contains($0 + ".weight") } ?? false }

  mutating func load(imageSize: (height: Int, width: Int)) throws(CheckpointError) -> FloatModel {
    let architecture = try architecture(imageSize: imageSize)
    let (prefix, positions) = try embeddings(on: architecture.grid)
    let patchEmbedding = try patchEmbedding()
    let preNorm = architecture.normBeforeBlocks ? try norm(names.preNorm ?? "", architecture) : nil
    var blocks: [FloatBlock] = []
    for index in 0..<configuration.depth { blocks.append(try block(names.block(index), architecture)) }
    let head = try head()
    let finalNorm = try norm(finalNorm, architecture)
    var model = FloatModel(
      configuration: architecture, patchEmbedding: patchEmbedding, prefixTokens: prefix, positions: positions,
      blocks: blocks, scoreScale: 1, probabilityScale: 1, finalNorm: finalNorm, head: head, pooler: try pooler())
    let scale = family.attentionScaling.factors(width: width, heads: configuration.heads)
    (model.scoreScale, model.probabilityScale) = (scale.scores, scale.probabilities)
    model.preNorm = preNorm
    model.rotation = configuration.rotation?.rotation(on: architecture.grid, headWidth: width / configuration.heads)
    if let pooling = names.attentionPooling, architecture.readout.pooling == .attention {
      model.blocks.append(try poolingBlock(pooling, finalNorm, architecture))
    }
    if let name = names.projection, architecture.projectionWidth > 0 {
      model.projection = try linear(name, outputs: architecture.projectionWidth, inputs: width, hasBias: false)
    }
    if let name = tensors.firstUnused(isIgnored: { names.ignores($0) }) {
      throw .unexpectedTensor(name: name, family: family.name, path: tensors.path)
    }
    return model
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
    let block = names.block(0)
    let isGated = isGated(block)
    let architecture = ModelConfiguration(
      family: family.name, imageHeight: height, imageWidth: width, patchSize: patch, channels: configuration.channels,
      width: self.width, depth: configuration.depth, heads: configuration.heads, mlpWidth: configuration.mlpWidth,
      layerNormEpsilon: configuration.layerNormEpsilon, prefixTokens: prefix.reduce(0) { $0 + $1.count },
      positions: positionScheme, normBeforeBlocks: family.normBeforeBlocks || hasLayer(names.preNorm),
      norm: try normFunction(block), normsQueriesAndKeys: hasLayer(block.queryNorm),
      normsAttention: hasLayer(block.attentionNorm), activation: configuration.activation ?? (isGated ? .silu : .gelu),
      isGated: isGated,
      normsHidden: hasLayer(block.hiddenNorm), readout: try readout(), classes: classes,
      projectionWidth: try projectionWidth(),
      labels: configuration.labels.count == classes ? configuration.labels : [])
    do throws(ModelLimitError) { try architecture.validate() } catch { throw .limit(error, path: tensors.path) }
    return architecture
  }

  private var positionScheme: PositionScheme {
    let hasTable = names.positions.map { $0.isRequired || tensors.contains($0.name) } ?? false
    return switch (hasTable, configuration.rotation != nil) {
    case (true, false): .learned
    case (true, true): .learnedAndRotary
    case (false, true): .rotary
    case (false, false): .none
    }
  }

  /// What the norms compute: the configuration says it, or the first norm's bias, which only a LayerNorm has.
  private func normFunction(_ block: TensorNames.Block) throws(CheckpointError) -> NormFunction {
    if let norm = configuration.norm { return norm }
    guard family.name == Family.timmViT.name else { return .layerNorm }
    let bias = block.norm1 + ".bias"
    guard configuration.depth == 0 || tensors.contains(bias) else {
      throw unsupported(
        "norms without a tensor \"\(bias)\" and no key \"norm_layer\", expected \"rmsnorm\" or \"layernorm\"")
    }
    return .layerNorm
  }

  // MARK: Layers

  /// `name.weight` of `outputs x inputs` (a convolution's kernel counts as its inputs) and `name.bias`.
  ///
  /// - Parameter hasBias: nil when the tensors decide.
  mutating func linear(
    _ name: String, outputs: Int, inputs: Int, hasBias: Bool? = true, kernel: [Int]? = nil
  ) throws(CheckpointError) -> FloatLinear {
    let weight = try tensors.floats(name + ".weight", shape: [outputs] + (kernel ?? [inputs]))
    let bias =
      hasBias ?? tensors.contains(name + ".bias")
      ? try tensors.floats(name + ".bias", shape: [outputs]) : [Float](repeating: 0, count: outputs)
    return FloatLinear(weight: weight, bias: bias, outputs: outputs, inputs: inputs)
  }

  /// A norm of the model's width, or of another.
  mutating func norm(
    _ name: String, _ architecture: ModelConfiguration, width other: Int? = nil
  ) throws(CheckpointError) -> FloatNorm {
    let width = other ?? self.width
    let gain = try tensors.floats(name + ".weight", shape: [width])
    let hasBias = architecture.norm == .layerNorm && (configuration.norm == nil || tensors.contains(name + ".bias"))
    return FloatNorm(
      gain: gain,
      bias: hasBias ? try tensors.floats(name + ".bias", shape: [width]) : [Float](repeating: 0, count: width))
  }

  private mutating func patchEmbedding() throws(CheckpointError) -> FloatLinear {
    let patch = configuration.patchSize
    return try linear(
      names.patchEmbedding, outputs: width, inputs: configuration.channels * patch * patch,
      hasBias: configuration.biases.patchEmbedding, kernel: [configuration.channels, patch, patch])
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

  /// The tokens before the patches, with their positions, and the positions of the patches on the grid to run; zeros
  /// without a table.
  private mutating func embeddings(
    on grid: PositionInterpolation.Grid
  ) throws(CheckpointError) -> (prefix: [Float], positions: [Float]) {
    var tokens: [Float] = []
    for part in prefix {
      let shape = [1, part.count, width]
      tokens += try tensors.floats(part.name, shape: shape, part.count == 1 ? [width] : shape)
    }
    guard let names = names.positions, names.isRequired || tensors.contains(names.name) else {
      return (tokens, [Float](repeating: 0, count: grid.count * width))
    }
    let trained = PositionInterpolation.Grid(
      height: configuration.imageHeight / configuration.patchSize,
      width: configuration.imageWidth / configuration.patchSize)
    var positioned = 0
    switch names.prefix {
    case .tokensBeforeRegisters: for part in prefix where !part.isRegister { positioned += part.count }
    case .allTokensOrNone:
      if tensors.shape(names.name) != [1, trained.count, width] { positioned = prefix.reduce(0) { $0 + $1.count } }
    }
    let rows = positioned + trained.count
    let table = try tensors.floats(names.name, shape: names.hasBatchDimension ? [1, rows, width] : [rows, width])
    for index in 0..<positioned * width { tokens[index] += table[index] }
    let positions = PositionInterpolation.resample(
      Array(table[(positioned * width)...]), width: width, from: trained, to: grid,
      antialias: family.antialiasesPositions)
    return (tokens, positions)
  }
}

extension ModelConfiguration {
  fileprivate var grid: PositionInterpolation.Grid {
    PositionInterpolation.Grid(height: gridHeight, width: gridWidth)
  }
}
