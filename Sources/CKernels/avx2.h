// What the AVX2 kernels share: the requantization of 8 lanes, sums and extremes of a vector, and levels of activations.
#ifndef VQ_AVX2_H
#define VQ_AVX2_H

#include <string.h>

#include "CKernels.h"
#include "instructions.h"

#pragma GCC visibility push(hidden)
VQ_INSTRUCTIONS("avx2")

static inline __m256i vq_load256(const void *_Nonnull x) { return _mm256_loadu_si256((const __m256i *)x); }

// 4 bytes in each 32-bit lane.
static inline __attribute__((always_inline)) __m256i vq_broadcast256(const void *_Nonnull x) {
  int32_t four;
  memcpy(&four, x, 4);
  return _mm256_set1_epi32(four);
}

// A right shift with its rounding, for all lanes. AVX2 has no arithmetic shift of 64-bit lanes. A logical shift of
// x + 2^63 gives the arithmetic shift of x, plus 2^63 / 2^shift; the low 32 bits of that are `correction`, which is
// subtracted.
typedef struct vq_shift256 {
  __m256i rounding;    // 64-bit lanes, with the 2^63
  __m256i correction;  // 32-bit lanes
  __m128i count;
} vq_shift256;

static inline vq_shift256 vq_make_shift256(int32_t shift) {
  const uint64_t offset = 1ull << 63;
  return (vq_shift256){
      _mm256_set1_epi64x((int64_t)(((1ull << shift) >> 1) + offset)),
      _mm256_set1_epi32((int32_t)(uint32_t)(offset >> shift)),
      _mm_cvtsi32_si128(shift)};
}

// floor(accumulator * multiplier / 2^shift + 1/2), low 32 bits. Products have 64 bits, so even and odd lanes are
// multiplied one after the other.
static inline __m256i vq_requantize256(__m256i accumulator, __m256i multiplier, vq_shift256 shift) {
  __m256i even = _mm256_mul_epi32(accumulator, multiplier);
  __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(accumulator, 32), _mm256_srli_epi64(multiplier, 32));
  even = _mm256_srl_epi64(_mm256_add_epi64(even, shift.rounding), shift.count);
  odd = _mm256_srl_epi64(_mm256_add_epi64(odd, shift.rounding), shift.count);
  const __m256i low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
  return _mm256_sub_epi32(low, shift.correction);
}

// floor((x - mean) / 2^shift + 1/2) in 32-bit lanes.
static inline __m256i vq_center256(__m256i x, __m256i mean, __m256i rounding, __m128i shift) {
  return _mm256_sra_epi32(_mm256_add_epi32(_mm256_sub_epi32(x, mean), rounding), shift);
}

// 16 int32 as 16 saturated int16, in order.
static inline __m256i vq_saturate256(__m256i first, __m256i second) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), _MM_SHUFFLE(3, 1, 2, 0));
}

static inline int32_t vq_sum256(__m256i x) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(1, 0, 3, 2)));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(sum);
}

static inline int64_t vq_sum256_i64(__m256i x) {
  const __m128i sum = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  return _mm_cvtsi128_si64(_mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum)));
}

