import Int8Kernels
import ViTLite

/// What calibration sees of one block.
struct BlockStatistics: Sendable {
  var norm1: ChannelObserver
  var qkv: ChannelObserver
  var attention: ChannelObserver
  var norm2: ChannelObserver
  var mlpInput = HistogramObserver()
  /// Of whole tensors, for static ranges.
  var norm1Values = HistogramObserver()
  var attentionValues = HistogramObserver()
  var norm2Values = HistogramObserver()
  var geluValues = HistogramObserver()
  /// One for each head.
  var queries: [HistogramObserver]
  var keys: [HistogramObserver]

  init(_ configuration: ModelConfiguration) {
    norm1 = ChannelObserver(channels: configuration.width)
    qkv = ChannelObserver(channels: 3 * configuration.width)
    attention = ChannelObserver(channels: configuration.width)
    norm2 = ChannelObserver(channels: configuration.width)
    queries = Array(repeating: HistogramObserver(), count: configuration.heads)
    keys = Array(repeating: HistogramObserver(), count: configuration.heads)
  }

  mutating func merge(_ other: BlockStatistics) {
    norm1.merge(other.norm1)
    qkv.merge(other.qkv)
    attention.merge(other.attention)
    norm2.merge(other.norm2)
    mlpInput.merge(other.mlpInput)
    norm1Values.merge(other.norm1Values)
    attentionValues.merge(other.attentionValues)
    norm2Values.merge(other.norm2Values)
    geluValues.merge(other.geluValues)
    for head in queries.indices {
      queries[head].merge(other.queries[head])
      keys[head].merge(other.keys[head])
    }
  }
}

/// What calibration sees of a whole model; statistics of two halves of the data merge to those of the whole.
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
    case .norm1Output:
      blocks[block].norm1.observe(values)
      if observesRanges { blocks[block].norm1Values.observe(values) }
      inputs.blocks[block].norm1 += sampler.sample(values, rows: rows, columns: columns)
    case .qkv:
      blocks[block].qkv.observe(values)
      if observesRanges { observeHeads(values, block: block, rows: rows) }
    case .attentionOutput:
      blocks[block].attention.observe(values)
      if observesRanges { blocks[block].attentionValues.observe(values) }
      inputs.blocks[block].attention += sampler.sample(values, rows: rows, columns: columns)
    case .norm2Output:
      blocks[block].norm2.observe(values)
      if observesRanges { blocks[block].norm2Values.observe(values) }
      inputs.blocks[block].norm2 += sampler.sample(values, rows: rows, columns: columns)
    case .mlpInput: blocks[block].mlpInput.observe(values)
    case .geluOutput:
      if observesRanges { blocks[block].geluValues.observe(values) }
      inputs.blocks[block].gelu += sampler.sample(values, rows: rows, columns: columns)
    case .headInput: headInput.observe(values)
    case .patches: inputs.patches += sampler.sample(values, rows: rows, columns: columns)
    case .projectionOutput, .mlpOutput, .finalNormOutput, .logits: break
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
