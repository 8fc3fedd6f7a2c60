/// The cases that two tables of kernels are compared on.
struct ComparisonCases: Sendable {
  /// Products, each with all four outputs.
  var products: [MatmulCase]
  /// Rows of the row kernels.
  var rows32: [[Int32]]
  var rows16: [[Int16]]
  /// Tokens and channels of `pack_values`.
  var tokens: [Int]
  var channels: [Int]
  /// Rows of a head's queries and keys, and their widths.
  var headTokens: [Int]
  var headWidths: [Int]
  /// Whether every row is tried with every choice of a kernel's parameters, and functions of one number on every
  /// number.
  var isThorough: Bool

  /// Small awkward cases of every kernel, for the start of a program: the tails of rows, columns and inputs, extreme
  /// values, and each row with one choice of parameters. The longest rows have more numbers than the 128 that a kernel
  /// takes at a time.
  static let quick = ComparisonCases(
    products: MatmulCase.quick, lengths: [1, 7, 21, 134], tokens: [1, 6, 17], channels: [1, 13, 16],
    headTokens: [1, 6, 17], headWidths: [13, 64, 128], isThorough: false)

  /// Lengths around the width of every vector, and lengths of models; every shift of a requantization; functions of one
  /// number on every number.
  static let thorough = ComparisonCases(
    products: MatmulCase.thorough,
    lengths: Array(1...35) + [47, 48, 49, 63, 64, 65, 96, 127, 197, 200, 257, 768, 773],
    tokens: [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 50, 197], channels: Array(1...16),
    headTokens: Array(1...17) + [33, 50],
    headWidths: Array(1...35) + [47, 48, 49, 63, 64, 65, 72, 80, 96, 127, 128, 129, 130, 192], isThorough: true)

  private init(
    products: [MatmulCase], lengths: [Int], tokens: [Int], channels: [Int], headTokens: [Int], headWidths: [Int],
    isThorough: Bool
  ) {
    self.products = products
    rows32 = lengths.flatMap { RowCases.rows32($0) }
    rows16 = lengths.flatMap { RowCases.rows16($0) }
    self.tokens = tokens
    self.channels = channels
    self.headTokens = headTokens
    self.headWidths = headWidths
    self.isThorough = isThorough
  }

  /// The parameters that the row at `index` is compared with: all of them, or one, which changes from row to row.
  func choice<Parameters>(of all: [Parameters], for index: Int) -> ArraySlice<Parameters> {
    guard !isThorough, !all.isEmpty else { return all[...] }
    let chosen = index * 7 % all.count
    return all[chosen...chosen]
  }
}
