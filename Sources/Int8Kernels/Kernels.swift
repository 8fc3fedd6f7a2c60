import CKernels

/// The functions of one instruction set; their contracts are in `CKernels.h`, their definitions in `Portable`.
package struct Kernels: @unchecked Sendable {
  let table: vq_kernels

  init(_ table: vq_kernels) {
    self.table = table
  }

  /// Plain Swift: the specification of all others.
  static let portable = unsafe Kernels(
    vq_kernels(
      matmul: { unsafe Portable.matmul($0) },
      matmul_wide: { unsafe Portable.matmulWide($0) },
      row_range_i32: { unsafe Portable.rowRange($0, $1, $2, $3, $4) },
      row_square_sum: { unsafe Portable.rowSquareSum($0, $1, $2, $3) },
      row_normalize_i16: { unsafe Portable.rowNormalize16($0, $1, $2, $3, $4, $5, $6, $7, $8) },
      row_normalize_i32: { unsafe Portable.rowNormalize32($0, $1, $2, $3, $4, $5, $6, $7, $8) },
      row_range_i16: { unsafe Portable.rowRange16($0, $1, $2, $3) },
      row_gelu: { unsafe Portable.rowGELU($0, $1, $2, $3, $4, $5) },
      row_activate: { unsafe Portable.rowActivate($0, $1, $2, $3, $4) },
      row_gate: { unsafe Portable.rowGate($0, $1, $2, $3) },
      row_rotate: { unsafe Portable.rowRotate($0, $1, $2, $3) },
      row_hadamard: { unsafe Portable.rowHadamard($0, $1, $2, $3) },
      row_quantize_u8: { unsafe Portable.rowQuantize($0, $1, $2, $3) },
      rows_quantize_u8: { unsafe Portable.rowsQuantize($0, $1, $2, $3, $4, $5, $6, $7) },
      pack_keys: { unsafe Portable.packKeys($0, $1, $2, $3, $4, $5, $6, $7) },
      pack_keys_fixed: { unsafe Portable.packKeysFixed($0, $1, $2, $3, $4, $5, $6, $7) },
      pack_values: { unsafe Portable.packValues($0, $1, $2, $3, $4) },
      row_quantize_wide: { unsafe Portable.rowQuantizeWide($0, $1, $2, $3) },
      pack_key_wide: { unsafe Portable.packKeyWide($0, $1, $2, $3) },
      pack_values_wide: { unsafe Portable.packValuesWide($0, $1, $2, $3, $4, $5) },
      row_maximum_i32: { unsafe Portable.rowMaximum($0, $1) },
      row_exp2: { unsafe Portable.rowExp2($0, $1, $2, $3, $4) },
      row_combine_i16: { unsafe Portable.rowCombine($0, $1, $2, $3, $4, $5, $6) }))
}
