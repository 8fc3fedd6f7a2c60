// The row kernels of LayerNorm, GELU and the quantization of activations, AVX-512.
#if defined(__x86_64__)

#include "avx512.h"
#include "scalar.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

void vq_row_range_i32_avx512(const int32_t *x, int32_t n, int64_t *sum, int32_t *minimum, int32_t *maximum) {
  __m512i even = _mm512_setzero_si512(), odd = even;
  __m512i low = _mm512_set1_epi32(INT32_MAX), high = _mm512_set1_epi32(INT32_MIN);
  for (int32_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    const __m512i v = _mm512_maskz_loadu_epi32(lanes, x + i);
    // The two halves of a 64-bit lane, each sign-extended in place.
    even = _mm512_add_epi64(even, _mm512_srai_epi64(_mm512_slli_epi64(v, 32), 32));
    odd = _mm512_add_epi64(odd, _mm512_srai_epi64(v, 32));
    low = _mm512_mask_min_epi32(low, lanes, low, v);
    high = _mm512_mask_max_epi32(high, lanes, high, v);
  }
  *sum = _mm512_reduce_add_epi64(_mm512_add_epi64(even, odd));
  *minimum = _mm512_reduce_min_epi32(low);
  *maximum = _mm512_reduce_max_epi32(high);
}

int64_t vq_row_square_sum_avx512(const int32_t *x, int32_t n, int32_t mean, int32_t shift) {
  const __m512i means = _mm512_set1_epi32(mean), rounding = _mm512_set1_epi32((int32_t)((1u << shift) >> 1));
  const __m128i count = _mm_cvtsi32_si128(shift);
  __m512i even = _mm512_setzero_si512(), odd = even;
  for (int32_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    const __m512i v = _mm512_maskz_loadu_epi32(lanes, x + i);
    const __m512i centered = _mm512_maskz_mov_epi32(lanes, vq_center512(v, means, rounding, count));
    const __m512i upper = _mm512_srli_epi64(centered, 32);
    even = _mm512_add_epi64(even, _mm512_mul_epi32(centered, centered));
    odd = _mm512_add_epi64(odd, _mm512_mul_epi32(upper, upper));
  }
  return _mm512_reduce_add_epi64(_mm512_add_epi64(even, odd));
}

// One vector of a normalized row; `lanes` guards what is read.
static inline __m512i normalize(const int32_t *x, const int32_t *gain, const int32_t *bias, __mmask16 lanes,
                                int32_t mean, int32_t center_shift, int32_t multiplier, vq_shift512 shift) {
  const __m512i rounding = _mm512_set1_epi32((int32_t)((1u << center_shift) >> 1));
  const __m512i centered = vq_center512(_mm512_maskz_loadu_epi32(lanes, x), _mm512_set1_epi32(mean), rounding,
                                        _mm_cvtsi32_si128(center_shift));
  const __m512i gains = _mm512_maskz_loadu_epi32(lanes, gain);
  const __m512i value = vq_requantize512(centered, _mm512_mullo_epi32(gains, _mm512_set1_epi32(multiplier)), shift);
  return _mm512_add_epi32(value, _mm512_maskz_loadu_epi32(lanes, bias));
}

void vq_row_normalize_i16_avx512(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                                 const int32_t *gain, const int32_t *bias, int32_t shift, int16_t *out) {
  const vq_shift512 shifts = vq_make_shift512(shift);
  for (int32_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    const __m512i value = normalize(x + i, gain + i, bias + i, lanes, mean, center_shift, multiplier, shifts);
    _mm256_mask_storeu_epi16(out + i, lanes, _mm512_cvtsepi32_epi16(value));
  }
}

void vq_row_normalize_i32_avx512(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                                 const int32_t *gain, const int32_t *bias, int32_t shift, int32_t *out) {
  const vq_shift512 shifts = vq_make_shift512(shift);
  for (int32_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    const __m512i value = normalize(x + i, gain + i, bias + i, lanes, mean, center_shift, multiplier, shifts);
    _mm512_mask_storeu_epi32(out + i, lanes, value);
  }
}

