import Int8Kernels
import ViTLite

/// All samples on their way through a float model, block by block: of the activations there are only the residual
/// streams between two blocks, and the weights of one block at a time.
struct CalibrationPass {
  /// The model without its blocks.
  let reference: FloatReference
  let samples: SampleSet
  let scope: ObservationScope
  let threads: Int
  /// Of each sample: `tokens x width`.
  private(set) var residuals: [FloatBuffer] = []
  /// Largest magnitude of the embeddings, before their norm and their rotation.
  private(set) var embeddings = MagnitudeObserver()
  private var samplers: [RowSampler]
  /// What a look at a block keeps, and which rows.
  private let looking: ObservationScope
  private var lookers: [RowSampler]

  init(
    _ reference: FloatReference, samples: SampleSet, scope: ObservationScope, options: CalibrationOptions
  ) {
    self.reference = reference
    self.samples = samples
    self.scope = scope
    threads = options.threads
    looking = ObservationScope(ranges: nil, sampledRows: options.smoothing ? RowSampler.smoothingRows : 0)
    samplers = Self.samplers(scope, samples.count, options)
    lookers = Self.samplers(looking, samples.count, options)
  }

  private static func samplers(_ scope: ObservationScope, _ count: Int, _ options: CalibrationOptions) -> [RowSampler] {
    let rows = scope.rowsPerImage(count)
    return (0..<count).map { RowSampler(rowsPerImage: rows, seed: options.seed &+ UInt64($0)) }
  }

  /// Starts the residual streams.
  ///
  /// - Returns: sampled patches, `rows x patch inputs`.
  mutating func embed(preprocessing: Preprocessing?, progress: (Int) -> Void) throws(CalibrationError) -> [Float] {
    let (reference, samples, samplers) = (reference, samples, samplers)
    let configuration = reference.configuration
    var patches: [Float] = []
    try forEachInOrder(count: samples.count, threads: threads) { () throws(CalibrationError) in
      FloatWorkspace(configuration)
    } body: { (workspace, index) throws(CalibrationError) in
      let values = samples.values(of: index, preprocessing: preprocessing)
      guard values.allSatisfy(\.isFinite) else {
        throw .notFinite(what: "the input", sample: samples.names[index])
      }
      workspace.residual = FloatBuffer(count: configuration.tokens * configuration.width)
      var tap = PatchTap(sampler: samplers[index])
      reference.embed(values.span, workspace, &tap)
      return (residual: workspace.residual, tap: tap)
    } consume: { (index, result) throws(CalibrationError) in
      residuals.append(result.residual)
      self.samplers[index] = result.tap.sampler
      patches += result.tap.rows
      embeddings.merge(result.tap.embeddings)
      progress(index + 1)
      return true
    }
    return patches
  }

  /// Looks at what the layers of the next block read, and leaves the residual streams as they are.
  mutating func look(
    at block: FloatBlock, _ index: Int, progress: (Int) -> Void
  ) throws(CalibrationError) -> BlockObservation {
    let reference = reference.having(PackedBlock(block))
    var total = BlockObservation(reference.configuration, looking)
    total.reserveRows(images: samples.count, of: samples.count)
    try pass(reference, at: index, 0..<samples.count, looks: true, into: &total, progress)
    return total
  }

  /// Takes all samples through one block.
  ///
  /// - Returns: what was seen of each of these ranges of samples, the same for any number of threads.
  mutating func run(
    _ block: FloatBlock, at index: Int, parts: [Range<Int>], progress: (Int) -> Void
  ) throws(CalibrationError) -> [BlockObservation] {
    let reference = reference.having(PackedBlock(block))
    let configuration = reference.configuration
    var observations: [BlockObservation] = []
    for part in parts {
      var total = BlockObservation(configuration, scope)
      // The first part takes the others in.
      total.reserveRows(images: observations.isEmpty ? samples.count : part.count, of: samples.count)
      try pass(reference, at: index, part, looks: false, into: &total, progress)
      observations.append(total)
    }
    return observations
  }

