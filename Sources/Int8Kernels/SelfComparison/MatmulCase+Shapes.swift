extension MatmulCase {
  /// Shapes with a row, a column or a group of inputs more or less than the kernels' blocks, and extreme values.
  static let quick = [
    MatmulCase(rows: 1, columns: 1, k: 4, aPadding: 3), MatmulCase(rows: 7, columns: 19, k: 12, aPadding: 1, seed: 2),
    MatmulCase(rows: 13, columns: 19, k: 68, shift: 31, values: .extreme),
    MatmulCase(rows: 5, columns: 19, k: 68, shift: 34, values: .moderate, seed: 3),
    MatmulCase(rows: 26, columns: 19, k: 36, values: .pairs, seed: 8),
    MatmulCase(rows: 17, columns: 33, k: 20, shift: 40, seed: 4),
    MatmulCase(rows: 33, columns: 16, k: 8, shift: 33, values: .moderate, seed: 5),
    MatmulCase(rows: 18, columns: 65, k: 8, shift: 29, values: .sums, seed: 12),
    MatmulCase(rows: 11, columns: 65, k: 48, shift: 29, values: .sums, seed: 13),
    MatmulCase(rows: 2, columns: 97, k: 20, shift: 0, seed: 6), MatmulCase(rows: 1, columns: 16, k: 1028, seed: 7),
    MatmulCase(rows: 26, columns: 19, k: 36, shift: 33, values: .moderate, isWide: true, seed: 9),
    MatmulCase(rows: 7, columns: 35, k: 68, shift: 27, isWide: true, aPadding: 2, seed: 10),
    MatmulCase(rows: 3, columns: 17, k: 8, shift: 24, values: .extreme, isWide: true),
    MatmulCase(rows: 15, columns: 14, k: 12, shift: 33, values: .moderate, isWide: true, seed: 11),
    MatmulCase(rows: 11, columns: 65, k: 24, shift: 38, values: .biases, isWide: true, seed: 14),
  ]

  static let thorough =
    shapes + moderate + large + shifts + sums + biases + edges + pairs + chains(of: [48, 52, 44, 100]) + wide

  /// Every block height and its neighbours, odd panels, last panels of every width.
  private static let shapes: [MatmulCase] = {
    var cases: [MatmulCase] = []
    for rows in Array(1...14) + [15, 16, 17, 23, 25, 31, 32, 33, 37, 47, 49, 65] {
      cases.append(MatmulCase(rows: rows, columns: rows % 3 * 16 + 7, k: 12, aPadding: rows % 2, seed: UInt64(rows)))
    }
    for columns in [1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 80, 97] {
      cases.append(MatmulCase(rows: 5, columns: columns, k: 20, outPadding: columns % 4, seed: UInt64(columns)))
    }
    for k in [4, 8, 12, 16, 28, 32, 36, 60, 64, 68, 100, 124, 128, 132, 192, 252, 1020, 1024, 1028] {
      cases.append(MatmulCase(rows: 3, columns: 33, k: k, aPadding: 5, seed: UInt64(k)))
    }
    return cases
  }()

  /// Shifts that leave most results within int16.
  private static let moderate = (Int32(30)...36).map {
    MatmulCase(rows: 37, columns: 49, k: 76, shift: $0, values: .moderate, seed: UInt64($0))
  }

  /// Numbers of inputs that models have.
  private static let large = [
    MatmulCase(rows: 19, columns: 40, k: 768, seed: 3), MatmulCase(rows: 3, columns: 17, k: 3072, seed: 4),
    MatmulCase(rows: 2, columns: 16, k: 4096, seed: 5), MatmulCase(rows: 34, columns: 66, k: 200, seed: 6),
  ]

  private static let shifts = (Int32(0)...62).map {
    MatmulCase(rows: 2, columns: 19, k: 8, shift: $0, seed: UInt64($0))
  }

  private static let sums = [Int32(0), 1, 15, 28, 31, 32, 33].flatMap { shift in
    [3, 4, 13, 33].map { rows in
      MatmulCase(rows: rows, columns: 75, k: 12, shift: shift, values: .sums, seed: UInt64(shift) + UInt64(rows))
    }
  }

  /// The shifts that leave some biases out, those that leave none, and the largest.
  private static let biases = [Int32(30), 31, 32, 33, 37, 42, 50, 61, 62].flatMap { shift in
    [3, 4, 13, 33].map { rows in
      MatmulCase(rows: rows, columns: 75, k: 12, shift: shift, values: .biases, seed: UInt64(shift) + UInt64(rows))
    }
  }

  /// More inputs than the tables of a kernel hold, and fewer.
  private static let pairs = [
    (13, 35, 64), (37, 80, 1028), (25, 17, 2056), (100, 17, 4100), (14, 40, 8196), (13, 17, 16388),
  ].map {
    rows, columns, k in
    MatmulCase(rows: rows, columns: columns, k: k, values: .pairs, seed: UInt64(k))
  }

  /// Rows, columns and inputs of several blocks that follow each other, of one height and of two, and a little too few for
  /// that; column sums and biases that each panel's, the last but one's or no panel's short form can hold.
  ///
  /// - Parameter inputs: four numbers, the third too few.
  private static func chains(of inputs: [Int]) -> [MatmulCase] {
    var cases: [MatmulCase] = []
    for rows in [9, 10, 11, 12, 17, 18, 19, 21, 23, 24, 25, 27, 28, 31, 33, 35, 37, 47] {
      for (columns, k) in zip([32, 70, 96, 64], inputs) {
        let values = [MatmulCase.Values.moderate, .sums, .extreme, .biases][(rows + columns / 32) % 4]
        cases.append(
          MatmulCase(
            rows: rows, columns: columns, k: k, shift: Int32(23 + (rows + k / 4) % 21), values: values,
            aPadding: k % 3, seed: UInt64(rows * columns)))
      }
    }
    return cases
  }

  private static let edges: [MatmulCase] = [MatmulCase.Values.extreme, .zero].flatMap { values in
    [Int32(0), 15, 31, 32, 33, 47, 62].map {
      MatmulCase(rows: 13, columns: 35, k: 64, shift: $0, values: values)
    }
  }

  /// The same of int16: what depends on their values alone is not repeated. Shapes of chains have as many bytes.
  private static let wide = (shapes + moderate + large + sums + biases + edges + chains(of: [24, 28, 20, 52])).map {
    shape in
    var shape = shape
    shape.isWide = true
    return shape
  }
}
