// The row kernels of LayerNorm, activations and their quantization, AVX2. The last elements of a row, which do
// not fill a vector, are computed one by one (scalar.h).
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include "avx2.h"
#include "heads.h"
#include "scalar.h"

VQ_INSTRUCTIONS("avx2")

#include "elementwise.h"

static inline void store(void *x, __m256i value) { _mm256_storeu_si256((__m256i *)x, value); }

static inline void widen_range(int32_t x, int32_t *minimum, int32_t *maximum) {
  if (x < *minimum) *minimum = x;
  if (x > *maximum) *maximum = x;
}

void vq_row_range_i32_avx2(const int32_t *x, int32_t n, int64_t *sum, int32_t *minimum, int32_t *maximum) {
  __m256i first = _mm256_setzero_si256(), second = first;
  __m256i low = _mm256_set1_epi32(INT32_MAX), high = _mm256_set1_epi32(INT32_MIN);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) {
    const __m256i v = vq_load256(x + i);
    first = _mm256_add_epi64(first, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(v)));
    second = _mm256_add_epi64(second, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1)));
    low = _mm256_min_epi32(low, v);
    high = _mm256_max_epi32(high, v);
  }
  *sum = vq_sum256_i64(_mm256_add_epi64(first, second));
  *minimum = vq_minimum256(low);
  *maximum = vq_maximum256(high);
  for (; i < n; ++i) {
    *sum += x[i];
    widen_range(x[i], minimum, maximum);
  }
}

int64_t vq_row_square_sum_avx2(const int32_t *x, int32_t n, int32_t mean, int32_t shift) {
  const __m256i means = _mm256_set1_epi32(mean), rounding = _mm256_set1_epi32((int32_t)((1u << shift) >> 1));
  const __m128i count = _mm_cvtsi32_si128(shift);
  __m256i even = _mm256_setzero_si256(), odd = even;
  int32_t i = 0;
  for (; n - i >= 8; i += 8) {
    const __m256i centered = vq_center256(vq_load256(x + i), means, rounding, count);
    const __m256i upper = _mm256_srli_epi64(centered, 32);
    even = _mm256_add_epi64(even, _mm256_mul_epi32(centered, centered));
    odd = _mm256_add_epi64(odd, _mm256_mul_epi32(upper, upper));
  }
  uint64_t total = (uint64_t)vq_sum256_i64(_mm256_add_epi64(even, odd));
  for (; i < n; ++i) {
    const int64_t centered = vq_center(x[i], mean, shift);
    total += (uint64_t)(centered * centered);
  }
  return (int64_t)total;
}

// The parameters of a row's normalization, the same for all of its elements.
typedef struct normalization {
  __m256i mean, rounding, multiplier;
  __m128i center_shift;
  vq_shift256 shift;
} normalization;

static inline normalization make_normalization(int32_t mean, int32_t center_shift, int32_t multiplier,
                                               int32_t shift) {
  return (normalization){
      .mean = _mm256_set1_epi32(mean),
      .rounding = _mm256_set1_epi32((int32_t)((1u << center_shift) >> 1)),
      .multiplier = _mm256_set1_epi32(multiplier),
      .center_shift = _mm_cvtsi32_si128(center_shift),
      .shift = vq_make_shift256(shift)};
}

static inline __m256i normalize(const int32_t *x, const int32_t *gain, const int32_t *bias, normalization row) {
  const __m256i centered = vq_center256(vq_load256(x), row.mean, row.rounding, row.center_shift);
  const __m256i multiplier = _mm256_mullo_epi32(vq_load256(gain), row.multiplier);
  return _mm256_add_epi32(vq_requantize256(centered, multiplier, row.shift), vq_load256(bias));
}

void vq_row_normalize_i16_avx2(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                               const int32_t *gain, const int32_t *bias, int32_t shift, int16_t *out) {
  const normalization row = make_normalization(mean, center_shift, multiplier, shift);
  int32_t i = 0;
  for (; n - i >= 16; i += 16) {
    const __m256i first = normalize(x + i, gain + i, bias + i, row);
    const __m256i second = normalize(x + i + 8, gain + i + 8, bias + i + 8, row);
    store(out + i, vq_saturate256(first, second));
  }
  for (; i < n; ++i) {
    out[i] = vq_saturate_int16(vq_normalize(x[i], mean, center_shift, multiplier, gain[i], bias[i], shift));
  }
}

