// What the NEON kernels share: requantization of 4 lanes, sums of weights, levels of activations, a product's loop.
#ifndef VQ_NEON_H
#define VQ_NEON_H

#include <arm_neon.h>

#include "CKernels.h"

#pragma GCC visibility push(hidden)

// floor(accumulator * multiplier / 2^shift + 1/2), low 32 bits. `srshl` rounds in unlimited precision, and the sum of
// a product and its half never needs more than 64 bits.
static inline int32x4_t vq_requantize_neon(int32x4_t accumulator, int32x4_t multiplier, int64x2_t negative_shift) {
  const int64x2_t low = vmull_s32(vget_low_s32(accumulator), vget_low_s32(multiplier));
  const int64x2_t high = vmull_high_s32(accumulator, multiplier);
  return vmovn_high_s64(vmovn_s64(vrshlq_s64(low, negative_shift)), vrshlq_s64(high, negative_shift));
}

// floor((x - mean) / 2^shift + 1/2). The sum with the half wraps, which `srshl` would not do.
static inline int32x4_t vq_center_neon(int32x4_t x, int32x4_t mean, int32x4_t rounding, int32x4_t negative_shift) {
  return vshlq_s32(vaddq_s32(vsubq_s32(x, mean), rounding), negative_shift);
}

// 4 * 16 weights of one panel, four inputs of 4 columns in each vector.
static inline int8x16x4_t vq_load_weights_neon(const int8_t *_Nonnull b) { return vld1q_s8_x4(b); }

// 128 times the sum of each column of a panel: what a product lacks when 128 is subtracted from its activations, so
// that they fit int8.
static inline void vq_sum_panel_neon(const int8_t *_Nonnull b, int32_t k, int32x4_t *_Nonnull offsets) {
  int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
  for (int32_t i = 0; i < k; i += 4, b += 64) {
    const int8x16x4_t weights = vq_load_weights_neon(b);
    for (int c = 0; c < 4; ++c) sums[c] = vpadalq_s16(sums[c], vpaddlq_s8(weights.val[c]));
  }
  for (int c = 0; c < 4; ++c) offsets[c] = vshlq_n_s32(sums[c], 7);
}

// A `vq_row_quantizer` in 16-bit lanes.
typedef struct vq_quantizer_neon {
  int16x8_t low, high, exponent, inverse, zero_point;
} vq_quantizer_neon;

static inline vq_quantizer_neon vq_make_quantizer_neon(const vq_row_quantizer *_Nonnull quantizer) {
  return (vq_quantizer_neon){
      .low = vdupq_n_s16((int16_t)quantizer->low),
      .high = vdupq_n_s16((int16_t)quantizer->high),
      .exponent = vdupq_n_s16((int16_t)quantizer->exponent),
      .inverse = vdupq_n_s16((int16_t)quantizer->inverse),
      .zero_point = vdupq_n_s16((int16_t)quantizer->zero_point)};
}

// 8 values clamped to the row's range and shifted to 14 bits. A shift by -1 is one to the right.
static inline int16x8_t vq_scale_neon(int16x8_t x, vq_quantizer_neon quantizer) {
  return vshlq_s16(vminq_s16(vmaxq_s16(x, quantizer.low), quantizer.high), quantizer.exponent);
}

// The levels of 8 values.
static inline int16x8_t vq_quantize_neon(int16x8_t x, vq_quantizer_neon quantizer) {
  const int16x8_t product = vqrdmulhq_s16(vq_scale_neon(x, quantizer), quantizer.inverse);
  return vaddq_s16(vrshrq_n_s16(product, 6), quantizer.zero_point);
}

// The levels of 8 values in a wide product.
static inline int16x8_t vq_quantize_wide_neon(int16x8_t x, vq_quantizer_neon quantizer) {
  return vrshrq_n_s16(vqrdmulhq_s16(vq_scale_neon(x, quantizer), quantizer.inverse), 1);
}

#pragma clang assume_nonnull begin

// Requantizes and writes `rows` x 16 accumulators, row after row in `accumulators`, as the block of the output that
// starts at `row` and `column`.
void vq_epilogue_neon(const vq_matmul *, const int32_t *accumulators, int32_t row, int32_t rows, int32_t column);

// The sums of up to `block_rows` rows and 16 columns: `rows x 16`. `offsets` is what `vq_sum_panel_neon` gives.
typedef void (*vq_multiply_rows_neon)(const uint8_t *_Nonnull a, ptrdiff_t stride, const int8_t *_Nonnull b, int32_t k,
                                      int32_t rows, const int32x4_t *_Nonnull offsets, int32_t *_Nonnull accumulators);

