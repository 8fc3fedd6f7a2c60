import Int8Kernels
import ViTLite

/// Rounds a layer's weights one input after another, and lets the inputs that are still to come make up for each
/// rounding error as well as the calibration data allows (GPTQ, arXiv 2210.17323).
struct WeightRounding: Sendable {
  /// Inputs whose errors are spread over later ones by one matrix product.
  static let block = 64
  /// Added to the diagonal, relative to its mean, so that directions that calibration never saw stay bounded.
  private static let damping: Float = 0.01
  /// Panels of outputs that are rounded side by side, so that factors are read once for all.
  private static let mostPanels = 4

  let inputs: Int
  /// Inputs in the order of rounding: the strongest first.
  let order: [Int]
  /// Lower triangular `F`, with `inverse(H) = F F^T` for the inputs in that order: the error of input i changes input j
  /// by `F[j, i]`.
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
    guard let factors = TriangularFactor.inverse(reversed: reversed, n: inputs, threads: threads) else { return nil }
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

  /// Rounds with each of several steps, and keeps for each output those with the least error: of equal ones the first.
  ///
  /// - Parameters:
  ///   - candidates: the steps of all outputs, one after another.
  ///   - limit: levels are `-limit ... limit`.
  func round(_ layer: FloatLinear, candidates: [[Float]], limit: Int8) -> RoundedWeights {
    let panels = (layer.outputs + SGEMM.panelColumns - 1) / SGEMM.panelColumns
    let perPiece = min(max(panels / max(threads, 1), 1), Self.mostPanels)
    let outputs = perPiece * SGEMM.panelColumns
    let pieces = concurrentMap(count: (panels + perPiece - 1) / perPiece, threads: threads) { piece in
      var rounding = PanelRounding(
        self, layer, outputs: piece * outputs..<min((piece + 1) * outputs, layer.outputs), limit: limit)
      for candidate in candidates.indices { rounding.consider(candidate, steps: candidates[candidate]) }
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
}

/// The levels of some outputs.
struct RoundedWeights: Sendable {
  /// `outputs x inputs`
  var levels: [Int8] = []
  /// The squared error of each output over the rows: the sum of the squares of the errors that are spread.
  var losses: [Float] = []
  /// Which candidate each output's levels are from.
  var choices: [Int] = []
}
