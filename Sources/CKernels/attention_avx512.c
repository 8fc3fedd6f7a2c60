// The row kernels of attention, AVX-512: packing keys and values, the softmax, the output's requantization.
#if defined(__x86_64__)

#include <string.h>

#include "avx512.h"
#include "scalar.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

int32_t vq_pack_key_avx512(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int8_t *panel_column) {
  const vq_quantizer512 levels = vq_make_quantizer512(quantizer);
  __m512i sum = _mm512_setzero_si512();
  for (int32_t i = 0; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32((ptrdiff_t)n - i);
    __m512i level = vq_quantize512(_mm512_maskz_loadu_epi16(lanes, x + i), levels);
    level = _mm512_max_epi16(_mm512_min_epi16(level, _mm512_set1_epi16(127)), _mm512_set1_epi16(-127));
    level = _mm512_maskz_mov_epi16(lanes, level);
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(level, _mm512_set1_epi16(1)));
    int8_t bytes[32];
    _mm256_storeu_si256((__m256i *)bytes, _mm512_cvtepi16_epi8(level));
    for (int32_t j = 0; j < 32 && i + j < n; j += 4) {
      memcpy(panel_column + (ptrdiff_t)(i + j) * 16, bytes + j, 4);
    }
  }
  return _mm512_reduce_add_epi32(sum);
}

void vq_pack_values_avx512(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels, int8_t *panel) {
  const __mmask16 lanes = vq_lanes16(channels);
  for (int32_t token = 0; token < tokens; token += 4, panel += 64) {
    __m128i row[4];
    for (int32_t i = 0; i < 4; ++i) {
      const __mmask16 inside = token + i < tokens ? lanes : 0;
      const int16_t *const source = inside ? x + (token + i) * x_stride : x;
      const __m256i values = _mm256_maskz_loadu_epi16(inside, source);
      row[i] = _mm256_cvtsepi16_epi8(_mm256_max_epi16(values, _mm256_set1_epi16(-127)));
    }
    // Bytes of tokens 0 and 1, of 2 and 3, then of all four beside each other.
    const __m128i early_low = _mm_unpacklo_epi8(row[0], row[1]), early_high = _mm_unpackhi_epi8(row[0], row[1]);
    const __m128i late_low = _mm_unpacklo_epi8(row[2], row[3]), late_high = _mm_unpackhi_epi8(row[2], row[3]);
    _mm_storeu_si128((__m128i *)panel, _mm_unpacklo_epi16(early_low, late_low));
    _mm_storeu_si128((__m128i *)(panel + 16), _mm_unpackhi_epi16(early_low, late_low));
    _mm_storeu_si128((__m128i *)(panel + 32), _mm_unpacklo_epi16(early_high, late_high));
    _mm_storeu_si128((__m128i *)(panel + 48), _mm_unpackhi_epi16(early_high, late_high));
  }
}

int32_t vq_row_maximum_i32_avx512(const int32_t *x, int32_t n) {
  __m512i high = _mm512_set1_epi32(INT32_MIN);
  for (int32_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    high = _mm512_mask_max_epi32(high, lanes, high, _mm512_maskz_loadu_epi32(lanes, x + i));
  }
  return _mm512_reduce_max_epi32(high);
}

// 32640 * 2^(-distance / 2^10) of 32 distances, 0 to 32767 each.
static inline __m512i exp2_negative(__m512i distance) {
  const __m512i octaves = _mm512_srli_epi16(distance, 10);
  const __m512i fraction = _mm512_slli_epi16(_mm512_and_si512(distance, _mm512_set1_epi16(1023)), 5);
  __m512i value = _mm512_set1_epi16(vq_exp2_coefficients[0]);
  for (int c = 1; c <= VQ_EXP2_DEGREE; ++c) {
    value = _mm512_add_epi16(_mm512_mulhrs_epi16(fraction, value), _mm512_set1_epi16(vq_exp2_coefficients[c]));
  }
  // At most 32640 + 2^14, so unsigned; a count of 16 or more gives 0.
  const __m512i rounding = _mm512_srli_epi16(_mm512_sllv_epi16(_mm512_set1_epi16(1), octaves), 1);
  return _mm512_srlv_epi16(_mm512_add_epi16(value, rounding), octaves);
}

// min(maximum - x, 32767), unsigned, of up to 32 elements, in 16-bit lanes.
static inline __m512i distances(const int32_t *x, ptrdiff_t left, __m512i maximum) {
  const __m512i limit = _mm512_set1_epi32(32767);
  const __m512i first = _mm512_maskz_loadu_epi32(vq_lanes16(left), x);
  const __mmask16 lanes = vq_lanes16(left - 16);
  const __m512i second = _mm512_maskz_loadu_epi32(lanes, lanes ? x + 16 : x);
  const __m256i low = _mm512_cvtepi32_epi16(_mm512_min_epu32(_mm512_sub_epi32(maximum, first), limit));
  const __m256i high = _mm512_cvtepi32_epi16(_mm512_min_epu32(_mm512_sub_epi32(maximum, second), limit));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

int32_t vq_row_exp2_avx512(const int32_t *x, int32_t n, int32_t maximum, uint8_t *high, uint8_t *low) {
  const __m512i maxima = _mm512_set1_epi32(maximum), ones = _mm512_set1_epi16(1);
  __m512i sum = _mm512_setzero_si512();
  for (int32_t i = 0; i < n; i += 32) {
    const ptrdiff_t left = (ptrdiff_t)n - i;
    const __mmask32 written = vq_lanes32((left + 3) & ~(ptrdiff_t)3);
    const __m512i p = _mm512_maskz_mov_epi16(vq_lanes32(left), exp2_negative(distances(x + i, left, maxima)));
    if (low) {
      _mm256_mask_storeu_epi8(high + i, written, _mm512_cvtepi16_epi8(_mm512_srli_epi16(p, 7)));
      _mm256_mask_storeu_epi8(low + i, written, _mm512_cvtepi16_epi8(_mm512_and_si512(p, _mm512_set1_epi16(127))));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(p, ones));
    } else {
      const __m512i level = _mm512_srli_epi16(_mm512_add_epi16(p, _mm512_set1_epi16(64)), 7);
      _mm256_mask_storeu_epi8(high + i, written, _mm512_cvtepi16_epi8(level));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(level, _mm512_set1_epi16(128)));
    }
  }
  return _mm512_reduce_add_epi32(sum);
}

void vq_row_combine_i16_avx512(const int32_t *high, const int32_t *low, int32_t n, int32_t multiplier,
                               const int32_t *column_multiplier, int32_t shift, int16_t *out) {
  const vq_shift512 shifts = vq_make_shift512(shift);
  const __m512i multipliers = _mm512_set1_epi32(multiplier);
  for (int32_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    __m512i accumulator = _mm512_maskz_loadu_epi32(lanes, high + i);
    if (low) {
      const __m512i residue = _mm512_maskz_loadu_epi32(lanes, low + i);
      accumulator =
          _mm512_add_epi32(accumulator, _mm512_srai_epi32(_mm512_add_epi32(residue, _mm512_set1_epi32(64)), 7));
    }
    const __m512i columns = _mm512_maskz_loadu_epi32(lanes, column_multiplier + i);
    const __m512i value = vq_requantize512(accumulator, _mm512_mullo_epi32(columns, multipliers), shifts);
    _mm256_mask_storeu_epi16(out + i, lanes, _mm512_cvtsepi32_epi16(value));
  }
}

#pragma clang attribute pop

#endif
