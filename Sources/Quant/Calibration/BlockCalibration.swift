import Int8Kernels
import ViTLite

/// What block by block calibration gives: blocks in integers that do not depend on the unit of the residual stream yet,
/// which is known after the last one.
struct CalibratedBlocks {
  var narrow: [RoundedBlock] = []
  /// In the same units, all layers wide. Of layers that nobody may choose only the bounds are there.
  var wide: [RoundedBlock] = []
  /// Largest magnitude of the residual stream.
  var residual = MagnitudeObserver()
  /// What the head reads.
  var readout: ReadoutObservation
  /// Sampled patches, to round the patch embedding's weights; nil to round to nearest.
  var patches: [Float]?
}

/// Takes all samples through the float model, block by block, and quantizes each block as soon as it was seen.
///
/// Each block is passed by all samples as it is. What they show chooses what smoothing and centering move and, with that
/// moved, units and how weights are rounded. Static ranges are those of all channels together, so they need a second pass,
/// through the smoothed block. Memory holds the residual streams of all samples, and weights and sampled rows of one block.
struct BlockCalibration {
  private let model: FloatModel
  private let rotation: HadamardRotation?
  private let options: CalibrationOptions
  private let samples: SampleSet
  private var measuring: CalibrationPass
  private let work: CalibrationWork

  private init(
    _ model: FloatModel, _ rotation: HadamardRotation?, samples: SampleSet, options: CalibrationOptions
  ) {
    self.model = model
    self.rotation = rotation
    self.samples = samples
    self.options = options
    let reference = FloatReference(model.foldedFrame(rotatedBy: rotation))
    let searchesClipping = Self.searchesClipping(samples, options)
    work = CalibrationWork(
      model.configuration, samples: samples.count, options: options, searchesClipping: searchesClipping)
    let isStatic = options.activations == .static
    let smoothingRows = !isStatic && options.smoothing ? RowSampler.smoothingRows : 0
    measuring = CalibrationPass(
      reference, samples: samples,
      scope: ObservationScope(
        ranges: isStatic ? options.observer ?? .minmax : nil,
        sampledRows: options.rounding == .calibrated || searchesClipping ? RowSampler.roundingRows : smoothingRows),
      options: options)
  }

  private static func searchesClipping(_ samples: SampleSet, _ options: CalibrationOptions) -> Bool {
    options.activations == .static && options.observer == nil && samples.count > 1
  }

  /// Calibrates all blocks. The residual streams are gone when this returns.
  static func run(
    _ model: FloatModel, _ rotation: HadamardRotation?, samples: SampleSet, preprocessing: Preprocessing?,
    options: CalibrationOptions,
    progress: (CalibrationProgress) -> Void
  ) throws(CalibrationError) -> (CalibratedBlocks, CalibrationWork) {
    var calibration = BlockCalibration(model, rotation, samples: samples, options: options)
    return (try calibration.run(preprocessing: preprocessing, progress: progress), calibration.work)
  }

  private mutating func run(
    preprocessing: Preprocessing?, progress: (CalibrationProgress) -> Void
  ) throws(CalibrationError) -> CalibratedBlocks {
    let (work, count) = (work, Double(samples.count))
    let patches = try measuring.embed(preprocessing: preprocessing) {
      progress(work.progress(.embedding, blocks: 0, part: Double($0) / count))
    }
    var blocks = CalibratedBlocks(
      readout: ReadoutObservation(measuring.scope), patches: options.rounding == .calibrated ? patches : nil)
    blocks.residual.merge(measuring.embeddings)
    var pooling: FloatBlock?
    for index in 0..<model.configuration.blockCount {
      func report(_ phase: CalibrationProgress.Phase, _ part: Double) {
        progress(work.progress(phase, blocks: index, part: part))
      }
      let folded = model.foldedBlock(index, rotatedBy: rotation)
      if let layer = folded.firstNotFinite(at: index) { throw .tooLarge(layer: layer) }
      let (block, halves) = try smooth(folded, at: index, report)
      if index == model.configuration.depth { pooling = block }
      if work.searchesClipping { report(.clipping, 0) }
      let factors = clippingFactors(block, halves)
      report(.quantizing, 0)
      quantize(block, at: index, seen: halves, factors, into: &blocks)
      report(.quantizing, 1)
    }
    blocks.readout = try measuring.readOut(pooling: pooling)
    blocks.residual.merge(blocks.readout.residual)
    return blocks
  }

  /// The smoothed block, and what samples show of it: all together, or each half for static ranges.
  private mutating func smooth(
    _ folded: FloatBlock, at index: Int, _ report: (CalibrationProgress.Phase, Double) -> Void
  ) throws(CalibrationError) -> (block: FloatBlock, halves: [BlockObservation]) {
    let count = Double(samples.count)
    func smoothed(_ seen: BlockObservation) throws(CalibrationError) -> (block: FloatBlock, change: SmoothingChange) {
      report(.smoothing, 0)
      let result = folded.smoothed(seen, rotatedWidth: model.rotatedWidth(at: index), options: options)
      if let layer = result.block.firstNotFinite(at: index) { throw .tooLarge(layer: layer) }
      return result
    }
    switch options.activations {
    case .dynamic:
      var seen = try measuring.run(folded, at: index, parts: [0..<samples.count]) {
        report(.observing, Double($0) / count)
      }
      let (block, change) = try smoothed(seen[0])
      seen[0].follow(change, of: block, threads: options.threads)
      return (block, seen)
    case .static:
      let block = try smoothed(measuring.look(at: folded, index) { report(.observing, Double($0) / count) }).block
      return (
        block, try measuring.run(block, at: index, parts: samples.halves) { report(.measuring, Double($0) / count) }
      )
    }
  }

  private func clippingFactors(_ block: FloatBlock, _ halves: [BlockObservation]) -> ClippingFactors {
    guard Self.searchesClipping(samples, options) else { return ClippingFactors() }
    return ClippingSearch(block: block, halves: halves.map { ($0.seen, $0.rows) }).factors(threads: options.threads)
  }

  private func quantize(
    _ block: FloatBlock, at index: Int, seen halves: consuming [BlockObservation], _ factors: ClippingFactors,
    into blocks: inout CalibratedBlocks
  ) {
    var observation = halves.removeFirst()
    while !halves.isEmpty { observation.merge(halves.removeFirst()) }
    blocks.residual.merge(observation.residual)

    let quantizer = BlockQuantizer(configuration: model.configuration, options: options)
    var none: BlockLayers<[Float]>?
    let mayWidenAll = options.ranksLayers || options.targetSQNR != nil
    blocks.wide.append(
      quantizer.quantize(block, observation.seen, factors, &none, isWide: true) {
        let name = LayerName.block(index, $0)
        return mayWidenAll || options.wideLayers.contains(name)
          || WidthChoice.isAlwaysWide(name, in: model.configuration, options.activations)
      })
    var rows: BlockLayers<[Float]>?
    if options.rounding == .calibrated { rows = observation.takeRows() }
    blocks.narrow.append(quantizer.quantize(block, observation.seen, factors, &rows, isWide: false))
  }
}

extension SampleSet {
  /// The first half and the rest, not every other sample, so that neighbours such as crops of one photo are in the same
  /// half. One range for a single sample.
  fileprivate var halves: [Range<Int>] {
    count > 1 ? [0..<count / 2, count / 2..<count] : [0..<count]
  }
}
