import Int8Kernels

/// Memory for what a forward pass otherwise overwrites: the residual stream before and after every block, and all final
/// tokens.
struct HiddenStates: Sendable {
  /// (depth + 1) x tokens rows of the model's width.
  let residuals: Matrix<Int32>
  /// Tokens x width.
  let finalTokens: Matrix<Int32>

  /// The numbers that a model's states take.
  static func count(_ configuration: ModelConfiguration) -> Int {
    (configuration.depth + 2) * configuration.tokens * configuration.width
  }

  /// - Parameter base: of `count` numbers.
  @unsafe
  init(base: UnsafeMutablePointer<Int32>, _ configuration: ModelConfiguration) {
    let (tokens, width) = (configuration.tokens, configuration.width)
    let rows = (configuration.depth + 1) * tokens
    residuals = unsafe Matrix(base: base, rows: rows, columns: width)
    finalTokens = unsafe Matrix(base: base + rows * width, rows: tokens, columns: width)
  }

  /// Keeps some tokens of the residual stream that enters block `index`.
  func keep(_ residual: Matrix<Int32>, _ index: Int, _ tokens: Range<Int>) {
    residuals.rows(index * residual.rows..<(index + 1) * residual.rows).copyRows(tokens, from: residual)
  }
}
