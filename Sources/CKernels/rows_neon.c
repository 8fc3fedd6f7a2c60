// The row kernels of LayerNorm, activations and their quantization, NEON. The last elements of a row, which do
// not fill a vector, are computed one by one (scalar.h).
#if defined(__aarch64__)

#include "elementwise.h"
#include "heads.h"
#include "neon.h"
#include "scalar.h"

static inline void widen_range(int32_t x, int32_t *minimum, int32_t *maximum) {
  if (x < *minimum) *minimum = x;
  if (x > *maximum) *maximum = x;
}

void vq_row_range_i32_neon(const int32_t *x, int32_t n, int64_t *sum, int32_t *minimum, int32_t *maximum) {
  int64x2_t sums = vdupq_n_s64(0);
  int32x4_t low = vdupq_n_s32(INT32_MAX), high = vdupq_n_s32(INT32_MIN);
  int32_t i = 0;
  for (; n - i >= 4; i += 4) {
    const int32x4_t v = vld1q_s32(x + i);
    sums = vpadalq_s32(sums, v);
    low = vminq_s32(low, v);
    high = vmaxq_s32(high, v);
  }
  *sum = vaddvq_s64(sums);
  *minimum = vminvq_s32(low);
  *maximum = vmaxvq_s32(high);
  for (; i < n; ++i) {
    *sum += x[i];
    widen_range(x[i], minimum, maximum);
  }
}

int64_t vq_row_square_sum_neon(const int32_t *x, int32_t n, int32_t mean, int32_t shift) {
  const int32x4_t means = vdupq_n_s32(mean), rounding = vdupq_n_s32((int32_t)((1u << shift) >> 1));
  const int32x4_t negative_shift = vdupq_n_s32(-shift);
  int64x2_t low = vdupq_n_s64(0), high = low;
  int32_t i = 0;
  for (; n - i >= 4; i += 4) {
    const int32x4_t centered = vq_center_neon(vld1q_s32(x + i), means, rounding, negative_shift);
    low = vmlal_s32(low, vget_low_s32(centered), vget_low_s32(centered));
    high = vmlal_high_s32(high, centered, centered);
  }
  uint64_t total = (uint64_t)vaddvq_s64(vaddq_s64(low, high));
  for (; i < n; ++i) {
    const int64_t centered = vq_center(x[i], mean, shift);
    total += (uint64_t)(centered * centered);
  }
  return (int64_t)total;
}

// The parameters of a row's normalization, the same for all of its elements.
typedef struct normalization {
  int32x4_t mean, rounding, negative_center_shift, multiplier;
  int64x2_t negative_shift;
} normalization;

static inline normalization make_normalization(int32_t mean, int32_t center_shift, int32_t multiplier,
                                               int32_t shift) {
  return (normalization){
      .mean = vdupq_n_s32(mean),
      .rounding = vdupq_n_s32((int32_t)((1u << center_shift) >> 1)),
      .negative_center_shift = vdupq_n_s32(-center_shift),
      .multiplier = vdupq_n_s32(multiplier),
      .negative_shift = vdupq_n_s64(-(int64_t)shift)};
}

static inline int32x4_t normalize(const int32_t *x, const int32_t *gain, const int32_t *bias, normalization row) {
  const int32x4_t centered = vq_center_neon(vld1q_s32(x), row.mean, row.rounding, row.negative_center_shift);
  const int32x4_t multiplier = vmulq_s32(vld1q_s32(gain), row.multiplier);
  return vaddq_s32(vq_requantize_neon(centered, multiplier, row.negative_shift), vld1q_s32(bias));
}

void vq_row_normalize_i16_neon(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                               const int32_t *gain, const int32_t *bias, int32_t shift, int16_t *out) {
  const normalization row = make_normalization(mean, center_shift, multiplier, shift);
  int32_t i = 0;
  for (; n - i >= 4; i += 4) {
    vst1_s16(out + i, vqmovn_s32(normalize(x + i, gain + i, bias + i, row)));
  }
  for (; i < n; ++i) {
    out[i] = vq_saturate_int16(vq_normalize(x[i], mean, center_shift, multiplier, gain[i], bias[i], shift));
  }
}

void vq_row_normalize_i32_neon(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                               const int32_t *gain, const int32_t *bias, int32_t shift, int32_t *out) {
  const normalization row = make_normalization(mean, center_shift, multiplier, shift);
  int32_t i = 0;
  for (; n - i >= 4; i += 4) {
    vst1q_s32(out + i, normalize(x + i, gain + i, bias + i, row));
  }
  for (; i < n; ++i) {
    out[i] = vq_normalize(x[i], mean, center_shift, multiplier, gain[i], bias[i], shift);
  }
}