void vq_row_normalize_i32_avx2(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                               const int32_t *gain, const int32_t *bias, int32_t shift, int32_t *out) {
  const normalization row = make_normalization(mean, center_shift, multiplier, shift);
  int32_t i = 0;
  for (; n - i >= 8; i += 8) {
    store(out + i, normalize(x + i, gain + i, bias + i, row));
  }
  for (; i < n; ++i) {
    out[i] = vq_normalize(x[i], mean, center_shift, multiplier, gain[i], bias[i], shift);
  }
}

// Minimum and maximum of 16 int16 lanes.
static inline void reduce_range(__m256i low, __m256i high, int32_t *minimum, int32_t *maximum) {
  const __m256i low_even = _mm256_srai_epi32(_mm256_slli_epi32(low, 16), 16), low_odd = _mm256_srai_epi32(low, 16);
  const __m256i high_even = _mm256_srai_epi32(_mm256_slli_epi32(high, 16), 16), high_odd = _mm256_srai_epi32(high, 16);
  *minimum = vq_minimum256(_mm256_min_epi32(low_even, low_odd));
  *maximum = vq_maximum256(_mm256_max_epi32(high_even, high_odd));
}

void vq_row_range_i16_avx2(const int16_t *x, int32_t n, int32_t *minimum, int32_t *maximum) {
  __m256i low = _mm256_set1_epi16(INT16_MAX), high = _mm256_set1_epi16(INT16_MIN);
  int32_t i = 0;
  for (; n - i >= 16; i += 16) {
    const __m256i v = vq_load256(x + i);
    low = _mm256_min_epi16(low, v);
    high = _mm256_max_epi16(high, v);
  }
  reduce_range(low, high, minimum, maximum);
  for (; i < n; ++i) widen_range(x[i], minimum, maximum);
}

typedef struct gelu_format {
  __m256i limit, rounding, last_coefficient;
  __m128i to_q16, from_q15;
} gelu_format;

// Vectors that GELU takes at a time: each product of the polynomial waits for the one before, those of other vectors do
// not.
enum { gelu_vectors = 4 };

// GELU of `count` vectors in place, at most `gelu_vectors`.
static inline __attribute__((always_inline)) void gelu(__m256i *x, const int count, gelu_format format) {
  __m256i centered[gelu_vectors], value[gelu_vectors];
  for (int v = 0; v < count; ++v) {
    // The magnitude of -32768 is 32768, which fits an unsigned lane.
    const __m256i magnitude = _mm256_min_epu16(_mm256_abs_epi16(x[v]), format.limit);
    // |x|/4 - 1/2 in Q16: to subtract a half is to invert the top bit.
    centered[v] = _mm256_xor_si256(_mm256_sll_epi16(magnitude, format.to_q16), _mm256_set1_epi16(INT16_MIN));
    value[v] = _mm256_set1_epi16(vq_gelu_coefficients[0]);
  }
  for (int c = 1; c <= VQ_GELU_DEGREE; ++c) {
    const __m256i next = c < VQ_GELU_DEGREE ? _mm256_set1_epi16(vq_gelu_coefficients[c]) : format.last_coefficient;
    for (int v = 0; v < count; ++v) value[v] = _mm256_add_epi16(_mm256_mulhrs_epi16(centered[v], value[v]), next);
  }
  for (int v = 0; v < count; ++v) {
    // The rounding is a part of the last coefficient, so max(value, rounding) is max(value, 0) with the rounding added.
    const __m256i tail = _mm256_srl_epi16(_mm256_max_epi16(value[v], format.rounding), format.from_q15);
    x[v] = _mm256_sub_epi16(_mm256_max_epi16(x[v], _mm256_setzero_si256()), tail);
  }
}

