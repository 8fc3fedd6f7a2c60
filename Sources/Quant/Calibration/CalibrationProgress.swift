import Int8Kernels
import ViTLite

/// How far a calibration is.
public struct CalibrationProgress: Sendable, Equatable {
  public enum Phase: String, Sendable, CaseIterable {
    /// The first blocks' input is made of the images.
    case embedding
    /// The images go through a block as it is.
    case observing
    case smoothing
    /// The images go through the smoothed block, for static ranges.
    case measuring
    case clipping
    case quantizing
    /// The drift of each layer alone is measured.
    case ranking
    /// The int8 model is compared with the float model on a few images, where there is a floor.
    case checking
  }

  public var phase: Phase
  /// Blocks that are finished, and of how many; all of them while layers are ranked and the model is checked.
  public var blocks: Int
  public var depth: Int
  /// Share of the whole work that is done, 0 to 1: the phases count by the multiplications that they need.
  public var fraction: Double
}

/// The work of a calibration, phase by phase, as far as it is known before.
struct CalibrationWork: Sendable {
  /// Of one block; what happens once counts as that of the whole model.
  private var costs: [CalibrationProgress.Phase: Double] = [:]
  private let depth: Int
  let searchesClipping: Bool

  /// Phases of every block, in order.
  private static let blockPhases: [CalibrationProgress.Phase] = [
    .observing, .smoothing, .measuring, .clipping, .quantizing,
  ]

  init(_ configuration: ModelConfiguration, samples: Int, options: CalibrationOptions, searchesClipping: Bool) {
    depth = configuration.depth
    self.searchesClipping = searchesClipping
    let layers = BlockLayer.allCases.map { layer in
      let shape = layer.shape(in: configuration)
      return (outputs: Double(shape.outputs), inputs: Double(shape.inputs))
    }
    let (tokens, width) = (Double(configuration.tokens), Double(configuration.width))
    let weights = layers.reduce(0) { $0 + $1.outputs * $1.inputs }
    // Beside the products there are norms, the softmax and GELU, and each value is looked at.
    let image = (tokens * weights + 2 * tokens * tokens * width) * 1.3
    let pass = Double(samples) * image
    let rows = Double(min(RowSampler.roundingRows, samples * configuration.tokens))
    costs[.embedding] = Double(samples) * tokens * width * Double(configuration.patchInputs)
    // Where a second pass follows, without the product of the last layer.
    costs[.observing] = options.activations == .static ? pass * 0.7 : pass
    costs[.measuring] = options.activations == .static ? pass : 0
    // Eight candidates, and the layer as it is: of all weights, and of rows, sums are made, and the rest is rounding.
    let smoothingRows = Double(min(RowSampler.smoothingRows, samples * configuration.tokens))
    let rowValues = layers.reduce(2 * width) { $0 + $1.inputs }
    costs[.smoothing] =
      options.smoothing ? 9 * 2 * Double(SmoothingDrift.sums) * (weights + smoothingRows * rowValues) : 0
    // About ten ranges of each half for each layer.
    costs[.clipping] = searchesClipping ? 10 * 1.5 * rows * weights : 0
    costs[.quantizing] = 40 * weights
    if options.rounding == .calibrated {
      for layer in layers where rows >= layer.inputs {
        // The Gram matrix, its factor, and the rounding with two candidates.
        costs[.quantizing, default: 0] +=
          layer.inputs * layer.inputs * (rows / 2 + layer.inputs / 3 + 2 * layer.outputs / 2) * 1.5
      }
    }
    if options.ranksLayers || options.targetSQNR != nil {
      let images = Double(min(DriftProbe.sampleLimit, samples))
      costs[.ranking] = Double(depth * (layers.count + 1) + 2) * images * Double(depth) * tokens * weights * 0.5
    } else if options.floorSQNR != nil {
      // The float and the int8 model on a few images, and a look at each weight now and then.
      costs[.checking] = Double(depth) * (Double(Calibration.floorSamples) * image + 300 * weights)
    }
  }

  /// - Parameters:
  ///   - blocks: finished ones.
  ///   - part: of this phase in this block, or of what happens once, 0 to 1.
  func progress(_ phase: CalibrationProgress.Phase, blocks: Int, part: Double) -> CalibrationProgress {
    let block = Self.blockPhases.reduce(0) { $0 + cost($1) }
    let total = cost(.embedding) + Double(depth) * block + cost(.ranking) + cost(.checking)
    var done = cost(phase) * part
    if phase != .embedding { done += cost(.embedding) + Double(blocks) * block }
    if let index = Self.blockPhases.firstIndex(of: phase) {
      for earlier in Self.blockPhases[..<index] { done += cost(earlier) }
    }
    return CalibrationProgress(
      phase: phase, blocks: blocks, depth: depth, fraction: total > 0 ? min(done / total, 1) : 0)
  }

  private func cost(_ phase: CalibrationProgress.Phase) -> Double { costs[phase] ?? 0 }
}