  /// - Parameter looks: whether the residual streams stay, and what the block adds last is left out.
  private mutating func pass(
    _ reference: FloatReference, at index: Int, _ part: Range<Int>, looks: Bool, into total: inout BlockObservation,
    _ progress: (Int) -> Void
  ) throws(CalibrationError) {
    let (scope, samplers) = looks ? (looking, lookers) : (scope, samplers)
    let (configuration, residuals) = (reference.configuration, residuals)
    // The head that pools by attention rotates what it reads; the readout reads the same after it.
    let copies = looks || index == configuration.depth
    try forEachInOrder(count: part.count, threads: threads) { () throws(CalibrationError) in
      FloatWorkspace(configuration)
    } body: { (workspace, offset) throws(CalibrationError) in
      let sample = part.lowerBound + offset
      workspace.residual = copies ? FloatBuffer(copying: residuals[sample]) : residuals[sample]
      var observation = BlockObservation(configuration, scope, sampler: samplers[sample])
      reference.runBlock(index, workspace, &observation, completes: !looks)
      if !looks { observation.observeLeaving(workspace.residual) }
      return observation
    } consume: { (offset, observation) throws(CalibrationError) in
      let sample = part.lowerBound + offset
      try check(observation.notFinite, sample)
      try check(observation.leaving.isFinite ? nil : "the tokens leaving \(ModelKey.block(index))", sample)
      if looks {
        lookers[sample] = observation.sampler
      } else {
        self.samplers[sample] = observation.sampler
      }
      total.merge(observation)
      progress(sample + 1)
      return true
    }
  }

  /// What the model's end reads: the residual streams, and the rows of the head.
  ///
  /// - Parameter pooling: the head that pools by attention, where there is one.
  func readOut(pooling: FloatBlock?) throws(CalibrationError) -> ReadoutObservation {
    let reference = pooling.map { self.reference.having(PackedBlock($0)) } ?? self.reference
    let residuals = residuals
    let scope = scope
    var total = ReadoutObservation(scope)
    try forEachInOrder(count: samples.count, threads: threads) { () throws(CalibrationError) in
      FloatWorkspace(reference.configuration)
    } body: { (workspace, index) throws(CalibrationError) in
      workspace.residual = residuals[index]
      var observation = ReadoutObservation(scope)
      _ = reference.readOut(workspace, [], &observation)
      return observation
    } consume: { (index, observation) throws(CalibrationError) in
      try check(observation.notFinite, index)
      total.merge(observation)
      return true
    }
    return total
  }

  /// - Parameter place: where a value was not finite; nil when all were.
  private func check(_ place: String?, _ sample: Int) throws(CalibrationError) {
    if let place {
      throw .notFinite(what: "the float model's activations, \(place)", sample: samples.names[sample])
    }
  }
}

/// Samples the patches of an image, and sees the embeddings.
private struct PatchTap: ActivationTap, Sendable {
  var sampler: RowSampler
  var rows: [Float] = []
  var embeddings = MagnitudeObserver()

  mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {
    if site == .embeddings { embeddings.observe(values) }
    guard site == .patches else { return }
    RowSampler.append(sampler.choose(of: rows), of: values, columns: columns, to: &self.rows)
  }
}

/// What calibration sees after the last block. Two halves of the data can be merged.
struct ReadoutObservation: Sendable, ActivationTap {
  /// Largest magnitude of the residual stream that leaves the last block.
  private(set) var residual = MagnitudeObserver()
  private(set) var headInput = HistogramObserver()
  /// Where a value was NaN or infinite first; nil when all were finite.
  private(set) var notFinite: String?
  private let counting: Bool

  init(_ scope: ObservationScope) {
    counting = scope.ranges?.readsCounts ?? false
  }

  mutating func merge(_ other: ReadoutObservation) {
    residual.merge(other.residual)
    headInput.merge(other.headInput)
  }

  mutating func observe(_ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int) {
    if notFinite == nil { notFinite = site.nameUnlessFinite(values, block: block) }
    switch site {
    case .finalNormInput: residual.observe(values)
    case .headInput: headInput.observe(values, counting: counting)
    default: break
    }
  }
}
