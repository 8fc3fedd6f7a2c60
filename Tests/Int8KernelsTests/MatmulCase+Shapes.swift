import CKernels

extension MatmulCase {
  static let outputs = [vq_output_int16, vq_output_int32, vq_output_accumulate, vq_output_sums]

  static let all = shapes + large + shifts + edges

  /// Every block height and its neighbours, odd panels, last panels of every width.
  static let shapes: [MatmulCase] = {
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

  /// Sizes of the models.
  static let large = [
    MatmulCase(rows: 19, columns: 40, k: 768, output: vq_output_int16, seed: 3),
    MatmulCase(rows: 3, columns: 17, k: 3072, output: vq_output_accumulate, seed: 4),
    MatmulCase(rows: 2, columns: 16, k: 4096, seed: 5),
    MatmulCase(rows: 34, columns: 66, k: 200, seed: 6),
  ]

  static let shifts = (Int32(0)...62).map { MatmulCase(rows: 2, columns: 19, k: 8, shift: $0, seed: UInt64($0)) }

  static let edges: [MatmulCase] = [MatmulCase.Values.extreme, .zero].flatMap { values in
    [Int32(0), 15, 31, 32, 33, 47, 62].map {
      MatmulCase(rows: 13, columns: 35, k: 64, shift: $0, values: values)
    }
  }
}