// Minimum and maximum of 32 int16 lanes.
static inline void reduce_range(__m512i low, __m512i high, int32_t *minimum, int32_t *maximum) {
  const __m512i low_even = _mm512_srai_epi32(_mm512_slli_epi32(low, 16), 16), low_odd = _mm512_srai_epi32(low, 16);
  const __m512i high_even = _mm512_srai_epi32(_mm512_slli_epi32(high, 16), 16), high_odd = _mm512_srai_epi32(high, 16);
  *minimum = _mm512_reduce_min_epi32(_mm512_min_epi32(low_even, low_odd));
  *maximum = _mm512_reduce_max_epi32(_mm512_max_epi32(high_even, high_odd));
}

void vq_row_range_i16_avx512(const int16_t *x, int32_t n, int32_t *minimum, int32_t *maximum) {
  __m512i low = _mm512_set1_epi16(INT16_MAX), high = _mm512_set1_epi16(INT16_MIN);
  for (int32_t i = 0; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32((ptrdiff_t)n - i);
    const __m512i v = _mm512_maskz_loadu_epi16(lanes, x + i);
    low = _mm512_mask_min_epi16(low, lanes, low, v);
    high = _mm512_mask_max_epi16(high, lanes, high, v);
  }
  reduce_range(low, high, minimum, maximum);
}

void vq_row_gelu_avx512(int16_t *x, int32_t n, int32_t fraction_bits, int32_t *minimum, int32_t *maximum) {
  const __m512i limit = _mm512_set1_epi16((int16_t)((4 << fraction_bits) - 1));
  const __m512i zero = _mm512_setzero_si512();
  const __m512i rounding = _mm512_set1_epi16((int16_t)(1 << (15 - fraction_bits)));
  const __m128i to_q15 = _mm_cvtsi32_si128(13 - fraction_bits), from_q15 = _mm_cvtsi32_si128(16 - fraction_bits);
  __m512i low = _mm512_set1_epi16(INT16_MAX), high = _mm512_set1_epi16(INT16_MIN);
  for (int32_t i = 0; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32((ptrdiff_t)n - i);
    const __m512i bounded = _mm512_max_epi16(_mm512_maskz_loadu_epi16(lanes, x + i), _mm512_set1_epi16(-32767));
    const __m512i magnitude = _mm512_min_epi16(_mm512_abs_epi16(bounded), limit);
    const __m512i centered =
        _mm512_slli_epi16(_mm512_sub_epi16(_mm512_sll_epi16(magnitude, to_q15), _mm512_set1_epi16(16384)), 1);
    __m512i value = _mm512_set1_epi16(vq_gelu_coefficients[0]);
    for (int c = 1; c <= VQ_GELU_DEGREE; ++c) {
      value = _mm512_add_epi16(_mm512_mulhrs_epi16(centered, value), _mm512_set1_epi16(vq_gelu_coefficients[c]));
    }
    // At most 32767 + 1024: the sum and its shift are unsigned.
    const __m512i tail = _mm512_srl_epi16(_mm512_add_epi16(_mm512_max_epi16(value, zero), rounding), from_q15);
    const __m512i result = _mm512_sub_epi16(_mm512_max_epi16(bounded, zero), tail);
    _mm512_mask_storeu_epi16(x + i, lanes, result);
    low = _mm512_mask_min_epi16(low, lanes, low, result);
    high = _mm512_mask_max_epi16(high, lanes, high, result);
  }
  reduce_range(low, high, minimum, maximum);
}

void vq_row_quantize_u8_avx512(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, uint8_t *out) {
  const vq_quantizer512 levels = vq_make_quantizer512(quantizer);
  for (int32_t i = 0; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32((ptrdiff_t)n - i);
    const __m512i level = vq_quantize512(_mm512_maskz_loadu_epi16(lanes, x + i), levels);
    const __m512i positive = _mm512_max_epi16(level, _mm512_setzero_si512());
    _mm256_mask_storeu_epi8(out + i, lanes, _mm512_cvtusepi16_epi8(positive));
  }
}

#pragma clang attribute pop

#endif
