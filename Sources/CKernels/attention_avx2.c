// The row kernels of attention, AVX2: packing keys and values, the softmax, the output's requantization. The last
// elements of a row, which do not fill a vector, are computed one by one (scalar.h).
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"
#include "heads.h"
#include "scalar.h"

VQ_INSTRUCTIONS("avx2")

// Sums of 32-bit lanes with the levels in their two halves.
static inline __m256i add_levels(__m256i sums, __m256i levels) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(levels, _mm256_set1_epi16(1)));
}

// 16 numbers as bytes.
static inline __m128i bytes_of(__m256i numbers) {
  return _mm_packs_epi16(_mm256_castsi256_si128(numbers), _mm256_extracti128_si256(numbers, 1));
}

// 16 levels of a key as bytes of its column.
static inline void store_column(__m256i levels, int8_t *panel_column) {
  int8_t bytes[16];
  _mm_storeu_si128((__m128i *)bytes, bytes_of(levels));
  for (int j = 0; j < 4; ++j) memcpy(panel_column + 64 * j, bytes + 4 * j, 4);
}

static int32_t pack_key(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int8_t *panel_column) {
  const vq_quantizer256 levels = vq_make_quantizer256(quantizer);
  __m256i sums = _mm256_setzero_si256();
  int32_t i = 0;
  for (; n - i >= 16; i += 16, panel_column += 256) {
    __m256i level = vq_quantize256(vq_load256(x + i), levels);
    level = _mm256_max_epi16(_mm256_min_epi16(level, _mm256_set1_epi16(127)), _mm256_set1_epi16(-127));
    sums = add_levels(sums, level);
    store_column(level, panel_column);
  }
  int32_t sum = vq_sum256(sums);
  for (; i < n; i += 4, panel_column += 64) {
    for (int j = 0; j < 4; ++j) {
      const int32_t level = i + j < n ? vq_clamp(vq_quantize(x[i + j], quantizer), -127, 127) : 0;
      panel_column[j] = (int8_t)level;
      sum += level;
    }
  }
  return sum;
}

void vq_pack_keys_avx2(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n, int8_t *panels,
                       int32_t *multiplier, int32_t *column_sum) {
  vq_pack_keys(x, x_stride, first, tokens, n, panels, multiplier, column_sum, vq_row_range_i16_avx2, pack_key);
}

void vq_pack_keys_fixed_avx2(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n,
                             const vq_row_quantizer *quantizer, int8_t *panels, int32_t *column_sum) {
  vq_pack_keys_fixed(x, x_stride, first, tokens, n, quantizer, panels, column_sum, pack_key);
}

void vq_pack_key_wide_avx2(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *panel_column) {
  const vq_quantizer256 levels = vq_make_quantizer256(quantizer);
  int32_t i = 0;
  for (; n - i >= 16; i += 16, panel_column += 256) {
    int16_t level[16];
    _mm256_storeu_si256((__m256i *)level, vq_quantize_wide256(vq_load256(x + i), levels));
    for (int j = 0; j < 8; ++j) memcpy(panel_column + 32 * j, level + 2 * j, 4);
  }
  for (; i < n; i += 4, panel_column += 64) vq_pack_wide_group(x + i, n - i, quantizer, panel_column);
}

static inline __m256i saturate_wide(__m256i values) {
  return _mm256_max_epi16(
      _mm256_min_epi16(values, _mm256_set1_epi16(VQ_PLANES_LIMIT)), _mm256_set1_epi16(-VQ_PLANES_LIMIT));
}

// Up to 16 channels of one token, the rest 0.
static inline __m256i load_channels(const int16_t *x, int32_t channels) {
  int16_t buffer[16] = {0};
  if (channels >= 16) return vq_load256(x);
  memcpy(buffer, x, (size_t)channels * sizeof *x);
  return vq_load256(buffer);
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

void vq_pack_values_avx2(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels, int8_t *panel) {
  for (int32_t token = 0; token < tokens; token += 4, panel += 64) {
    __m128i row[4];
    for (int32_t i = 0; i < 4; ++i) {
      row[i] = _mm_setzero_si128();
      if (token + i >= tokens) continue;
      const __m256i values = load_channels(x + (token + i) * x_stride, channels);
      row[i] = bytes_of(_mm256_max_epi16(values, _mm256_set1_epi16(-127)));
    }
    store_tokens(row, panel);
  }
}

void vq_pack_values_wide_avx2(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels, int8_t *high,
                              int8_t *low) {
  for (int32_t token = 0; token < tokens; token += 4, high += 64, low += 64) {
    __m128i upper[4], lower[4];
    for (int32_t i = 0; i < 4; ++i) {
      upper[i] = lower[i] = _mm_setzero_si128();
      if (token + i >= tokens) continue;
      const __m256i level = saturate_wide(load_channels(x + (token + i) * x_stride, channels));
      const __m256i plane = vq_high_plane256(level);
      upper[i] = bytes_of(plane);
      lower[i] = bytes_of(vq_low_plane256(level, plane));
    }
    store_tokens(upper, high);
    store_tokens(lower, low);
  }
}

int32_t vq_row_maximum_i32_avx2(const int32_t *x, int32_t n) {
  __m256i high = _mm256_set1_epi32(INT32_MIN);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) high = _mm256_max_epi32(high, vq_load256(x + i));
  int32_t largest = vq_maximum256(high);
  for (; i < n; ++i) {
    if (x[i] > largest) largest = x[i];
  }
  return largest;
}

