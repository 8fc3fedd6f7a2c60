// What the AVX-512 kernels share: lane masks, the requantization of 16 lanes, and levels of activations.
#ifndef VQ_AVX512_H
#define VQ_AVX512_H

#include "CKernels.h"
#include "instructions.h"

#pragma GCC visibility push(hidden)
VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl")

// Masks of the lanes that are left of a row; none when `left` is not positive.
static inline __mmask32 vq_lanes32(ptrdiff_t left) {
  return left >= 32 ? 0xFFFFFFFFu : left <= 0 ? 0 : (__mmask32)((1u << left) - 1);
}
static inline __mmask16 vq_lanes16(ptrdiff_t left) {
  return left >= 16 ? 0xFFFF : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

// A right shift with its rounding, for all lanes.
typedef struct vq_shift512 {
  __m512i rounding, count;  // 64-bit lanes
} vq_shift512;

static inline vq_shift512 vq_make_shift512(int32_t shift) {
  return (vq_shift512){_mm512_set1_epi64((int64_t)((1ull << shift) >> 1)), _mm512_set1_epi64(shift)};
}

// Moves the odd 32-bit lanes to the even ones.
static inline __m512i vq_odd_lanes512(__m512i x) { return _mm512_shuffle_epi32(x, _MM_PERM_DDBB); }

// floor(accumulator * multiplier / 2^shift + 1/2), low 32 bits. Products have 64 bits, so even and odd lanes are
// multiplied one after the other. Intel's processors have two ports for products of 512 bits; shifts have but the one
// and shuffles the other, so a shuffle moves the odd lanes, not a shift. A shift with a count for each lane is one
// operation, where a shift with one count for all is two.
static inline __m512i vq_requantize512(__m512i accumulator, __m512i multiplier, vq_shift512 shift) {
  __m512i even = _mm512_mul_epi32(accumulator, multiplier);
  __m512i odd = _mm512_mul_epi32(vq_odd_lanes512(accumulator), vq_odd_lanes512(multiplier));
  even = _mm512_srav_epi64(_mm512_add_epi64(even, shift.rounding), shift.count);
  odd = _mm512_srav_epi64(_mm512_add_epi64(odd, shift.rounding), shift.count);
  return _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, _MM_PERM_CCAA);
}

// 32 values as int16, saturated. `vpackssdw` packs each 128-bit quarter of its operands apart; `order` undoes that.
// A `vpmovsdw` for each operand is twice the work.
static inline __m512i vq_saturate512(__m512i first, __m512i second) {
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  return _mm512_permutexvar_epi64(order, _mm512_packs_epi32(first, second));
}

// A `vq_row_quantizer` in 16-bit lanes.
typedef struct vq_quantizer512 {
  __m512i low, high, inverse, zero_point;
  __m512i left, right;  // shifts, see `vq_requantize512`
} vq_quantizer512;

static inline vq_quantizer512 vq_make_quantizer512(const vq_row_quantizer *_Nonnull quantizer) {
  return (vq_quantizer512){
      .low = _mm512_set1_epi16((int16_t)quantizer->low),
      .high = _mm512_set1_epi16((int16_t)quantizer->high),
      .inverse = _mm512_set1_epi16((int16_t)quantizer->inverse),
      .zero_point = _mm512_set1_epi16((int16_t)quantizer->zero_point),
      .left = _mm512_set1_epi16((int16_t)(quantizer->exponent < 0 ? 0 : quantizer->exponent)),
      .right = _mm512_set1_epi16(quantizer->exponent < 0 ? 1 : 0)};
}

// 32 values clamped to the row's range and shifted to 14 bits.
static inline __m512i vq_scale512(__m512i x, vq_quantizer512 quantizer) {
  const __m512i clamped = _mm512_min_epi16(_mm512_max_epi16(x, quantizer.low), quantizer.high);
  return _mm512_sllv_epi16(_mm512_srav_epi16(clamped, quantizer.right), quantizer.left);
}

// The levels of 32 values. A Q15 product with 512 is floor(x / 2^6 + 1/2).
static inline __m512i vq_quantize512(__m512i x, vq_quantizer512 quantizer) {
  const __m512i product = _mm512_mulhrs_epi16(vq_scale512(x, quantizer), quantizer.inverse);
  return _mm512_add_epi16(_mm512_mulhrs_epi16(product, _mm512_set1_epi16(512)), quantizer.zero_point);
}

// The levels of 32 values in a wide product. A Q15 product with 2^14 is floor(x / 2 + 1/2).
static inline __m512i vq_quantize_wide512(__m512i x, vq_quantizer512 quantizer) {
  const __m512i product = _mm512_mulhrs_epi16(vq_scale512(x, quantizer), quantizer.inverse);
  return _mm512_mulhrs_epi16(product, _mm512_set1_epi16(1 << 14));
}

VQ_INSTRUCTIONS_END

#pragma clang assume_nonnull begin

