/// Sampled inputs of a block's four linear layers.
struct BlockInputs: Sendable {
  var norm1: [Float] = []
  var attention: [Float] = []
  var norm2: [Float] = []
  var gelu: [Float] = []
}

/// Sampled inputs of every linear layer of a model.
struct SampledInputs: Sendable {
  var patches: [Float] = []
  var blocks: [BlockInputs]

  /// Rows of each layer that rounding sees at the most.
  static let rowLimit = 4096

  fileprivate mutating func append(_ other: SampledInputs) {
    patches += other.patches
    for index in blocks.indices {
      blocks[index].norm1 += other.blocks[index].norm1
      blocks[index].attention += other.blocks[index].attention
      blocks[index].norm2 += other.blocks[index].norm2
      blocks[index].gelu += other.blocks[index].gelu
    }
  }
}

/// Keeps some rows of what the linear layers read.
private struct InputSampler: ActivationTap {
  let rowsPerImage: Int
  var generator: SplitMix64
  var inputs: SampledInputs

  mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {
    switch site {
    case .patches: inputs.patches += sample(values, rows: rows, columns: columns)
    case .norm1Output: inputs.blocks[block].norm1 += sample(values, rows: rows, columns: columns)
    case .attentionOutput: inputs.blocks[block].attention += sample(values, rows: rows, columns: columns)
    case .norm2Output: inputs.blocks[block].norm2 += sample(values, rows: rows, columns: columns)
    case .geluOutput: inputs.blocks[block].gelu += sample(values, rows: rows, columns: columns)
    default: break
    }
  }

  /// Rows at even distances from a start by chance; all of them when there are no more than wanted.
  private mutating func sample(_ values: Span<Float>, rows: Int, columns: Int) -> [Float] {
    let count = min(rowsPerImage, rows)
    let start = Int(generator.next() % UInt64(max(rows, 1)))
    var sampled: [Float] = []
    sampled.reserveCapacity(count * columns)
    for index in 0..<count {
      let row = (start + index * rows / count) % rows
      for column in 0..<columns { sampled.append(values[row * columns + column]) }
    }
    return sampled
  }
}

extension FloatReference {
  /// Rows from every image, the same for any number of threads.
  func sampledInputs(
    of samples: SampleSet, preprocessing: Preprocessing?, options: CalibrationOptions, progress: (Int) -> Void
  ) throws(CalibrationError) -> SampledInputs {
    let configuration = configuration
    let perImage = max(1, (SampledInputs.rowLimit + samples.count - 1) / max(samples.count, 1))
    var sampled = SampledInputs(blocks: Array(repeating: BlockInputs(), count: configuration.depth))
    try forEachInOrder(count: samples.count, threads: options.threads) { () throws(CalibrationError) in
      FloatWorkspace(configuration)
    } body: { (workspace, index) throws(CalibrationError) in
      var tap = InputSampler(
        rowsPerImage: perImage, generator: SplitMix64(seed: options.seed &+ UInt64(index)),
        inputs: SampledInputs(blocks: Array(repeating: BlockInputs(), count: configuration.depth)))
      let values = samples.values(of: index, preprocessing: preprocessing)
      _ = self.run(values.span, workspace: workspace, tap: &tap)
      return tap.inputs
    } consume: { (index, inputs) throws(CalibrationError) in
      sampled.append(inputs)
      progress(index + 1)
      return true
    }
    return sampled
  }
}
