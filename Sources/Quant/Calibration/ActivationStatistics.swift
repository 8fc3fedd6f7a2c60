import Int8Kernels
import ViTLite

/// What calibration sees of one block.
struct BlockStatistics: Sendable {
  /// Each layer's input, channel by channel; not that of `ffn_down`, because no choice depends on its channels.
  var inputs: BlockLayers<ChannelObserver>
  var qkv: ChannelObserver
  var mlpInput = HistogramObserver()
  /// All values of each layer's input, for its static range.
  var ranges = BlockLayers { _ in HistogramObserver() }
  /// One for each head.
  var queries: [HistogramObserver]
  var keys: [HistogramObserver]

  init(_ configuration: ModelConfiguration) {
    inputs = BlockLayers { layer in ChannelObserver(channels: layer == .ffnDown ? 0 : configuration.width) }
    qkv = ChannelObserver(channels: 3 * configuration.width)
    queries = Array(repeating: HistogramObserver(), count: configuration.heads)
    keys = Array(repeating: HistogramObserver(), count: configuration.heads)
  }

  mutating func merge(_ other: BlockStatistics) {
    for layer in BlockLayer.allCases {
      inputs[layer].merge(other.inputs[layer])
      ranges[layer].merge(other.ranges[layer])
    }
    qkv.merge(other.qkv)
    mlpInput.merge(other.mlpInput)
    for head in queries.indices {
      queries[head].merge(other.queries[head])
      keys[head].merge(other.keys[head])
    }
  }
}

/// What calibration sees of a whole model. Merging the statistics of two halves of the data gives those of all data.
struct ActivationStatistics: Sendable, ActivationTap {
  private let configuration: ModelConfiguration
  /// Whether to observe whole tensors, for static ranges.
  private let observesRanges: Bool
  private var sampler: RowSampler
  var blocks: [BlockStatistics]
  /// A few rows of what the linear layers read.
  var inputs: SampledInputs
  /// Largest magnitude of the residual stream.
  var residualMagnitude: Float = 0
  var headInput = HistogramObserver()
  var isFinite = true

  /// - Parameter sampler: of this image's rows; it must not depend on other images.
  init(_ configuration: ModelConfiguration, observesRanges: Bool, sampler: RowSampler) {
    self.observesRanges = observesRanges
    self.configuration = configuration
    self.sampler = sampler
    blocks = (0..<configuration.depth).map { _ in BlockStatistics(configuration) }
    inputs = SampledInputs(depth: configuration.depth)
  }

  mutating func merge(_ other: ActivationStatistics) {
    for index in blocks.indices { blocks[index].merge(other.blocks[index]) }
    residualMagnitude = max(residualMagnitude, other.residualMagnitude)
    headInput.merge(other.headInput)
    inputs.append(other.inputs)
    isFinite = isFinite && other.isFinite
  }

  mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {
    switch site {
    case .residual, .residualMiddle, .finalNormInput: observeResidual(values)
    case .input(let layer):
      blocks[block].inputs[layer].observe(values)
      if observesRanges { blocks[block].ranges[layer].observe(values) }
      inputs.blocks[block][layer] += sampler.sample(values, rows: rows, columns: columns)
    case .output(.attnQKV):
      blocks[block].qkv.observe(values)
      if observesRanges { observeHeads(values, block: block, rows: rows) }
    case .output(.ffnUp): blocks[block].mlpInput.observe(values)
    case .headInput: headInput.observe(values)
    case .patches: inputs.patches += sampler.sample(values, rows: rows, columns: columns)
    case .output(.attnOut), .output(.ffnDown), .finalNormOutput, .logits: break
    }
  }

  private mutating func observeResidual(_ values: Span<Float>) {
    for index in values.indices {
      let magnitude = values[index].magnitude
      if magnitude > residualMagnitude { residualMagnitude = magnitude }
      if !magnitude.isFinite { isFinite = false }
    }
  }

  private mutating func observeHeads(_ values: Span<Float>, block: Int, rows: Int) {
    let width = configuration.width
    let headWidth = configuration.headWidth
    for row in 0..<rows {
      for head in 0..<configuration.heads {
        let query = row * 3 * width + head * headWidth
        let key = query + width
        blocks[block].queries[head].observe(values.extracting(query..<query + headWidth))
        blocks[block].keys[head].observe(values.extracting(key..<key + headWidth))
      }
    }
  }
}

extension FloatReference {
  /// Statistics over some of the samples, the same for any number of threads.
  /// - Parameters:
  ///   - observesRanges: whether static ranges will be chosen from them.
  ///   - sampledRows: of each layer's input, were all samples taken.
  func statistics(
    of samples: SampleSet, in range: Range<Int>, preprocessing: Preprocessing?, observesRanges: Bool, sampledRows: Int,
    options: CalibrationOptions, progress: (Int) -> Void
  ) throws(CalibrationError) -> ActivationStatistics {
    let configuration = configuration
    let rowsPerImage = (sampledRows + samples.count - 1) / max(samples.count, 1)
    var total = ActivationStatistics(
      configuration, observesRanges: observesRanges, sampler: RowSampler(rowsPerImage: 0, seed: 0))
    try forEachInOrder(count: range.count, threads: options.threads) { () throws(CalibrationError) in
      FloatWorkspace(configuration)
    } body: { (workspace, offset) throws(CalibrationError) in
      let index = range.lowerBound + offset
      let values = samples.values(of: index, preprocessing: preprocessing)
      guard values.allSatisfy(\.isFinite) else {
        throw .notFinite(what: "the input", sample: samples.names[index])
      }
      var statistics = ActivationStatistics(
        configuration, observesRanges: observesRanges,
        sampler: RowSampler(rowsPerImage: rowsPerImage, seed: options.seed &+ UInt64(index)))
      _ = self.run(values.span, workspace: workspace, tap: &statistics)
      guard statistics.isFinite else {
        throw .notFinite(what: "the float model's activations", sample: samples.names[index])
      }
      return statistics
    } consume: { (offset, statistics) throws(CalibrationError) in
      total.merge(statistics)
      progress(range.lowerBound + offset + 1)
      return true
    }
    return total
  }
}