// Requantizes and writes `rows` x 16 `panels` accumulators, row after row in `accumulators`, as the block of the
// output that starts at `row` and `column`.
void vq_epilogue_avx512(const vq_matmul *, const int32_t *accumulators, int32_t row, int32_t rows, int32_t column,
                        int32_t panels);

void vq_matmul_wide_avx512vnni(const vq_matmul *);

void vq_row_range_i32_avx512(const int32_t *, int32_t, int64_t *, int32_t *, int32_t *);
int64_t vq_row_square_sum_avx512(const int32_t *, int32_t, int32_t, int32_t);
void vq_row_normalize_i16_avx512(const int32_t *, int32_t, int32_t, int32_t, int32_t, const int32_t *,
                                 const int32_t *, int32_t, int16_t *);
void vq_row_normalize_i32_avx512(const int32_t *, int32_t, int32_t, int32_t, int32_t, const int32_t *,
                                 const int32_t *, int32_t, int32_t *);
void vq_row_range_i16_avx512(const int16_t *, int32_t, int32_t *, int32_t *);
void vq_row_gelu_avx512(int16_t *, int32_t, int32_t, const int16_t *_Nullable, int32_t *, int32_t *);
void vq_row_activate_avx512(int16_t *, int32_t, int32_t, const uint16_t *, int32_t);
void vq_row_gate_avx512(int16_t *, const int16_t *, int32_t, int32_t);
void vq_row_rotate_avx512(int16_t *, int32_t, const int16_t *, const int16_t *);
void vq_row_hadamard_avx512(int32_t *, int32_t, int32_t, const int8_t *);
void vq_row_quantize_u8_avx512(const int16_t *, int32_t, const vq_row_quantizer *, uint8_t *);
void vq_rows_quantize_u8_avx512(const int16_t *, ptrdiff_t, int32_t, int32_t, uint8_t *, ptrdiff_t, int32_t *, int32_t *);
int32_t vq_pack_key_avx512(const int16_t *, int32_t, const vq_row_quantizer *, int8_t *);
void vq_pack_keys_avx512(const int16_t *, ptrdiff_t, int32_t, int32_t, int32_t, int8_t *, int32_t *, int32_t *);
void vq_pack_keys_fixed_avx512(
    const int16_t *, ptrdiff_t, int32_t, int32_t, int32_t, const vq_row_quantizer *, int8_t *, int32_t *);
void vq_pack_values_avx512(const int16_t *, ptrdiff_t, int32_t, int32_t, int8_t *);
void vq_row_quantize_wide_avx512(const int16_t *, int32_t, const vq_row_quantizer *, int16_t *);
void vq_pack_key_wide_avx512(const int16_t *, int32_t, const vq_row_quantizer *, int16_t *);
void vq_pack_values_wide_avx512(const int16_t *, ptrdiff_t, int32_t, int32_t, int8_t *, int8_t *);
int32_t vq_row_maximum_i32_avx512(const int32_t *, int32_t);
int32_t vq_row_exp2_avx512(const int32_t *, int32_t, int32_t, uint8_t *, uint8_t *_Nullable);
void vq_row_combine_i16_avx512(const int32_t *, const int32_t *_Nullable, int32_t, int32_t, const int32_t *, int32_t,
                               int16_t *);

#pragma clang assume_nonnull end

// The row kernels' part of a table.
#define VQ_ROW_KERNELS_AVX512                        \
  .row_range_i32 = vq_row_range_i32_avx512,          \
  .row_square_sum = vq_row_square_sum_avx512,        \
  .row_normalize_i16 = vq_row_normalize_i16_avx512,  \
  .row_normalize_i32 = vq_row_normalize_i32_avx512,  \
  .row_range_i16 = vq_row_range_i16_avx512,          \
  .row_gelu = vq_row_gelu_avx512,                    \
  .row_activate = vq_row_activate_avx512,            \
  .row_gate = vq_row_gate_avx512,                    \
  .row_rotate = vq_row_rotate_avx512,                \
  .row_hadamard = vq_row_hadamard_avx512,            \
  .row_quantize_u8 = vq_row_quantize_u8_avx512,      \
  .rows_quantize_u8 = vq_rows_quantize_u8_avx512,    \
  .pack_keys = vq_pack_keys_avx512,                  \
  .pack_keys_fixed = vq_pack_keys_fixed_avx512,      \
  .pack_values = vq_pack_values_avx512,              \
  .row_quantize_wide = vq_row_quantize_wide_avx512,  \
  .pack_key_wide = vq_pack_key_wide_avx512,          \
  .pack_values_wide = vq_pack_values_wide_avx512,    \
  .row_maximum_i32 = vq_row_maximum_i32_avx512,      \
  .row_exp2 = vq_row_exp2_avx512,                    \
  .row_combine_i16 = vq_row_combine_i16_avx512

#pragma GCC visibility pop

#endif
