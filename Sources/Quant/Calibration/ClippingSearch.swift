import Int8Kernels
import ViTLite

/// Where a static range ends, relative to what calibration saw.
///
/// Below 1, what is rare is clipped for the sake of the rest; above 1, there is room for what other images will bring.
struct RangeFactors: Sendable, Equatable {
  var low: Float = 1
  var high: Float = 1
}

/// Clipping thresholds of what each layer of a block reads.
typealias ClippingFactors = BlockLayers<RangeFactors>

extension BlockLayers<RangeFactors> {
  init() { self.init { _ in RangeFactors() } }
}

/// Searches a block's clipping thresholds, each by the drift of the output of the layer that reads the activations.
///
/// The range that one half of the samples showed, times a factor, is judged on the other half. Judged on what it was
/// taken from, or by the mean drift, a range would always be best when it clips the few tokens whose activations are
/// far larger than all others: they are little of a layer's drift, but what attention makes of them is much of the
/// model's, and in other images they are larger still.
struct ClippingSearch {
  /// Between neighbouring factors; at most `stepLimit` of them are taken.
  private static let step: Float = 1.1
  private static let stepLimit = 4
  /// What a step must bring the error to, relatively: less is chance.
  private static let gain = 0.97

  let block: FloatBlock
  /// Of each half of the samples.
  let halves: [(seen: BlockStatistics, inputs: BlockLayers<[Float]>)]

  func factors() -> ClippingFactors {
    BlockLayers { factors(for: $0) }
  }

  private func factors(for name: BlockLayer) -> RangeFactors {
    let layer = block.layers[name]
    let trials = zip(halves, halves.reversed()).map { half, other in
      (
        range: half.seen.ranges[name].range(.minmax),
        drift: LayerDrift(rows: other.inputs[name], layer: layer, groups: name.outputGroups(layer.outputs))
      )
    }
    func error(_ factors: RangeFactors) -> Double {
      trials.reduce(0) { $0 + $1.drift.worstError(range: $1.range.scaled(low: factors.low, high: factors.high)) }
    }
    var best = (factors: RangeFactors(), error: error(RangeFactors()))
    for side in [\RangeFactors.high, \.low] { Self.search(side, from: &best, error) }
    return best.factors
  }

  /// Goes up while that helps, else down while that helps.
  private static func search(
    _ side: WritableKeyPath<RangeFactors, Float>, from best: inout (factors: RangeFactors, error: Double),
    _ error: (RangeFactors) -> Double
  ) {
    for step in [step, 1 / step] {
      for _ in 0..<stepLimit {
        var candidate = best.factors
        candidate[keyPath: side] *= step
        let candidateError = error(candidate)
        guard candidateError < best.error * gain else { break }
        best = (candidate, candidateError)
      }
      if best.factors[keyPath: side] != 1 { return }
    }
  }
}

extension BlockLayer {
  /// Outputs whose relative errors count by themselves: queries, keys and values, or all.
  func outputGroups(_ outputs: Int) -> [Range<Int>] {
    guard self == .attnQKV else { return [0..<outputs] }
    let width = outputs / 3
    return [0..<width, width..<2 * width, 2 * width..<outputs]
  }
}

extension FloatModel {
  /// One for each block.
  /// - Parameter halves: statistics of each half of the samples, with sampled inputs.
  func clippingFactors(
    _ halves: [ActivationStatistics], threads: Int, progress: (Int) -> Void
  ) -> [ClippingFactors] {
    concurrentMap(count: blocks.count, threads: threads, progress: progress) { [blocks] index in
      ClippingSearch(
        block: blocks[index], halves: halves.map { ($0.blocks[index], $0.inputs.blocks[index]) }
      ).factors()
    }
  }
}
