// The arithmetic of `FixedPoint` and `RowQuantizer` (Swift) for one element: kernels of instruction sets without masks
// use it for the last elements of a row. Where the Swift code wraps on overflow this computes with unsigned types,
// since signed overflow is undefined in C.
#ifndef VQ_SCALAR_H
#define VQ_SCALAR_H

#include "CKernels.h"

static inline int32_t vq_add(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
static inline int32_t vq_subtract(int32_t a, int32_t b) { return (int32_t)((uint32_t)a - (uint32_t)b); }
static inline int32_t vq_multiply(int32_t a, int32_t b) { return (int32_t)((uint32_t)a * (uint32_t)b); }

static inline int32_t vq_clamp(int32_t x, int32_t low, int32_t high) {
  const int32_t raised = x < low ? low : x;
  return raised > high ? high : raised;
}

static inline int32_t vq_round_half_up(int32_t x, int32_t shift) {
  return vq_add(x, (int32_t)((1u << shift) >> 1)) >> shift;
}

static inline int16_t vq_multiply_q15(int16_t a, int16_t b) {
  return (int16_t)(((int32_t)a * b + (1 << 14)) >> 15);
}

static inline int32_t vq_requantize(int32_t accumulator, int32_t row, int32_t column, int32_t shift) {
  const int64_t product = (int64_t)accumulator * vq_multiply(row, column);
  return (int32_t)((int64_t)((uint64_t)product + ((1ull << shift) >> 1)) >> shift);
}

static inline int16_t vq_saturate_int16(int32_t x) { return (int16_t)vq_clamp(x, -32768, 32767); }

// `RowQuantizer.init(step:)` with 0 as the level of 0: `levels` quantization steps in twice `step`, 1 to 32767.
static inline vq_row_quantizer vq_make_row_quantizer(int32_t step, int32_t levels, int32_t low, int32_t high) {
  const int32_t exponent = __builtin_clz((uint32_t)step) - 18;
  const uint32_t divisor = (uint32_t)step, numerator = (uint32_t)levels << (20 - exponent);
  return (vq_row_quantizer){
      .low = low, .high = high, .exponent = exponent, .inverse = (int32_t)((numerator + divisor / 2) / divisor)};
}

// A value clamped to its row's range and shifted to 14 bits.
static inline int16_t vq_scale(int16_t x, const vq_row_quantizer *_Nonnull quantizer) {
  const int32_t clamped = vq_clamp(x, quantizer->low, quantizer->high);
  return (int16_t)(quantizer->exponent < 0 ? clamped >> 1 : (int32_t)((uint32_t)clamped << quantizer->exponent));
}

// The level of one value before it is clamped to the output type.
static inline int32_t vq_quantize(int16_t x, const vq_row_quantizer *_Nonnull quantizer) {
  const int32_t product = vq_multiply_q15(vq_scale(x, quantizer), (int16_t)quantizer->inverse);
  return ((product + 32) >> 6) + quantizer->zero_point;
}

// The level of one value in a wide product.
static inline int16_t vq_quantize_wide(int16_t x, const vq_row_quantizer *_Nonnull quantizer) {
  return (int16_t)((vq_multiply_q15(vq_scale(x, quantizer), (int16_t)quantizer->inverse) + 1) >> 1);
}

// Writes the levels of the next 4 numbers of a key, of which `left` are there, as two pairs of its column.
static inline void vq_pack_wide_group(const int16_t *_Nonnull x, int32_t left,
                                      const vq_row_quantizer *_Nonnull quantizer, int16_t *_Nonnull panel_column) {
  for (int32_t i = 0; i < 4; ++i) panel_column[i / 2 * 32 + i % 2] = i < left ? vq_quantize_wide(x[i], quantizer) : 0;
}

// The largest magnitude of a number in two planes of int8, 2^7 * high + low with low from -64 to 63.
#define VQ_PLANES_LIMIT (127 * 128 + 63)

static inline int32_t vq_center(int32_t x, int32_t mean, int32_t shift) {
  return vq_round_half_up(vq_subtract(x, mean), shift);
}

static inline int32_t vq_normalize(int32_t x, int32_t mean, int32_t center_shift, int32_t multiplier, int32_t gain,
                                   int32_t bias, int32_t shift) {
  return vq_add(vq_requantize(vq_center(x, mean, center_shift), multiplier, gain, shift), bias);
}

// Minimax coefficients of 2 g(|x|), g(a) = a Phi(-a), in |x|/2 - 1; the highest degree first.
#define VQ_GELU_DEGREE 10
static const int16_t vq_gelu_coefficients[VQ_GELU_DEGREE + 1] = {
    -1114, 1707, 4005, -9378, -948, 18840, -19094, 8, 14173, -11172, 2982};

static inline int16_t vq_gelu(int16_t x, int32_t fraction_bits) {
  const int32_t bounded = x < -32767 ? -32767 : x;
  const int32_t limit = (4 << fraction_bits) - 1;
  const int32_t magnitude = bounded < 0 ? -bounded : bounded;
  const int32_t inside = magnitude < limit ? magnitude : limit;
  const int16_t centered = (int16_t)(((inside << (13 - fraction_bits)) - 16384) * 2);
  int16_t value = vq_gelu_coefficients[0];
  for (int i = 1; i <= VQ_GELU_DEGREE; ++i) {
    value = (int16_t)(vq_multiply_q15(centered, value) + vq_gelu_coefficients[i]);
  }
  const int32_t tail = vq_round_half_up(value > 0 ? value : 0, 16 - fraction_bits);
  return (int16_t)((bounded > 0 ? bounded : 0) - tail);
}

// Minimax coefficients of 32640 * 2^-f for f in 0 ..< 1; the highest degree first.
#define VQ_EXP2_DEGREE 4
static const int16_t vq_exp2_coefficients[VQ_EXP2_DEGREE + 1] = {226, -1742, 7819, -22622, 32640};

// 32640 * 2^-((maximum - x) / 2^10). The difference is unsigned, so that one that wraps counts as large.
static inline int32_t vq_exp2(int32_t x, int32_t maximum) {
  const uint32_t difference = (uint32_t)maximum - (uint32_t)x;
  const int32_t distance = difference < 32767 ? (int32_t)difference : 32767;
  const int32_t octaves = distance >> 10;
  const int16_t fraction = (int16_t)((distance & 1023) << 5);
  int16_t value = vq_exp2_coefficients[0];
  for (int i = 1; i <= VQ_EXP2_DEGREE; ++i) {
    value = (int16_t)(vq_multiply_q15(fraction, value) + vq_exp2_coefficients[i]);
  }
  return octaves >= 16 ? 0 : vq_round_half_up(value, octaves);
}

// Writes one 15-bit probability as two planes, or as one where `low` is NULL; returns what it adds to the sum.
static inline int32_t vq_split_probability(int32_t p, uint8_t *_Nonnull high, uint8_t *_Nullable low) {
  if (low) {
    *high = (uint8_t)(p >> 7);
    *low = (uint8_t)(p & 127);
    return p;
  }
  const int32_t level = (p + 64) >> 7;
  *high = (uint8_t)level;
  return level << 7;
}

#endif
