import Int8Kernels
import ViTLite

extension FloatModel {
  /// Patches that this package accepts: of 16 pixels, an image of 2048 x 2048. Attention takes their square in memory.
  static let maximumPatches = 16_384
  /// Numbers in the largest activation, so that a small hostile file cannot ask for more memory than a machine has.
  static let maximumActivation = 1 << 28

  /// Assembles the canonical model from the tensors of any family.
  init(
    _ configuration: CheckpointConfiguration, tensors: inout TensorStore, imageSize: (height: Int, width: Int)
  ) throws(CheckpointError) {
    let names = TensorNames(configuration.family) { [tensors] in tensors.contains($0) }
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

  private var width: Int { configuration.width }

  private func unsupported(_ what: String) -> CheckpointError { .unsupported(what, path: tensors.path) }

  mutating func load(imageSize: (height: Int, width: Int)) throws(CheckpointError) -> FloatModel {
    let grid = try grid(for: imageSize)
    let (prefix, positions) = try embeddings(on: grid)
    let patchEmbedding = try patchEmbedding()
    var blocks: [FloatBlock] = []
    for index in 0..<configuration.depth { blocks.append(try block(names.block(index))) }
    let head = try head()
    let (readout, norm) = try readout(hasTwoHeads: head?.inputs == 2 * width)
    let pooler = try pooler()
    if let name = tensors.firstUnused(isIgnored: { names.ignored.contains($0) }) {
      throw .unexpectedTensor(name: name, family: configuration.family, path: tensors.path)
    }
    let classes = head?.outputs ?? 0
    let isSeed = configuration.family == .seedViT
    return FloatModel(
      configuration: ModelConfiguration(
        family: configuration.family, imageHeight: imageSize.height, imageWidth: imageSize.width,
        patchSize: configuration.patchSize, channels: configuration.channels, width: width, depth: configuration.depth,
        heads: configuration.heads, mlpWidth: configuration.mlpWidth,
        layerNormEpsilon: configuration.layerNormEpsilon, prefixTokens: prefix.count / width, classes: classes,
        labels: configuration.labels.count == classes ? configuration.labels : []),
      patchEmbedding: patchEmbedding, prefixTokens: prefix, positions: positions, blocks: blocks,
      scoreScale: isSeed ? 1 : 1 / Float(width / configuration.heads).squareRoot(),
      probabilityScale: isSeed ? 1 / Float(width).squareRoot() : 1, finalNorm: norm, readout: readout, head: head,
      pooler: pooler)
  }

  private func grid(
    for size: (height: Int, width: Int)
  ) throws(CheckpointError) -> PositionInterpolation.Grid {
    let patch = configuration.patchSize
    let sizes = CheckpointConfiguration.imageSizes
    guard sizes.contains(size.height), sizes.contains(size.width), size.height.isMultiple(of: patch),
      size.width.isMultiple(of: patch)
    else {
      throw .imageSize(height: size.height, width: size.width, expected: "multiples of the patch size \(patch)")
    }
    let grid = PositionInterpolation.Grid(height: size.height / patch, width: size.width / patch)
    let widest = max(3 * configuration.width, configuration.mlpWidth)
    let largest = min(FloatModel.maximumPatches, FloatModel.maximumActivation / widest)
    guard grid.count <= largest else {
      throw .imageSize(
        height: size.height, width: size.width, expected: "at most \(largest) patches of \(patch) pixels")
    }
    return grid
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
      layerScale1: try layerScale(block.layerScale1), layerScale2: try layerScale(block.layerScale2))
  }

