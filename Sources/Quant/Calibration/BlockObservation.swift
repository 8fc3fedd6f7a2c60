import Int8Kernels
import ViTLite

/// What calibration sees of one block. Merging the statistics of two halves of the data gives those of all data.
struct BlockStatistics: Sendable {
  /// Each layer's input, channel by channel.
  var inputs: BlockLayers<ChannelObserver>
  /// Queries, keys and values, as they meet: after the norms and the rotation of queries and keys.
  var qkv: ChannelObserver
  /// Queries and keys before their norms.
  var projectedQuery = MagnitudeObserver()
  var projectedKey = MagnitudeObserver()
  /// What the activation reads.
  var mlpInput = HistogramObserver()
  /// What a gate's activation is multiplied by, channel by channel, and the product.
  var gateFactor: ChannelObserver
  var gated = MagnitudeObserver()
  /// What `ffn_down` reads, where that comes from a norm.
  var hidden = MagnitudeObserver()
  /// All values of each layer's input, for its static range.
  var ranges = BlockLayers { _ in HistogramObserver() }
  /// One for each head.
  var queries: [HistogramObserver]
  var keys: [HistogramObserver]

  init(_ configuration: ModelConfiguration) {
    inputs = BlockLayers { layer in ChannelObserver(channels: layer.shape(in: configuration).inputs) }
    qkv = ChannelObserver(channels: 3 * configuration.width)
    gateFactor = ChannelObserver(channels: configuration.isGated ? configuration.mlpWidth : 0)
    queries = Array(repeating: HistogramObserver(), count: configuration.heads)
    keys = Array(repeating: HistogramObserver(), count: configuration.heads)
  }

  mutating func merge(_ other: BlockStatistics) {
    for layer in BlockLayer.allCases {
      inputs[layer].merge(other.inputs[layer])
      ranges[layer].merge(other.ranges[layer])
    }
    qkv.merge(other.qkv)
    projectedQuery.merge(other.projectedQuery)
    projectedKey.merge(other.projectedKey)
    gateFactor.merge(other.gateFactor)
    gated.merge(other.gated)
    hidden.merge(other.hidden)
    mlpInput.merge(other.mlpInput)
    for head in queries.indices {
      queries[head].merge(other.queries[head])
      keys[head].merge(other.keys[head])
    }
  }
}

/// How much of the activations is observed.
struct ObservationScope: Sendable {
  /// How static ranges will be chosen; nil where they are not.
  var ranges: ObserverKind?
  /// Rows of each layer's input to keep, were all samples taken.
  var sampledRows: Int

  func rowsPerImage(_ images: Int) -> Int { (sampledRows + images - 1) / max(images, 1) }
}

/// What calibration sees of one block and keeps of what its layers read, of one image or of several.
struct BlockObservation: Sendable, ActivationTap {
  let configuration: ModelConfiguration
  private let scope: ObservationScope
  /// Of the image's rows; it goes on from block to block.
  private(set) var sampler: RowSampler
  var seen: BlockStatistics
  /// A few rows of what each layer reads.
  var rows = BlockLayers<[Float]> { _ in [] }
  /// Largest magnitude of the residual stream.
  private(set) var residual = MagnitudeObserver()
  /// The same where the residual stream leaves the block.
  private(set) var leaving = MagnitudeObserver()
  /// Where a layer read or gave a NaN or an infinity first: `the input of blk.0.attn_qkv`; nil when all was finite.
  private(set) var notFinite: String?

  /// - Parameter sampler: of this image's rows; it must not depend on other images.
  init(_ configuration: ModelConfiguration, _ scope: ObservationScope, sampler: RowSampler = RowSampler()) {
    self.configuration = configuration
    self.scope = scope
    self.sampler = sampler
    seen = BlockStatistics(configuration)
  }

