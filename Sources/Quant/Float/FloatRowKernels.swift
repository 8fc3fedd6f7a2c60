import CFloatKernels
import CKernels
import Int8Kernels
import ViTLite

/// The row functions of one instruction set; their contracts are in `CFloatKernels.h`, their definitions in `FloatRows`.
@safe struct FloatRowKernels: @unchecked Sendable {
  @unsafe let table: vq_float_rows

  /// Those of the widest vectors that this processor has, found once.
  static let fastest = available.last ?? portable

  /// All that this processor can run, slower ones first.
  static let available: [FloatRowKernels] = {
    var all = [portable]
    #if arch(x86_64)
      let isas = vq_detect_isas()
      if isas & UInt32(vq_isa_avx2_fma) != 0 { all.append(FloatRowKernels(table: vq_float_rows_avx2)) }
      if isas & UInt32(vq_isa_avx512f) != 0 { all.append(FloatRowKernels(table: vq_float_rows_avx512)) }
    #endif
    return all
  }()

  /// Plain Swift: the specification of all others.
  static let portable = unsafe FloatRowKernels(
    table: vq_float_rows(
      activate: { unsafe FloatRows.activate($0, ActivationFunction(rowCode: $2), count: $1) },
      softmax: { unsafe FloatRows.softmax($0, rows: $1, count: $2, scoreScale: $3, probabilityScale: $4) },
      normalize: {
        unsafe FloatRows.normalize(
          $0, gain: $1, bias: $2, epsilon: $3, count: $4, subtractsMean: $5 != 0, into: $6)
      },
      range: {
        let range = unsafe FloatRows.range($0, count: $1)
        unsafe ($2.pointee, $3.pointee) = (range.low, range.high)
      },
      round: { unsafe FloatRows.round($0, count: $1, low: $2, high: $3, step: $4) },
      multiply: { unsafe FloatRows.multiply($0, by: $1, rows: $2, columns: $3, into: $4) },
      divide: { unsafe FloatRows.divide($0, by: $1, rows: $2, columns: $3, into: $4) },
      subtract: { unsafe FloatRows.subtract($1, from: $0, count: $2) },
      column_range: { unsafe FloatRows.columnRange($0, rows: $1, columns: $2, least: $3, largest: $4) },
      column_sums: { unsafe FloatRows.addColumns($0, rows: $1, columns: $2, to: $3) },
      magnitude: { unsafe FloatRows.magnitude($0, count: $1) },
      extremes: { unsafe FloatRows.extremes($0, count: $1, least: $2, largest: $3) },
      squared_errors: {
        unsafe FloatRows.addSquaredErrors($0, stride: $1, $2, stride: $3, rows: $4, columns: $5, to: $6)
      },
      pack: { unsafe SGEMM.packPortably($0, rowStride: $1, columnStride: $2, k: $3, n: $4, into: $5) },
      round_panel: {
        unsafe FloatRows.roundPanel(
          $0, exact: $1, changes: $2, levels: $3, factors: $4, stride: $5, rows: $6, limit: $7, steps: $8, losses: $9)
      },
      solve: { unsafe FloatRows.solve($0, stride: $1, rows: $2, upper: $3, count: $4) }))
}

extension ActivationFunction {
  /// The number by which `vq_float_rows` knows the function.
  var rowCode: Int32 {
    switch self {
    case .gelu: 0
    case .geluTanh: 1
    case .quickGELU: 2
    case .silu: 3
    }
  }

  fileprivate init(rowCode: Int32) {
    switch rowCode {
    case 0: self = .gelu
    case 1: self = .geluTanh
    case 2: self = .quickGELU
    default: self = .silu
    }
  }
}

// What the callers see: the functions of the fastest instruction set.
extension FloatRows {
  @unsafe static var fastest: vq_float_rows { unsafe FloatRowKernels.fastest.table }
}