  /// DINOv2 always has LayerScale, timm's models where the tensor is there.
  private mutating func layerScale(_ name: String?) throws(CheckpointError) -> [Float]? {
    guard let name, configuration.family != .timmViT || tensors.contains(name) else { return nil }
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
      let mixed = try linear(name, outputs: 3 * width, inputs: width)
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

  /// The tokens before the patches, with their positions, and the positions of the patches on the grid to run.
  private mutating func embeddings(
    on grid: PositionInterpolation.Grid
  ) throws(CheckpointError) -> (prefix: [Float], positions: [Float]) {
    let family = configuration.family
    var prefix: [Float] = []
    if family != .timmViT || tensors.contains(names.classToken) {
      prefix += try tensors.floats(names.classToken, shape: [1, 1, width])
    }
    if let name = names.distillationToken, family == .deiT || tensors.contains(name) {
      prefix += try tensors.floats(name, shape: [1, 1, width])
    }
    let beforeRegisters = prefix.count / width
    if let name = names.registers, configuration.registers > 0 {
      prefix += try tensors.floats(name, shape: [1, configuration.registers, width])
    }
    let trained = PositionInterpolation.Grid(
      height: configuration.imageHeight / configuration.patchSize,
      width: configuration.imageWidth / configuration.patchSize)
    // timm gives positions to all tokens or, with `no_embed_class`, to the patches alone; elsewhere registers have none.
    var positioned = family == .timmViT ? prefix.count / width : beforeRegisters
    if family == .timmViT, tensors.shape(names.positions) == [1, trained.count, width] { positioned = 0 }
    let rows = positioned + trained.count
    let all = try tensors.floats(names.positions, shape: family == .seedViT ? [rows, width] : [1, rows, width])
    for index in 0..<positioned * width { prefix[index] += all[index] }
    let positions = PositionInterpolation.resample(
      Array(all[(positioned * width)...]), width: width, from: trained, to: grid,
      antialias: family == .dinoV2WithRegisters || family == .timmViT)
    return (prefix, positions)
  }

  // MARK: Readout

  /// The final norm, and what the head reads.
  private mutating func readout(hasTwoHeads: Bool) throws(CheckpointError) -> (Readout, FloatNorm) {
    switch configuration.family {
    case .seedViT: return (.tokenMeanThenNorm, try norm(names.norm))
    case .viT: return (.classToken, try norm(names.norm))
    case .deiT: return (hasTwoHeads ? .classAndDistillationToken : .classToken, try norm(names.norm))
    case .dinoV2, .dinoV2WithRegisters:
      return (hasTwoHeads ? .classTokenAndPatchMean : .classToken, try norm(names.norm))
    case .timmViT:
      if hasTwoHeads { return (.classAndDistillationToken, try norm(names.norm)) }
      let hasClassToken = tensors.contains(names.classToken)
      if let name = names.pooledNorm, tensors.contains(name + ".weight"), !tensors.contains(names.norm + ".weight") {
        guard configuration.pooling != .classToken else {
          throw unsupported("a norm \"\(name)\" with \"global_pool\" \"token\", expected \"avg\"")
        }
        return (.patchMeanThenNorm, try norm(name))
      }
      let pooling = configuration.pooling ?? (hasClassToken ? .classToken : .patchMean)
      guard pooling == .patchMean || hasClassToken else {
        throw unsupported("\"global_pool\" \"token\" without a tensor \"\(names.classToken)\", expected \"avg\"")
      }
      return (pooling == .classToken ? .classToken : .normThenPatchMean, try norm(names.norm))
    }
  }

  private mutating func pooler() throws(CheckpointError) -> FloatLinear? {
    guard let name = names.pooler, tensors.contains(name + ".weight") else { return nil }
    return try linear(name, outputs: width, inputs: width)
  }

  /// The head, if the model has one. DINOv2's reads two vectors; two heads whose answers are averaged become one that
  /// reads both tokens, each with half of its weights.
  private mutating func head() throws(CheckpointError) -> FloatLinear? {
    guard let found = tensors.shape(names.head + ".weight") else { return nil }
    let isDino = configuration.family == .dinoV2 || configuration.family == .dinoV2WithRegisters
    guard found.count == 2, (1...CheckpointConfiguration.classCounts.upperBound).contains(found[0]),
      configuration.classes.map({ $0 == found[0] }) ?? true
    else {
      throw .wrongShape(
        name: names.head + ".weight", found: found,
        expected: [configuration.classes ?? found.first ?? 1, isDino ? 2 * width : width], path: tensors.path)
    }
    let classes = found[0]
    let first = try linear(names.head, outputs: classes, inputs: isDino ? 2 * width : width)
    guard let name = names.distillationHead, tensors.contains(name + ".weight") else { return first }
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