void vq_row_range_i16_neon(const int16_t *x, int32_t n, int32_t *minimum, int32_t *maximum) {
  int16x8_t low = vdupq_n_s16(INT16_MAX), high = vdupq_n_s16(INT16_MIN);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) {
    const int16x8_t v = vld1q_s16(x + i);
    low = vminq_s16(low, v);
    high = vmaxq_s16(high, v);
  }
  *minimum = vminvq_s16(low);
  *maximum = vmaxvq_s16(high);
  for (; i < n; ++i) widen_range(x[i], minimum, maximum);
}

void vq_row_gelu_neon(int16_t *x, int32_t n, int32_t fraction_bits, const int16_t *factors, int32_t *minimum,
                      int32_t *maximum) {
  const int16x8_t limit = vdupq_n_s16((int16_t)((4 << fraction_bits) - 1));
  const int16x8_t zero = vdupq_n_s16(0);
  const int16x8_t to_q15 = vdupq_n_s16((int16_t)(13 - fraction_bits));
  const int16x8_t from_q15 = vdupq_n_s16((int16_t)(fraction_bits - 16));
  int16x8_t low = vdupq_n_s16(INT16_MAX), high = vdupq_n_s16(INT16_MIN);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) {
    const int16x8_t bounded = vmaxq_s16(vld1q_s16(x + i), vdupq_n_s16(-32767));
    const int16x8_t magnitude = vminq_s16(vabsq_s16(bounded), limit);
    const int16x8_t centered = vshlq_n_s16(vsubq_s16(vshlq_s16(magnitude, to_q15), vdupq_n_s16(16384)), 1);
    int16x8_t value = vdupq_n_s16(vq_gelu_coefficients[0]);
    for (int c = 1; c <= VQ_GELU_DEGREE; ++c) {
      value = vaddq_s16(vqrdmulhq_s16(centered, value), vdupq_n_s16(vq_gelu_coefficients[c]));
    }
    const int16x8_t tail = vrshlq_s16(vmaxq_s16(value, zero), from_q15);
    int16x8_t result = vsubq_s16(vmaxq_s16(bounded, zero), tail);
    if (factors) result = vqrdmulhq_s16(result, vld1q_s16(factors + i));
    vst1q_s16(x + i, result);
    low = vminq_s16(low, result);
    high = vmaxq_s16(high, result);
  }
  *minimum = vminvq_s16(low);
  *maximum = vmaxvq_s16(high);
  for (; i < n; ++i) {
    const int16_t result = vq_gelu(x[i], fraction_bits);
    x[i] = factors ? vq_multiply_q15(result, factors[i]) : result;
    widen_range(x[i], minimum, maximum);
  }
}

void vq_row_activate_neon(int16_t *x, int32_t n, int32_t fraction_bits, const uint16_t *tails, int32_t last) {
  vq_activate(x, n, fraction_bits, tails, last);
}

void vq_row_gate_neon(int16_t *x, const int16_t *factors, int32_t n, int32_t shift) { vq_gate(x, factors, n, shift); }

void vq_row_rotate_neon(int16_t *x, int32_t pairs, const int16_t *cosines, const int16_t *sines) {
  vq_rotate(x, pairs, cosines, sines);
}

void vq_row_hadamard_neon(int32_t *x, int32_t n, int32_t block, const int8_t *signs) {
  vq_hadamard(x, n, block, signs);
}

void vq_row_quantize_u8_neon(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, uint8_t *out) {
  const vq_quantizer_neon levels = vq_make_quantizer_neon(quantizer);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) {
    vst1_u8(out + i, vqmovun_s16(vq_quantize_neon(vld1q_s16(x + i), levels)));
  }
  for (; i < n; ++i) {
    out[i] = (uint8_t)vq_clamp(vq_quantize(x[i], quantizer), 0, 255);
  }
}

void vq_rows_quantize_u8_neon(const int16_t *x, ptrdiff_t x_stride, int32_t rows, int32_t n, uint8_t *out,
                             ptrdiff_t out_stride, int32_t *multiplier, int32_t *zero_point) {
  vq_rows_quantize(x, x_stride, rows, n, out, out_stride, multiplier, zero_point, vq_row_range_i16_neon,
                   vq_row_quantize_u8_neon);
}

void vq_row_quantize_wide_neon(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *out) {
  const vq_quantizer_neon levels = vq_make_quantizer_neon(quantizer);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) vst1q_s16(out + i, vq_quantize_wide_neon(vld1q_s16(x + i), levels));
  for (; i < n; ++i) out[i] = vq_quantize_wide(x[i], quantizer);
}

#endif
