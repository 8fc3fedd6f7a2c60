/// The functions of a kernel table, in its order; the raw value is the name in `CKernels.h`.
package enum Kernel: String, Sendable, CaseIterable {
  case matmul
  case matmulWide = "matmul_wide"
  case rowRange32 = "row_range_i32"
  case rowSquareSum = "row_square_sum"
  case rowNormalize16 = "row_normalize_i16"
  case rowNormalize32 = "row_normalize_i32"
  case rowRange16 = "row_range_i16"
  case rowGELU = "row_gelu"
  case rowActivate = "row_activate"
  case rowGate = "row_gate"
  case rowRotate = "row_rotate"
  case rowHadamard = "row_hadamard"
  case rowQuantize = "row_quantize_u8"
  case packKey = "pack_key"
  case packValues = "pack_values"
  case rowQuantizeWide = "row_quantize_wide"
  case packKeyWide = "pack_key_wide"
  case packValuesWide = "pack_values_wide"
  case rowMaximum = "row_maximum_i32"
  case rowExp2 = "row_exp2"
  case rowCombine = "row_combine_i16"
}
