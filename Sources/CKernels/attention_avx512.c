// The row kernels of attention, AVX-512: packing keys and values, the softmax, the output's requantization.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx512.h"
#include "scalar.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

// Sums of 32-bit lanes with the levels in their two halves.
static inline __m512i add_levels(__m512i sums, __m512i levels) {
  return _mm512_add_epi32(sums, _mm512_madd_epi16(levels, _mm512_set1_epi16(1)));
}

// Up to 32 levels, those that are left of a key, as bytes of its column. The stores of a whole vector are written out: of a
// loop with a condition compilers make a scatter, which takes longer on Zen 4.
static inline void store_column(__m512i levels, int32_t left, int8_t *panel_column) {
  int8_t bytes[32];
  _mm256_storeu_si256((__m256i *)bytes, _mm512_cvtepi16_epi8(levels));
  if (left >= 32) {
#pragma clang loop unroll(full)
    for (int j = 0; j < 32; j += 4) memcpy(panel_column + j * 16, bytes + j, 4);
    return;
  }
  for (int32_t j = 0; j < left; j += 4) memcpy(panel_column + j * 16, bytes + j, 4);
}

int32_t vq_pack_key_avx512(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int8_t *panel_column) {
  const vq_quantizer512 levels = vq_make_quantizer512(quantizer);
  __m512i sum = _mm512_setzero_si512();
  for (int32_t i = 0; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32((ptrdiff_t)n - i);
    __m512i level = vq_quantize512(_mm512_maskz_loadu_epi16(lanes, x + i), levels);
    level = _mm512_max_epi16(_mm512_min_epi16(level, _mm512_set1_epi16(127)), _mm512_set1_epi16(-127));
    level = _mm512_maskz_mov_epi16(lanes, level);
    sum = add_levels(sum, level);
    store_column(level, n - i, panel_column + (ptrdiff_t)i * 16);
  }
  return _mm512_reduce_add_epi32(sum);
}

void vq_pack_key_wide_avx512(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *panel_column) {
  const vq_quantizer512 levels = vq_make_quantizer512(quantizer);
  for (int32_t i = 0; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32((ptrdiff_t)n - i);
    const __m512i level = vq_quantize_wide512(_mm512_maskz_loadu_epi16(lanes, x + i), levels);
    int16_t pairs[32];
    _mm512_storeu_si512(pairs, _mm512_maskz_mov_epi16(lanes, level));
    // Whole groups of 4 levels: those beyond the key are zero.
    const int32_t count = n - i < 32 ? (n - i + 3) & ~3 : 32;
    for (int32_t j = 0; j < count; j += 2) memcpy(panel_column + ((ptrdiff_t)i + j) * 16, pairs + j, 4);
  }
}

// One plane of 4 tokens. Interleaves the bytes of tokens 0 and 1 and of tokens 2 and 3, then both results: a channel's
// four tokens are then side by side.
static inline void store_tokens(const __m128i *row, int8_t *panel) {
  const __m128i early_low = _mm_unpacklo_epi8(row[0], row[1]), early_high = _mm_unpackhi_epi8(row[0], row[1]);
  const __m128i late_low = _mm_unpacklo_epi8(row[2], row[3]), late_high = _mm_unpackhi_epi8(row[2], row[3]);
  _mm_storeu_si128((__m128i *)panel, _mm_unpacklo_epi16(early_low, late_low));
  _mm_storeu_si128((__m128i *)(panel + 16), _mm_unpackhi_epi16(early_low, late_low));
  _mm_storeu_si128((__m128i *)(panel + 32), _mm_unpacklo_epi16(early_high, late_high));
  _mm_storeu_si128((__m128i *)(panel + 48), _mm_unpackhi_epi16(early_high, late_high));
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
    store_tokens(row, panel);
  }
}

