import Int8Kernels
import ViTLite

/// What the ends of a static range are multiplied by.
///
/// Below 1, rare large values are clipped so that the steps for all others are finer; above 1, larger values of other
/// images still fit.
struct RangeFactors: Sendable, Equatable {
  var low: Float = 1
  var high: Float = 1
}

/// The factors on the range of each layer's input in a block.
typealias ClippingFactors = BlockLayers<RangeFactors>

extension BlockLayers<RangeFactors> {
  init() { self.init { _ in RangeFactors() } }
}

/// Searches a block's factors, each by the drift of the output of the layer that reads the range's values.
///
/// The range of one half of the samples, times a factor, is judged on the other half, and by the worst tokens rather
/// than the mean. On the samples that the range came from, or by the mean drift, it would always look best to clip the
/// few tokens whose activations are far larger than all others: they are a small part of one layer's drift. But
/// attention carries them to all tokens, so that they are a large part of the model's drift, and in other images they
/// are larger still.
struct ClippingSearch: Sendable {
  /// The ratio of neighbouring factors; a factor is at most `stepLimit` steps from 1.
  private static let step: Float = 1.1
  private static let stepLimit = 4
  /// A step must bring the error to less than this share of what it was: a smaller gain may be chance.
  private static let gain = 0.97

  let block: FloatBlock
  /// Statistics and sampled inputs of each half of the samples.
  let halves: [(seen: BlockStatistics, inputs: BlockLayers<[Float]>)]

  func factors(threads: Int = 1) -> ClippingFactors {
    let names = BlockLayer.allCases
    let found = concurrentMap(count: names.count, threads: threads) { factors(for: names[$0]) }
    return BlockLayers { layer in found[names.firstIndex(of: layer) ?? 0] }
  }

  private func factors(for name: BlockLayer) -> RangeFactors {
    let layer = block.layers[name]
    let trials = zip(halves, halves.reversed()).map { half, other in
      (
        range: half.seen.ranges[name].range(.minmax),
        drift: RangeDrift(rows: other.inputs[name], layer: layer, groups: name.outputGroups(layer.outputs))
      )
    }
    func error(_ factors: RangeFactors) -> Double {
      trials.reduce(0) { $0 + $1.drift.worstError(range: $1.range.scaled(low: factors.low, high: factors.high)) }
    }
    var best = (factors: RangeFactors(), error: error(RangeFactors()))
    for side in [\RangeFactors.high, \.low] { Self.search(side, from: &best, error) }
    return best.factors
  }

  /// Raises one factor step by step while the error falls; where the first step already does not help, lowers it
  /// likewise.
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
  /// Ranges of outputs for which a relative error is computed each: queries, keys and values; in other layers all.
  func outputGroups(_ outputs: Int) -> [Range<Int>] {
    guard self == .attnQKV else { return [0..<outputs] }
    let width = outputs / 3
    return [0..<width, width..<2 * width, 2 * width..<outputs]
  }
}
