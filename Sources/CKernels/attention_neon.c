// The row kernels of attention, NEON: packing keys and values, the softmax, the output's requantization. The last
// elements of a row, which do not fill a vector, are computed one by one (scalar.h).
#if defined(__aarch64__)

#include <string.h>

#include "heads.h"
#include "neon.h"
#include "scalar.h"

// 8 levels of a key as bytes of its column.
static inline void store_column(int8x8_t levels, int8_t *panel_column) {
  int8_t bytes[8];
  vst1_s8(bytes, levels);
  memcpy(panel_column, bytes, 4);
  memcpy(panel_column + 64, bytes + 4, 4);
}

static int32_t pack_key(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int8_t *panel_column) {
  const vq_quantizer_neon levels = vq_make_quantizer_neon(quantizer);
  int32x4_t sums = vdupq_n_s32(0);
  int32_t i = 0;
  for (; n - i >= 8; i += 8, panel_column += 128) {
    int16x8_t level = vq_quantize_neon(vld1q_s16(x + i), levels);
    level = vmaxq_s16(vminq_s16(level, vdupq_n_s16(127)), vdupq_n_s16(-127));
    sums = vpadalq_s16(sums, level);
    store_column(vmovn_s16(level), panel_column);
  }
  int32_t sum = vaddvq_s32(sums);
  for (; i < n; i += 4, panel_column += 64) {
    for (int j = 0; j < 4; ++j) {
      const int32_t level = i + j < n ? vq_clamp(vq_quantize(x[i + j], quantizer), -127, 127) : 0;
      panel_column[j] = (int8_t)level;
      sum += level;
    }
  }
  return sum;
}

void vq_pack_keys_neon(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n, int8_t *panels,
                       int32_t *multiplier, int32_t *column_sum) {
  vq_pack_keys(x, x_stride, first, tokens, n, panels, multiplier, column_sum, vq_row_range_i16_neon, pack_key);
}

void vq_pack_keys_fixed_neon(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n,
                             const vq_row_quantizer *quantizer, int8_t *panels, int32_t *column_sum) {
  vq_pack_keys_fixed(x, x_stride, first, tokens, n, quantizer, panels, column_sum, pack_key);
}

void vq_pack_key_wide_neon(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *panel_column) {
  const vq_quantizer_neon levels = vq_make_quantizer_neon(quantizer);
  int32_t i = 0;
  for (; n - i >= 8; i += 8, panel_column += 128) {
    int16_t level[8];
    vst1q_s16(level, vq_quantize_wide_neon(vld1q_s16(x + i), levels));
    for (int j = 0; j < 4; ++j) memcpy(panel_column + 32 * j, level + 2 * j, 4);
  }
  for (; i < n; i += 4, panel_column += 64) vq_pack_wide_group(x + i, n - i, quantizer, panel_column);
}

static inline int16x8_t saturate_wide(int16x8_t values) {
  return vmaxq_s16(vminq_s16(values, vdupq_n_s16(VQ_PLANES_LIMIT)), vdupq_n_s16(-VQ_PLANES_LIMIT));
}

// The high plane of 8 values: (value + 64) >> 7; and the low one, the rest.
static inline int8x8_t high_plane(int16x8_t values) { return vrshrn_n_s16(values, 7); }
static inline int8x8_t low_plane(int16x8_t values, int8x8_t high) {
  return vmovn_s16(vsubq_s16(values, vshlq_n_s16(vmovl_s8(high), 7)));
}

// Up to 16 channels of one token, the rest 0.
static inline int16x8x2_t load_channels(const int16_t *x, int32_t channels) {
  int16_t buffer[16] = {0};
  if (channels < 16) {
    memcpy(buffer, x, (size_t)channels * sizeof *x);
    x = buffer;
  }
  return (int16x8x2_t){{vld1q_s16(x), vld1q_s16(x + 8)}};
}

// One token's channels as 16 bytes, saturated to +-127.
static inline int8x16_t saturate_values(const int16_t *x, int32_t channels) {
  const int16x8x2_t values = load_channels(x, channels);
  const int16x8_t least = vdupq_n_s16(-127);
  return vqmovn_high_s16(vqmovn_s16(vmaxq_s16(values.val[0], least)), vmaxq_s16(values.val[1], least));
}

void vq_pack_values_neon(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels, int8_t *panel) {
  for (int32_t token = 0; token < tokens; token += 4, panel += 64) {
    int8x16x4_t rows;
    for (int32_t i = 0; i < 4; ++i) {
      rows.val[i] = token + i < tokens ? saturate_values(x + (token + i) * x_stride, channels) : vdupq_n_s8(0);
    }
    vst4q_s8(panel, rows);
  }
}