  mutating func merge(_ other: BlockObservation) {
    seen.merge(other.seen)
    for layer in BlockLayer.allCases { rows[layer] += other.rows[layer] }
    residual.merge(other.residual)
    leaving.merge(other.leaving)
    notFinite = notFinite ?? other.notFinite
  }

  /// Makes room for the rows of some of `total` images, so that they are not moved as they become more.
  mutating func reserveRows(images: Int, of total: Int) {
    let count = images * min(scope.rowsPerImage(total), configuration.tokens)
    for layer in BlockLayer.allCases {
      rows[layer].reserveCapacity(count * layer.shape(in: configuration).inputs)
    }
  }

  /// The rows, which are not kept here any longer.
  mutating func takeRows() -> BlockLayers<[Float]> {
    defer { rows = BlockLayers { _ in [] } }
    return rows
  }

  mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {
    var magnitude = MagnitudeObserver()
    magnitude.observe(values)
    if notFinite == nil, !magnitude.isFinite { notFinite = site.name(inBlock: block) }
    switch site {
    case .residual, .residualMiddle: residual.merge(magnitude)
    case .input(let layer): observeInput(layer, values, rows: rows, columns: columns)
    case .output(.attnQKV) where configuration.transformsQueriesAndKeys && block < configuration.depth:
      if configuration.normsQueriesAndKeys { observeProjected(values, rows: rows) }
    case .output(.attnQKV), .queriesKeysValues:
      seen.qkv.observe(values)
      if scope.ranges != nil { observeHeads(values, rows: rows) }
    case .output(.ffnUp) where configuration.isGated: observeGate(values, rows: rows)
    case .output(.ffnUp): seen.mlpInput.observe(values, counting: false)
    case .gated: seen.gated.merge(magnitude)
    case .output(.attnOut), .output(.ffnDown), .patches, .embeddings, .lastResidual, .attentionNormInput,
      .finalNormInput,
      .finalNormOutput, .headInput, .logits:
      break
    }
  }

  mutating func observeLeaving(_ stream: FloatBuffer) {
    stream.withSpan(stream.count) { leaving.observe($0) }
  }

  private mutating func observeInput(_ layer: BlockLayer, _ values: Span<Float>, rows: Int, columns: Int) {
    seen.inputs[layer].observe(values, summing: false)
    if layer == .ffnDown, configuration.normsHidden { seen.hidden.observe(values) }
    if let kind = scope.ranges { seen.ranges[layer].observe(values, counting: kind.readsCounts) }
    let chosen = sampler.choose(of: rows)
    RowSampler.append(chosen, of: values, columns: columns, to: &self.rows[layer])
  }

  /// Queries and keys before their norms.
  private mutating func observeProjected(_ values: Span<Float>, rows: Int) {
    let width = configuration.width
    for row in 0..<rows {
      let query = 3 * row * width
      seen.projectedQuery.observe(values.extracting(query..<query + width))
      seen.projectedKey.observe(values.extracting(query + width..<query + 2 * width))
    }
  }

  /// The gate, which the activation reads, and what that is multiplied by.
  private mutating func observeGate(_ values: Span<Float>, rows: Int) {
    let mlpWidth = configuration.mlpWidth
    for row in 0..<rows {
      let gate = 2 * row * mlpWidth
      seen.mlpInput.observe(values.extracting(gate..<gate + mlpWidth), counting: false)
      seen.gateFactor.observe(values.extracting(gate + mlpWidth..<gate + 2 * mlpWidth), summing: false)
    }
  }

  private mutating func observeHeads(_ values: Span<Float>, rows: Int) {
    let width = configuration.width
    let headWidth = configuration.headWidth
    let counting = scope.ranges?.readsCounts ?? false
    for row in 0..<rows {
      for head in 0..<configuration.heads {
        let query = row * 3 * width + head * headWidth
        let key = query + width
        seen.queries[head].observe(values.extracting(query..<query + headWidth), counting: counting)
        seen.keys[head].observe(values.extracting(key..<key + headWidth), counting: counting)
      }
    }
  }
}