void vq_row_gelu_avx2(int16_t *x, int32_t n, int32_t fraction_bits, const int16_t *factors, int32_t *minimum,
                      int32_t *maximum) {
  const int32_t rounding = 1 << (15 - fraction_bits);
  const gelu_format format = {
      .limit = _mm256_set1_epi16((int16_t)((4 << fraction_bits) - 1)),
      .rounding = _mm256_set1_epi16((int16_t)rounding),
      .last_coefficient = _mm256_set1_epi16((int16_t)(vq_gelu_coefficients[VQ_GELU_DEGREE] + rounding)),
      .to_q16 = _mm_cvtsi32_si128(14 - fraction_bits),
      .from_q15 = _mm_cvtsi32_si128(16 - fraction_bits)};
  __m256i low = _mm256_set1_epi16(INT16_MAX), high = _mm256_set1_epi16(INT16_MIN);
  int32_t i = 0;
  for (; n - i >= 16 * gelu_vectors; i += 16 * gelu_vectors) {
    __m256i results[gelu_vectors];
    for (int v = 0; v < gelu_vectors; ++v) results[v] = vq_load256(x + i + 16 * v);
    gelu(results, gelu_vectors, format);
    for (int v = 0; v < gelu_vectors; ++v) {
      if (factors) results[v] = _mm256_mulhrs_epi16(results[v], vq_load256(factors + i + 16 * v));
      store(x + i + 16 * v, results[v]);
      low = _mm256_min_epi16(low, results[v]);
      high = _mm256_max_epi16(high, results[v]);
    }
  }
  for (; n - i >= 16; i += 16) {
    __m256i result = vq_load256(x + i);
    gelu(&result, 1, format);
    if (factors) result = _mm256_mulhrs_epi16(result, vq_load256(factors + i));
    store(x + i, result);
    low = _mm256_min_epi16(low, result);
    high = _mm256_max_epi16(high, result);
  }
  reduce_range(low, high, minimum, maximum);
  for (; i < n; ++i) {
    const int16_t result = vq_gelu(x[i], fraction_bits);
    x[i] = factors ? vq_multiply_q15(result, factors[i]) : result;
    widen_range(x[i], minimum, maximum);
  }
}

void vq_row_activate_avx2(int16_t *x, int32_t n, int32_t fraction_bits, const uint16_t *tails, int32_t last) {
  vq_activate(x, n, fraction_bits, tails, last);
}

void vq_row_gate_avx2(int16_t *x, const int16_t *factors, int32_t n, int32_t shift) { vq_gate(x, factors, n, shift); }

void vq_row_rotate_avx2(int16_t *x, int32_t pairs, const int16_t *cosines, const int16_t *sines) {
  vq_rotate(x, pairs, cosines, sines);
}

void vq_row_hadamard_avx2(int32_t *x, int32_t n, int32_t block, const int8_t *signs) {
  vq_hadamard(x, n, block, signs);
}

// 32 numbers as bytes, in order.
static inline __m256i bytes_of(__m256i first, __m256i second) {
  return _mm256_permute4x64_epi64(_mm256_packus_epi16(first, second), _MM_SHUFFLE(3, 1, 2, 0));
}

void vq_row_quantize_u8_avx2(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, uint8_t *out) {
  const vq_quantizer256 levels = vq_make_quantizer256(quantizer);
  int32_t i = 0;
  for (; n - i >= 32; i += 32) {
    const __m256i first = vq_quantize256(vq_load256(x + i), levels);
    const __m256i second = vq_quantize256(vq_load256(x + i + 16), levels);
    store(out + i, bytes_of(first, second));
  }
  for (; i < n; ++i) {
    out[i] = (uint8_t)vq_clamp(vq_quantize(x[i], quantizer), 0, 255);
  }
}

void vq_rows_quantize_u8_avx2(const int16_t *x, ptrdiff_t x_stride, int32_t rows, int32_t n, uint8_t *out,
                             ptrdiff_t out_stride, int32_t *multiplier, int32_t *zero_point) {
  vq_rows_quantize(x, x_stride, rows, n, out, out_stride, multiplier, zero_point, vq_row_range_i16_avx2,
                   vq_row_quantize_u8_avx2);
}

void vq_row_quantize_wide_avx2(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *out) {
  const vq_quantizer256 levels = vq_make_quantizer256(quantizer);
  int32_t i = 0;
  for (; n - i >= 16; i += 16) store(out + i, vq_quantize_wide256(vq_load256(x + i), levels));
  for (; i < n; ++i) out[i] = vq_quantize_wide(x[i], quantizer);
}

VQ_INSTRUCTIONS_END

#endif