static inline int32_t vq_minimum256(__m256i x) {
  __m128i low = _mm_min_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  low = _mm_min_epi32(low, _mm_shuffle_epi32(low, _MM_SHUFFLE(1, 0, 3, 2)));
  low = _mm_min_epi32(low, _mm_shuffle_epi32(low, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(low);
}

static inline int32_t vq_maximum256(__m256i x) {
  __m128i high = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  high = _mm_max_epi32(high, _mm_shuffle_epi32(high, _MM_SHUFFLE(1, 0, 3, 2)));
  high = _mm_max_epi32(high, _mm_shuffle_epi32(high, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(high);
}

// A `vq_row_quantizer` in 16-bit lanes.
typedef struct vq_quantizer256 {
  __m256i low, high, inverse, zero_point;
  __m128i left, right;
} vq_quantizer256;

static inline vq_quantizer256 vq_make_quantizer256(const vq_row_quantizer *_Nonnull quantizer) {
  return (vq_quantizer256){
      .low = _mm256_set1_epi16((int16_t)quantizer->low),
      .high = _mm256_set1_epi16((int16_t)quantizer->high),
      .inverse = _mm256_set1_epi16((int16_t)quantizer->inverse),
      .zero_point = _mm256_set1_epi16((int16_t)quantizer->zero_point),
      .left = _mm_cvtsi32_si128(quantizer->exponent < 0 ? 0 : quantizer->exponent),
      .right = _mm_cvtsi32_si128(quantizer->exponent < 0 ? 1 : 0)};
}

// 16 values clamped to the row's range and shifted to 14 bits.
static inline __m256i vq_scale256(__m256i x, vq_quantizer256 quantizer) {
  const __m256i clamped = _mm256_min_epi16(_mm256_max_epi16(x, quantizer.low), quantizer.high);
  return _mm256_sll_epi16(_mm256_sra_epi16(clamped, quantizer.right), quantizer.left);
}

// The levels of 16 values. A Q15 product with 512 is floor(x / 2^6 + 1/2).
static inline __m256i vq_quantize256(__m256i x, vq_quantizer256 quantizer) {
  const __m256i product = _mm256_mulhrs_epi16(vq_scale256(x, quantizer), quantizer.inverse);
  return _mm256_add_epi16(_mm256_mulhrs_epi16(product, _mm256_set1_epi16(512)), quantizer.zero_point);
}

// The levels of 16 values in a wide product. A Q15 product with 2^14 is floor(x / 2 + 1/2).
static inline __m256i vq_quantize_wide256(__m256i x, vq_quantizer256 quantizer) {
  const __m256i product = _mm256_mulhrs_epi16(vq_scale256(x, quantizer), quantizer.inverse);
  return _mm256_mulhrs_epi16(product, _mm256_set1_epi16(1 << 14));
}

// The high plane of 16 values within +-VQ_PLANES_LIMIT, and the low one.
static inline __m256i vq_high_plane256(__m256i level) {
  return _mm256_srai_epi16(_mm256_add_epi16(level, _mm256_set1_epi16(64)), 7);
}
static inline __m256i vq_low_plane256(__m256i level, __m256i high) {
  return _mm256_sub_epi16(level, _mm256_slli_epi16(high, 7));
}

VQ_INSTRUCTIONS_END

#pragma clang assume_nonnull begin

// Requantizes and writes `rows` x 16 accumulators, row after row in `accumulators`, as the block of the output that
// starts at `row` and `column`.
void vq_epilogue_avx2(const vq_matmul *, const int32_t *accumulators, int32_t row, int32_t rows, int32_t column);

void vq_matmul_wide_avx2(const vq_matmul *);
void vq_matmul_wide_avxvnni(const vq_matmul *);

void vq_row_range_i32_avx2(const int32_t *, int32_t, int64_t *, int32_t *, int32_t *);
int64_t vq_row_square_sum_avx2(const int32_t *, int32_t, int32_t, int32_t);
void vq_row_normalize_i16_avx2(const int32_t *, int32_t, int32_t, int32_t, int32_t, const int32_t *, const int32_t *,
                               int32_t, int16_t *);
void vq_row_normalize_i32_avx2(const int32_t *, int32_t, int32_t, int32_t, int32_t, const int32_t *, const int32_t *,
                               int32_t, int32_t *);
void vq_row_range_i16_avx2(const int16_t *, int32_t, int32_t *, int32_t *);
void vq_row_gelu_avx2(int16_t *, int32_t, int32_t, const int16_t *_Nullable, int32_t *, int32_t *);
void vq_row_activate_avx2(int16_t *, int32_t, int32_t, const uint16_t *, int32_t);
void vq_row_gate_avx2(int16_t *, const int16_t *, int32_t, int32_t);
void vq_row_rotate_avx2(int16_t *, int32_t, const int16_t *, const int16_t *);
void vq_row_hadamard_avx2(int32_t *, int32_t, int32_t, const int8_t *);
void vq_row_quantize_u8_avx2(const int16_t *, int32_t, const vq_row_quantizer *, uint8_t *);
void vq_rows_quantize_u8_avx2(const int16_t *, ptrdiff_t, int32_t, int32_t, uint8_t *, ptrdiff_t, int32_t *, int32_t *);
void vq_pack_keys_avx2(const int16_t *, ptrdiff_t, int32_t, int32_t, int32_t, int8_t *, int32_t *, int32_t *);
void vq_pack_keys_fixed_avx2(
    const int16_t *, ptrdiff_t, int32_t, int32_t, int32_t, const vq_row_quantizer *, int8_t *, int32_t *);
void vq_pack_values_avx2(const int16_t *, ptrdiff_t, int32_t, int32_t, int8_t *);
void vq_row_quantize_wide_avx2(const int16_t *, int32_t, const vq_row_quantizer *, int16_t *);
void vq_pack_key_wide_avx2(const int16_t *, int32_t, const vq_row_quantizer *, int16_t *);
void vq_pack_values_wide_avx2(const int16_t *, ptrdiff_t, int32_t, int32_t, int8_t *, int8_t *);
int32_t vq_row_maximum_i32_avx2(const int32_t *, int32_t);
int32_t vq_row_exp2_avx2(const int32_t *, int32_t, int32_t, uint8_t *, uint8_t *_Nullable);
void vq_row_combine_i16_avx2(const int32_t *, const int32_t *_Nullable, int32_t, int32_t, const int32_t *, int32_t,
                             int16_t *);

#pragma clang assume_nonnull end

// The row kernels' part of a table.
#define VQ_ROW_KERNELS_AVX2                        \
  .row_range_i32 = vq_row_range_i32_avx2,          \
  .row_square_sum = vq_row_square_sum_avx2,        \
  .row_normalize_i16 = vq_row_normalize_i16_avx2,  \
  .row_normalize_i32 = vq_row_normalize_i32_avx2,  \
  .row_range_i16 = vq_row_range_i16_avx2,          \
  .row_gelu = vq_row_gelu_avx2,                    \
  .row_activate = vq_row_activate_avx2,            \
  .row_gate = vq_row_gate_avx2,                    \
  .row_rotate = vq_row_rotate_avx2,                \
  .row_hadamard = vq_row_hadamard_avx2,            \
  .row_quantize_u8 = vq_row_quantize_u8_avx2,      \
  .rows_quantize_u8 = vq_rows_quantize_u8_avx2,    \
  .pack_keys = vq_pack_keys_avx2,                  \
  .pack_keys_fixed = vq_pack_keys_fixed_avx2,      \
  .pack_values = vq_pack_values_avx2,              \
  .row_quantize_wide = vq_row_quantize_wide_avx2,  \
  .pack_key_wide = vq_pack_key_wide_avx2,          \
  .pack_values_wide = vq_pack_values_wide_avx2,    \
  .row_maximum_i32 = vq_row_maximum_i32_avx2,      \
  .row_exp2 = vq_row_exp2_avx2,                    \
  .row_combine_i16 = vq_row_combine_i16_avx2

#pragma GCC visibility pop

#endif