void vq_pack_values_wide_avx512(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels, int8_t *high,
                                int8_t *low) {
  const __mmask16 lanes = vq_lanes16(channels);
  const __m256i limit = _mm256_set1_epi16(VQ_PLANES_LIMIT), negative_limit = _mm256_set1_epi16(-VQ_PLANES_LIMIT);
  for (int32_t token = 0; token < tokens; token += 4, high += 64, low += 64) {
    __m128i upper[4], lower[4];
    for (int32_t i = 0; i < 4; ++i) {
      const __mmask16 inside = token + i < tokens ? lanes : 0;
      const int16_t *const source = inside ? x + (token + i) * x_stride : x;
      const __m256i values = _mm256_maskz_loadu_epi16(inside, source);
      const __m256i level = _mm256_max_epi16(_mm256_min_epi16(values, limit), negative_limit);
      const __m256i high_level = _mm256_srai_epi16(_mm256_add_epi16(level, _mm256_set1_epi16(64)), 7);
      upper[i] = _mm256_cvtsepi16_epi8(high_level);
      lower[i] = _mm256_cvtsepi16_epi8(_mm256_sub_epi16(level, _mm256_slli_epi16(high_level, 7)));
    }
    store_tokens(upper, high);
    store_tokens(lower, low);
  }
}

int32_t vq_row_maximum_i32_avx512(const int32_t *x, int32_t n) {
  __m512i high = _mm512_set1_epi32(INT32_MIN);
  int32_t i = 0;
  for (; n - i >= 16; i += 16) high = _mm512_max_epi32(high, _mm512_loadu_si512(x + i));
  if (i < n) {
    const __mmask16 lanes = vq_lanes16(n - i);
    high = _mm512_mask_max_epi32(high, lanes, high, _mm512_maskz_loadu_epi32(lanes, x + i));
  }
  return _mm512_reduce_max_epi32(high);
}

// 32640 * 2^(-distance / 2^10) of 32 distances, 0 to 65535 each; 16 octaves and more give 0.
static inline __m512i exp2_negative(__m512i distance) {
  const __m512i octaves = _mm512_srli_epi16(distance, 10);
  const __m512i fraction = _mm512_slli_epi16(_mm512_and_si512(distance, _mm512_set1_epi16(1023)), 5);
  __m512i value = _mm512_set1_epi16(vq_exp2_coefficients[0]);
  for (int c = 1; c <= VQ_EXP2_DEGREE; ++c) {
    value = _mm512_add_epi16(_mm512_mulhrs_epi16(fraction, value), _mm512_set1_epi16(vq_exp2_coefficients[c]));
  }
  // The rounded shift by the octaves: twice the value, which fits 16 unsigned bits, is shifted by them (a shift by 16
  // or more gives 0), and its average with 0, (x + 1) >> 1, is the last step with its rounding.
  const __m512i shifted = _mm512_srlv_epi16(_mm512_add_epi16(value, value), octaves);
  return _mm512_avg_epu16(shifted, _mm512_setzero_si512());
}

// 15-bit probabilities of 32 scores. The distance from the maximum is saturated to int16. A distance that wraps is
// negative; read as unsigned it is 32 octaves or more, so its probability is 0, as in the portable kernel. `vpackssdw`
// packs each 128-bit quarter of its operands apart: the result has four elements of `first`, four of `second`, and so
// on.
static inline __m512i probabilities(__m512i first, __m512i second, __m512i maximum) {
  return exp2_negative(_mm512_packs_epi32(_mm512_sub_epi32(maximum, first), _mm512_sub_epi32(maximum, second)));
}

