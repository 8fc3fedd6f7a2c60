import Int8Kernels
import ViTLite

/// Where a static range ends, relative to what calibration saw.
///
/// Below 1, what is rare is clipped for the sake of the rest; above 1, there is room for what other images will bring.
struct RangeFactors: Sendable, Equatable {
  var low: Float = 1
  var high: Float = 1
}

/// Clipping thresholds of one block's static activations.
struct ClippingFactors: Sendable, Equatable {
  var norm1 = RangeFactors()
  var attention = RangeFactors()
  var norm2 = RangeFactors()
  var gelu = RangeFactors()
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
  let halves: [(seen: BlockStatistics, inputs: BlockInputs)]

  func factors() -> ClippingFactors {
    let width = block.projection.outputs
    let thirds = [0..<width, width..<2 * width, 2 * width..<3 * width]
    return ClippingFactors(
      norm1: factors(\.norm1Values, \.norm1, block.qkv, groups: thirds),
      attention: factors(\.attentionValues, \.attention, block.projection),
      norm2: factors(\.norm2Values, \.norm2, block.fc1),
      gelu: factors(\.geluValues, \.gelu, block.fc2))
  }

  private func factors(
    _ values: KeyPath<BlockStatistics, HistogramObserver>, _ rows: KeyPath<BlockInputs, [Float]>, _ layer: FloatLinear,
    groups: [Range<Int>]? = nil
  ) -> RangeFactors {
    let trials = zip(halves, halves.reversed()).map { half, other in
      (
        range: half.seen[keyPath: values].range(.minmax),
        drift: LayerDrift(rows: other.inputs[keyPath: rows], layer: layer, groups: groups ?? [0..<layer.outputs])
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