// 2^(15 - octaves) in 16-bit lanes for 1 to 15 octaves; 0 for 0 octaves, and for 16 and more. The low and the high byte
// of a lane are each looked up in a table of 16.
static inline __m256i power_of_octaves(__m256i octaves) {
  const __m256i low = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, (char)0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1));
  const __m256i high = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0x40, 0x20, 0x10, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0));
  // With 0x70 added, 16 octaves and more have bit 7 set; `vpshufb` gives 0 for such an index.
  const __m256i index = _mm256_add_epi16(octaves, _mm256_set1_epi16(0x70));
  const __m256i low_index = _mm256_or_si256(index, _mm256_set1_epi16((int16_t)0x8000));
  const __m256i high_index = _mm256_or_si256(_mm256_slli_epi16(index, 8), _mm256_set1_epi16(0x80));
  return _mm256_or_si256(_mm256_shuffle_epi8(low, low_index), _mm256_shuffle_epi8(high, high_index));
}

// 32640 * 2^(-distance / 2^10) of 16 distances, 0 to 32767 each.
static inline __m256i exp2_negative(__m256i distance) {
  const __m256i octaves = _mm256_srli_epi16(distance, 10);
  const __m256i fraction = _mm256_slli_epi16(_mm256_and_si256(distance, _mm256_set1_epi16(1023)), 5);
  __m256i value = _mm256_set1_epi16(vq_exp2_coefficients[0]);
  for (int c = 1; c <= VQ_EXP2_DEGREE; ++c) {
    value = _mm256_add_epi16(_mm256_mulhrs_epi16(fraction, value), _mm256_set1_epi16(vq_exp2_coefficients[c]));
  }
  // The rounded shift by the octaves is a Q15 product with 2^(15 - octaves). 2^15 does not fit int16, so a value of 0
  // octaves is taken as it is.
  const __m256i shifted = _mm256_mulhrs_epi16(value, power_of_octaves(octaves));
  return _mm256_blendv_epi8(shifted, value, _mm256_cmpeq_epi16(octaves, _mm256_setzero_si256()));
}

// min(maximum - x, 32767), unsigned, of 16 elements, in 16-bit lanes.
static inline __m256i distances(const int32_t *x, __m256i maximum) {
  const __m256i limit = _mm256_set1_epi32(32767);
  const __m256i first = _mm256_min_epu32(_mm256_sub_epi32(maximum, vq_load256(x)), limit);
  const __m256i second = _mm256_min_epu32(_mm256_sub_epi32(maximum, vq_load256(x + 8)), limit);
  return vq_saturate256(first, second);
}

static inline __m128i low_bytes(__m256i x) {
  return _mm_packus_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

int32_t vq_row_exp2_avx2(const int32_t *x, int32_t n, int32_t maximum, uint8_t *high, uint8_t *low) {
  const __m256i maxima = _mm256_set1_epi32(maximum);
  __m256i sums = _mm256_setzero_si256();
  int32_t i = 0;
  for (; n - i >= 16; i += 16) {
    const __m256i p = exp2_negative(distances(x + i, maxima));
    if (low) {
      _mm_storeu_si128((__m128i *)(high + i), low_bytes(_mm256_srli_epi16(p, 7)));
      _mm_storeu_si128((__m128i *)(low + i), low_bytes(_mm256_and_si256(p, _mm256_set1_epi16(127))));
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(p, _mm256_set1_epi16(1)));
    } else {
      const __m256i level = _mm256_srli_epi16(_mm256_add_epi16(p, _mm256_set1_epi16(64)), 7);
      _mm_storeu_si128((__m128i *)(high + i), low_bytes(level));
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(level, _mm256_set1_epi16(128)));
    }
  }
  int32_t sum = vq_sum256(sums);
  for (; i < n; ++i) {
    sum = vq_add(sum, vq_split_probability(vq_exp2(x[i], maximum), high + i, low ? low + i : low));
  }
  for (; i % 4 != 0; ++i) {
    vq_split_probability(0, high + i, low ? low + i : low);
  }
  return sum;
}

static inline __m256i combine(const int32_t *high, const int32_t *low, const int32_t *column_multiplier,
                              __m256i multiplier, vq_shift256 shift) {
  __m256i accumulator = vq_load256(high);
  if (low) {
    const __m256i residue = _mm256_add_epi32(vq_load256(low), _mm256_set1_epi32(64));
    accumulator = _mm256_add_epi32(accumulator, _mm256_srai_epi32(residue, 7));
  }
  return vq_requantize256(accumulator, _mm256_mullo_epi32(vq_load256(column_multiplier), multiplier), shift);
}

void vq_row_combine_i16_avx2(const int32_t *high, const int32_t *low, int32_t n, int32_t multiplier,
                             const int32_t *column_multiplier, int32_t shift, int16_t *out) {
  const vq_shift256 shifts = vq_make_shift256(shift);
  const __m256i multipliers = _mm256_set1_epi32(multiplier);
  int32_t i = 0;
  for (; n - i >= 16; i += 16) {
    const __m256i first = combine(high + i, low ? low + i : low, column_multiplier + i, multipliers, shifts);
    const __m256i second =
        combine(high + i + 8, low ? low + i + 8 : low, column_multiplier + i + 8, multipliers, shifts);
    _mm256_storeu_si256((__m256i *)(out + i), vq_saturate256(first, second));
  }
  for (; i < n; ++i) {
    const int32_t accumulator = low ? vq_add(high[i], vq_round_half_up(low[i], 7)) : high[i];
    out[i] = vq_saturate_int16(vq_requantize(accumulator, multiplier, column_multiplier[i], shift));
  }
}

VQ_INSTRUCTIONS_END

#endif
