import Int8Kernels
import ViTLite

/// What smoothing does to the channels of a block. The block computes the same function, so that what the smoothed one
/// would show follows from what was seen before.
struct SmoothingChange: Sendable {
  /// Subtracted from each channel of keys and of values.
  var keyShift: [Float]
  var valueShift: [Float]
  /// What queries are multiplied and keys divided by, after the shift.
  var queryFactors: [Float]
  /// What each layer's inputs are divided by.
  var inputFactors: BlockLayers<[Float]>

  /// No change.
  init(_ block: FloatBlock) {
    let width = block.layers.attnOut.inputs
    keyShift = Array(repeating: 0, count: width)
    valueShift = keyShift
    queryFactors = Array(repeating: 1, count: width)
    inputFactors = BlockLayers { Array(repeating: 1, count: block.layers[$0].inputs) }
  }
}

extension BlockObservation {
  /// Makes of what was seen of a block what would have been seen of it smoothed. Not for static ranges, which are those
  /// of all channels together.
  ///
  /// - Parameter block: the smoothed one.
  mutating func follow(_ change: SmoothingChange, of block: FloatBlock, threads: Int) {
    let width = configuration.width
    // A norm behind attention takes the factors of the projection's inputs, and nothing is subtracted before it.
    let reachesValues = block.attentionNorm == nil
    seen.qkv.move { channel in
      let index = channel % width
      switch channel / width {
      case 0: return (0, change.queryFactors[index])
      case 1: return (change.keyShift[index], 1 / change.queryFactors[index])
      default: return reachesValues ? (change.valueShift[index], 1 / change.inputFactors.attnOut[index]) : (0, 1)
      }
    }
    for layer in BlockLayer.allCases {
      // The softmax's weights add up to 1, so attention's output is shifted by what was subtracted from the values.
      let shift = layer == .attnOut && reachesValues ? change.valueShift : nil
      let factors = change.inputFactors[layer]
      seen.inputs[layer].move { (shift?[$0] ?? 0, 1 / factors[$0]) }
      Self.move(&rows[layer], shift, dividingBy: factors, threads: threads)
    }
    let hidden = MagnitudeObserver(magnitude: seen.inputs.ffnDown.magnitude.max() ?? 0)
    if configuration.normsHidden {
      seen.hidden = hidden
    } else if configuration.isGated {
      seen.gated = hidden
      seen.gateFactor.move { (0, 1 / change.inputFactors.ffnDown[$0]) }
    }
  }

  private static func move(_ rows: inout [Float], _ shift: [Float]?, dividingBy factors: [Float], threads: Int) {
    let columns = factors.count
    let (shift, factors) = (shift.map { FloatBuffer($0) }, FloatBuffer(factors))
    _ = unsafe rows.concurrentRows(columns: columns, threads: threads) { rows, count in
      if let shift {
        for row in 0..<count { unsafe FloatRows.fastest.subtract(rows + row * columns, shift.base, columns) }
      }
      unsafe FloatRows.fastest.divide(rows, factors.base, count, columns, rows)
    }
  }
}
