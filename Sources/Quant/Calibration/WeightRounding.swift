import Int8Kernels
import ViTLite

/// Rounds a layer's weights one input after another, and lets the inputs that are still to come make up for each
/// rounding error as well as the calibration data allows (GPTQ, arXiv 2210.17323), computed as Babai's nearest plane
/// (arXiv 2507.18553): the same, with the factor of the Gram matrix instead of the factor of its inverse.
struct WeightRounding: Sendable {
  /// Inputs whose changes reach later ones by one matrix product.
  static let block = 64
  /// Added to the diagonal, relative to its mean, so that directions that calibration never saw stay bounded.
  private static let damping: Float = 0.01
  /// Panels of outputs that are rounded side by side, so that factors are read once for all.
  private static let mostPanels = 4

  let inputs: Int
  /// Inputs in the order of rounding: the strongest first.
  let order: [Int]
  /// Lower triangular, of the Gram matrix with the inputs in that order (`TriangularFactor`): what the weight of input j
  /// was changed by, level less weight, changes input i after it by `-factors[i, j]`, and `factors[i, i]` times an error
  /// that is left at input i is what it adds to the outputs.
  let factors: FloatBuffer
  private let threads: Int

  /// - Parameter rows: sampled inputs of the layer, `count x inputs`, as the integer layer sees them.
  /// - Returns: nil when there are too few rows to tell the inputs apart.
  init?(rows: [Float], inputs: Int, threads: Int = 1) {
    guard rows.count / max(inputs, 1) >= inputs else { return nil }
    let gram = GramMatrix(rows, inputs: inputs, threads: threads)
    let mean = (0..<inputs).reduce(Float(0)) { $0 + gram[$1, $1] } / Float(inputs)
    guard mean > 0, mean.isFinite else { return nil }
    let order = (0..<inputs).sorted { (gram[$0, $0], $1) > (gram[$1, $1], $0) }
    let reversed = Self.reversed(gram, order, damping: Self.damping * mean, threads: threads)
    guard let factors = TriangularFactor.scaled(reversed: reversed, n: inputs, threads: threads) else { return nil }
    self.inputs = inputs
    self.order = order
    self.factors = factors
    self.threads = threads
  }

  /// The lower triangle of the matrix of the inputs in the reversed order, with `damping` on its diagonal.
  private static func reversed(_ gram: GramMatrix, _ order: [Int], damping: Float, threads: Int) -> FloatBuffer {
    let inputs = order.count
    let result = FloatBuffer(count: inputs * inputs)
    _ = concurrentMap(count: (inputs + block - 1) / block, threads: threads) { piece in
      for row in piece * block..<min((piece + 1) * block, inputs) {
        let input = order[inputs - 1 - row]
        let target = unsafe result.base + row * inputs
        for column in 0...row { unsafe target[column] = gram[input, order[inputs - 1 - column]] }
        unsafe target[row] += damping
      }
    }
    return result
  }

  /// Rounds with some of several steps, those that promise the least error first, and keeps for each output the levels
  /// with the least.
  ///
  /// - Parameters:
  ///   - candidates: the steps of all outputs, one after another.
  ///   - tried: how many of them are tried for each output; with those that promise less the error is hardly ever less.
  ///   - limit: levels are `-limit ... limit`.
  func round(_ layer: FloatLinear, candidates: [[Float]], tried: Int = 2, limit: Int8) -> RoundedWeights {
    let panels = (layer.outputs + SGEMM.panelColumns - 1) / SGEMM.panelColumns
    let perPiece = min(max(panels / max(threads, 1), 1), Self.mostPanels)
    let outputs = perPiece * SGEMM.panelColumns
    let gains = (0..<inputs).map { position in
      let factor = unsafe factors.base[position * inputs + position]
      return factor * factor
    }
    let pieces = concurrentMap(count: (panels + perPiece - 1) / perPiece, threads: threads) { piece in
      let outputs = piece * outputs..<min((piece + 1) * outputs, layer.outputs)
      let ranked = outputs.map { output in
        let losses = expectedLosses(
          layer.weight[output * inputs..<(output + 1) * inputs], steps: candidates.map { $0[output] },
          limit: Float(limit), gains)
        return losses.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }
      }
      var rounding = PanelRounding(self, layer, outputs: outputs, limit: limit)
      for rank in 0..<min(tried, candidates.count) {
        let choices = ranked.map { $0[rank] }
        rounding.consider(choices, steps: zip(outputs, choices).map { candidates[$1][$0] })
      }
      return rounding.best
    }
    var result = RoundedWeights()
    for piece in pieces {
      result.levels += piece.levels
      result.losses += piece.losses
      result.choices += piece.choices
    }
    return result
  }

  /// The error of one output with each of several steps, when rounding errors are spread evenly and what is beyond the
  /// largest level is cut off.
  private func expectedLosses(
    _ weights: ArraySlice<Float>, steps: [Float], limit: Float, _ gains: [Float]
  ) -> [Float] {
    let total = gains.reduce(0, +)
    let least = (steps.min() ?? 0) * limit
    var losses = steps.map { $0 * $0 / 12 * total }
    for position in 0..<inputs {
      let magnitude = weights[weights.startIndex + order[position]].magnitude
      guard magnitude > least else { continue }
      for candidate in steps.indices {
        let excess = max(magnitude - steps[candidate] * limit, 0)
        losses[candidate] += excess * excess * gains[position]
      }
    }
    return losses
  }
}

/// The levels of some outputs.
struct RoundedWeights: Sendable {
  /// `outputs x inputs`
  var levels: [Int8] = []
  /// The squared error of each output over the rows: the sum of the squares of what is added for each input.
  var losses: [Float] = []
  /// Which candidate each output's levels are from.
  var choices: [Int] = []
}