// Writes the planes of 32 probabilities; returns the sum, in 32-bit lanes, with theirs.
static inline __attribute__((always_inline)) __m512i split(__m512i sum, __m512i p, __mmask32 written, uint8_t *high,
                                                           uint8_t *low) {
  // Each quarter holds four bytes of the first vector and four of the second, then the same of the other plane.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  if (low) {
    const __m512i packed = _mm512_packus_epi16(_mm512_srli_epi16(p, 7), _mm512_and_si512(p, _mm512_set1_epi16(127)));
    const __m512i planes = _mm512_permutexvar_epi32(order, packed);
    _mm256_mask_storeu_epi8(high, written, _mm512_castsi512_si256(planes));
    _mm256_mask_storeu_epi8(low, written, _mm512_extracti64x4_epi64(planes, 1));
    VQ_DPWSSD512(sum, p, _mm512_set1_epi16(1));
    return sum;
  }
  const __m512i level = _mm512_srli_epi16(_mm512_add_epi16(p, _mm512_set1_epi16(64)), 7);
  const __m512i packed = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(level, level));
  _mm256_mask_storeu_epi8(high, written, _mm512_castsi512_si256(packed));
  VQ_DPWSSD512(sum, level, _mm512_set1_epi16(128));
  return sum;
}

int32_t vq_row_exp2_avx512(const int32_t *x, int32_t n, int32_t maximum, uint8_t *high, uint8_t *low) {
  const __m512i maxima = _mm512_set1_epi32(maximum);
  __m512i sum = _mm512_setzero_si512();
  int32_t i = 0;
  for (; n - i >= 32; i += 32) {
    const __m512i p = probabilities(_mm512_loadu_si512(x + i), _mm512_loadu_si512(x + i + 16), maxima);
    sum = split(sum, p, 0xFFFFFFFF, high + i, low ? low + i : low);
  }
  if (i < n) {
    const int32_t left = n - i;
    // Lanes beyond the row get a score whose distance wraps, so that their probability is 0.
    const __m512i none = _mm512_xor_si512(maxima, _mm512_set1_epi32(INT32_MIN));
    const __m512i first = _mm512_mask_loadu_epi32(none, vq_lanes16(left), x + i);
    const __m512i second = left > 16 ? _mm512_mask_loadu_epi32(none, vq_lanes16(left - 16), x + i + 16) : none;
    const __m512i p = probabilities(first, second, maxima);
    sum = split(sum, p, vq_lanes32((left + 3) & ~3), high + i, low ? low + i : low);
  }
  return _mm512_reduce_add_epi32(sum);
}

// The output of 16 channels, as int32.
static inline __attribute__((always_inline)) __m512i combine(const int32_t *high, const int32_t *low,
                                                             const int32_t *column_multiplier, __m512i multipliers,
                                                             vq_shift512 shifts, __mmask16 lanes) {
  __m512i accumulator = _mm512_maskz_loadu_epi32(lanes, high);
  if (low) {
    const __m512i residue = _mm512_maskz_loadu_epi32(lanes, low);
    accumulator = _mm512_add_epi32(accumulator, _mm512_srai_epi32(_mm512_add_epi32(residue, _mm512_set1_epi32(64)), 7));
  }
  const __m512i columns = _mm512_maskz_loadu_epi32(lanes, column_multiplier);
  return vq_requantize512(accumulator, _mm512_mullo_epi32(columns, multipliers), shifts);
}

void vq_row_combine_i16_avx512(const int32_t *high, const int32_t *low, int32_t n, int32_t multiplier,
                               const int32_t *column_multiplier, int32_t shift, int16_t *out) {
  const vq_shift512 shifts = vq_make_shift512(shift);
  const __m512i multipliers = _mm512_set1_epi32(multiplier);
  int32_t i = 0;
  for (; n - i >= 32; i += 32) {
    const __m512i first = combine(high + i, low ? low + i : low, column_multiplier + i, multipliers, shifts, 0xFFFF);
    const __m512i second =
        combine(high + i + 16, low ? low + i + 16 : low, column_multiplier + i + 16, multipliers, shifts, 0xFFFF);
    _mm512_storeu_si512(out + i, vq_saturate512(first, second));
  }
  for (; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    const __m512i value = combine(high + i, low ? low + i : low, column_multiplier + i, multipliers, shifts, lanes);
    _mm256_mask_storeu_epi16(out + i, lanes, _mm512_cvtsepi32_epi16(value));
  }
}

VQ_INSTRUCTIONS_END

#endif