void vq_pack_values_wide_neon(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels, int8_t *high,
                              int8_t *low) {
  for (int32_t token = 0; token < tokens; token += 4, high += 64, low += 64) {
    int8x16x4_t upper, lower;
    for (int32_t i = 0; i < 4; ++i) {
      upper.val[i] = lower.val[i] = vdupq_n_s8(0);
      if (token + i >= tokens) continue;
      const int16x8x2_t values = load_channels(x + (token + i) * x_stride, channels);
      const int16x8_t first = saturate_wide(values.val[0]), second = saturate_wide(values.val[1]);
      const int8x8_t first_high = high_plane(first), second_high = high_plane(second);
      upper.val[i] = vcombine_s8(first_high, second_high);
      lower.val[i] = vcombine_s8(low_plane(first, first_high), low_plane(second, second_high));
    }
    vst4q_s8(high, upper);
    vst4q_s8(low, lower);
  }
}

int32_t vq_row_maximum_i32_neon(const int32_t *x, int32_t n) {
  int32x4_t high = vdupq_n_s32(INT32_MIN);
  int32_t i = 0;
  for (; n - i >= 4; i += 4) high = vmaxq_s32(high, vld1q_s32(x + i));
  int32_t largest = vmaxvq_s32(high);
  for (; i < n; ++i) {
    if (x[i] > largest) largest = x[i];
  }
  return largest;
}

// 32640 * 2^(-distance / 2^10) of 8 distances, 0 to 32767 each.
static inline uint16x8_t exp2_negative(int16x8_t distance) {
  const int16x8_t octaves = vshrq_n_s16(distance, 10);
  const int16x8_t fraction = vshlq_n_s16(vandq_s16(distance, vdupq_n_s16(1023)), 5);
  int16x8_t value = vdupq_n_s16(vq_exp2_coefficients[0]);
  for (int c = 1; c <= VQ_EXP2_DEGREE; ++c) {
    value = vaddq_s16(vqrdmulhq_s16(fraction, value), vdupq_n_s16(vq_exp2_coefficients[c]));
  }
  // `value` is below 2^15, so a rounded shift to the right by 16 or more gives 0.
  return vrshlq_u16(vreinterpretq_u16_s16(value), vnegq_s16(octaves));
}

// min(maximum - x, 32767), unsigned, of 8 elements.
static inline int16x8_t distances(const int32_t *x, int32x4_t maximum) {
  const uint32x4_t limit = vdupq_n_u32(32767);
  const uint32x4_t first = vreinterpretq_u32_s32(vsubq_s32(maximum, vld1q_s32(x)));
  const uint32x4_t second = vreinterpretq_u32_s32(vsubq_s32(maximum, vld1q_s32(x + 4)));
  return vreinterpretq_s16_u16(vmovn_high_u32(vmovn_u32(vminq_u32(first, limit)), vminq_u32(second, limit)));
}

int32_t vq_row_exp2_neon(const int32_t *x, int32_t n, int32_t maximum, uint8_t *high, uint8_t *low) {
  const int32x4_t maxima = vdupq_n_s32(maximum);
  uint32x4_t sums = vdupq_n_u32(0);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) {
    const uint16x8_t p = exp2_negative(distances(x + i, maxima));
    if (low) {
      vst1_u8(high + i, vshrn_n_u16(p, 7));
      vst1_u8(low + i, vmovn_u16(vandq_u16(p, vdupq_n_u16(127))));
      sums = vpadalq_u16(sums, p);
    } else {
      const uint16x8_t level = vrshrq_n_u16(p, 7);
      vst1_u8(high + i, vmovn_u16(level));
      sums = vpadalq_u16(sums, vshlq_n_u16(level, 7));
    }
  }
  int32_t sum = (int32_t)vaddvq_u32(sums);
  for (; i < n; ++i) {
    sum = vq_add(sum, vq_split_probability(vq_exp2(x[i], maximum), high + i, low ? low + i : low));
  }
  for (; i % 4 != 0; ++i) {
    vq_split_probability(0, high + i, low ? low + i : low);
  }
  return sum;
}

void vq_row_combine_i16_neon(const int32_t *high, const int32_t *low, int32_t n, int32_t multiplier,
                             const int32_t *column_multiplier, int32_t shift, int16_t *out) {
  const int64x2_t negative_shift = vdupq_n_s64(-(int64_t)shift);
  int32_t i = 0;
  for (; n - i >= 4; i += 4) {
    int32x4_t accumulator = vld1q_s32(high + i);
    if (low) {
      // The sum with the half wraps, as in the portable kernel; that of `srshr` would not.
      const int32x4_t residue = vaddq_s32(vld1q_s32(low + i), vdupq_n_s32(64));
      accumulator = vaddq_s32(accumulator, vshrq_n_s32(residue, 7));
    }
    const int32x4_t multipliers = vmulq_n_s32(vld1q_s32(column_multiplier + i), multiplier);
    vst1_s16(out + i, vqmovn_s32(vq_requantize_neon(accumulator, multipliers, negative_shift)));
  }
  for (; i < n; ++i) {
    const int32_t accumulator = low ? vq_add(high[i], vq_round_half_up(low[i], 7)) : high[i];
    out[i] = vq_saturate_int16(vq_requantize(accumulator, multiplier, column_multiplier[i], shift));
  }
}

#endif