// A whole product by blocks of rows. Panels outside, rows inside: the weights are read in order, and a panel stays in
// the first-level cache while all rows pass. `accumulators` holds a block.
static inline __attribute__((always_inline)) void vq_matmul_by_blocks_neon(
    const vq_matmul *_Nonnull product, int32_t block_rows, vq_multiply_rows_neon _Nonnull multiply_rows,
    int32_t *_Nonnull accumulators) {
  const uint8_t *const a = product->a;
  const ptrdiff_t stride = product->a_stride, k = product->k;
  for (int32_t column = 0; column < product->columns; column += 16) {
    const int8_t *const b = (const int8_t *)product->b + column * k;
    int32x4_t offsets[4];
    vq_sum_panel_neon(b, product->k, offsets);
    for (int32_t row = 0; row < product->rows; row += block_rows) {
      const int32_t rows = product->rows - row < block_rows ? product->rows - row : block_rows;
      multiply_rows(a + row * stride, stride, b, product->k, rows, offsets, accumulators);
      vq_epilogue_neon(product, accumulators, row, rows, column);
    }
  }
}

void vq_matmul_wide_neon(const vq_matmul *);

void vq_row_range_i32_neon(const int32_t *, int32_t, int64_t *, int32_t *, int32_t *);
int64_t vq_row_square_sum_neon(const int32_t *, int32_t, int32_t, int32_t);
void vq_row_normalize_i16_neon(const int32_t *, int32_t, int32_t, int32_t, int32_t, const int32_t *, const int32_t *,
                               int32_t, int16_t *);
void vq_row_normalize_i32_neon(const int32_t *, int32_t, int32_t, int32_t, int32_t, const int32_t *, const int32_t *,
                               int32_t, int32_t *);
void vq_row_range_i16_neon(const int16_t *, int32_t, int32_t *, int32_t *);
void vq_row_gelu_neon(int16_t *, int32_t, int32_t, const int16_t *_Nullable, int32_t *, int32_t *);
void vq_row_activate_neon(int16_t *, int32_t, int32_t, const uint16_t *, int32_t);
void vq_row_gate_neon(int16_t *, const int16_t *, int32_t, int32_t);
void vq_row_rotate_neon(int16_t *, int32_t, const int16_t *, const int16_t *);
void vq_row_hadamard_neon(int32_t *, int32_t, int32_t, const int8_t *);
void vq_row_quantize_u8_neon(const int16_t *, int32_t, const vq_row_quantizer *, uint8_t *);
void vq_rows_quantize_u8_neon(const int16_t *, ptrdiff_t, int32_t, int32_t, uint8_t *, ptrdiff_t, int32_t *, int32_t *);
void vq_pack_keys_neon(const int16_t *, ptrdiff_t, int32_t, int32_t, int32_t, int8_t *, int32_t *, int32_t *);
void vq_pack_keys_fixed_neon(
    const int16_t *, ptrdiff_t, int32_t, int32_t, int32_t, const vq_row_quantizer *, int8_t *, int32_t *);
void vq_pack_values_neon(const int16_t *, ptrdiff_t, int32_t, int32_t, int8_t *);
void vq_row_quantize_wide_neon(const int16_t *, int32_t, const vq_row_quantizer *, int16_t *);
void vq_pack_key_wide_neon(const int16_t *, int32_t, const vq_row_quantizer *, int16_t *);
void vq_pack_values_wide_neon(const int16_t *, ptrdiff_t, int32_t, int32_t, int8_t *, int8_t *);
int32_t vq_row_maximum_i32_neon(const int32_t *, int32_t);
int32_t vq_row_exp2_neon(const int32_t *, int32_t, int32_t, uint8_t *, uint8_t *_Nullable);
void vq_row_combine_i16_neon(const int32_t *, const int32_t *_Nullable, int32_t, int32_t, const int32_t *, int32_t,
                             int16_t *);

#pragma clang assume_nonnull end

// The row kernels' part of a table.
#define VQ_ROW_KERNELS_NEON                        \
  .row_range_i32 = vq_row_range_i32_neon,          \
  .row_square_sum = vq_row_square_sum_neon,        \
  .row_normalize_i16 = vq_row_normalize_i16_neon,  \
  .row_normalize_i32 = vq_row_normalize_i32_neon,  \
  .row_range_i16 = vq_row_range_i16_neon,          \
  .row_gelu = vq_row_gelu_neon,                    \
  .row_activate = vq_row_activate_neon,            \
  .row_gate = vq_row_gate_neon,                    \
  .row_rotate = vq_row_rotate_neon,                \
  .row_hadamard = vq_row_hadamard_neon,            \
  .row_quantize_u8 = vq_row_quantize_u8_neon,      \
  .rows_quantize_u8 = vq_rows_quantize_u8_neon,    \
  .pack_keys = vq_pack_keys_neon,                  \
  .pack_keys_fixed = vq_pack_keys_fixed_neon,      \
  .pack_values = vq_pack_values_neon,              \
  .row_quantize_wide = vq_row_quantize_wide_neon,  \
  .pack_key_wide = vq_pack_key_wide_neon,          \
  .pack_values_wide = vq_pack_values_wide_neon,    \
  .row_maximum_i32 = vq_row_maximum_i32_neon,      \
  .row_exp2 = vq_row_exp2_neon,                    \
  .row_combine_i16 = vq_row_combine_i16_neon

#pragma GCC visibility pop

#endif
