// The row kernels of LayerNorm, activations and their quantization, AVX-512. A step is inlined twice: for whole
// vectors, where the compiler drops its constant mask, and for the rest of the row.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include "avx512.h"
#include "scalar.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl")

#include "elementwise.h"

enum { all_lanes16 = 0xFFFF };
static const __mmask32 all_lanes32 = 0xFFFFFFFF;

#define STEP static inline __attribute__((always_inline))

typedef struct range32 {
  __m512i even, odd;  // sums, 64-bit lanes
  __m512i low, high;
} range32;

// `one` is 1 in all lanes.
STEP void add_range32(range32 *range, const int32_t *x, __m512i one, __mmask16 lanes) {
  const __m512i v = _mm512_maskz_loadu_epi32(lanes, x);
  // The lower and the upper half of each 64-bit lane, sign-extended to 64 bits: by a product with 1, since shifts have
  // but one port, and by a shift.
  range->even = _mm512_add_epi64(range->even, _mm512_mul_epi32(v, one));
  range->odd = _mm512_add_epi64(range->odd, _mm512_srai_epi64(v, 32));
  range->low = _mm512_mask_min_epi32(range->low, lanes, range->low, v);
  range->high = _mm512_mask_max_epi32(range->high, lanes, range->high, v);
}

void vq_row_range_i32_avx512(const int32_t *x, int32_t n, int64_t *sum, int32_t *minimum, int32_t *maximum) {
  __m512i one = _mm512_set1_epi32(1);
  VQ_IN_ORDER(one);  // a compiler that knows the factor makes two shifts of the product
  const __m512i zero = _mm512_setzero_si512();
  range32 range = {zero, zero, _mm512_set1_epi32(INT32_MAX), _mm512_set1_epi32(INT32_MIN)};
  int32_t i = 0;
  for (; n - i >= 16; i += 16) add_range32(&range, x + i, one, all_lanes16);
  if (i < n) add_range32(&range, x + i, one, vq_lanes16(n - i));
  *sum = _mm512_reduce_add_epi64(_mm512_add_epi64(range.even, range.odd));
  *minimum = _mm512_reduce_min_epi32(range.low);
  *maximum = _mm512_reduce_max_epi32(range.high);
}

// The centering of a row: d = (x - origin) >> shift, where `origin` is the mean less half of 2^shift, for the rounding.
typedef struct centering {
  __m512i origin, shift;
} centering;

static inline centering make_centering(int32_t mean, int32_t shift) {
  return (centering){_mm512_set1_epi32(vq_subtract(mean, (int32_t)((1u << shift) >> 1))), _mm512_set1_epi32(shift)};
}

STEP __m512i center(const int32_t *x, centering row, __mmask16 lanes) {
  return _mm512_srav_epi32(_mm512_sub_epi32(_mm512_maskz_loadu_epi32(lanes, x), row.origin), row.shift);
}

STEP __m512i add_squares(__m512i sum, const int32_t *x, centering row, __mmask16 lanes) {
  const __m512i centered = _mm512_maskz_mov_epi32(lanes, center(x, row, lanes)), odd = vq_odd_lanes512(centered);
  return _mm512_add_epi64(sum, _mm512_add_epi64(_mm512_mul_epi32(centered, centered), _mm512_mul_epi32(odd, odd)));
}

int64_t vq_row_square_sum_avx512(const int32_t *x, int32_t n, int32_t mean, int32_t shift) {
  const centering row = make_centering(mean, shift);
  __m512i sum = _mm512_setzero_si512();
  int32_t i = 0;
  for (; n - i >= 16; i += 16) sum = add_squares(sum, x + i, row, all_lanes16);
  if (i < n) sum = add_squares(sum, x + i, row, vq_lanes16(n - i));
  return _mm512_reduce_add_epi64(sum);
}

// The parameters of a row's normalization, the same for all of its elements.
typedef struct normalization {
  centering row;
  __m512i multiplier;
  vq_shift512 shift;
} normalization;

static inline normalization make_normalization(int32_t mean, int32_t center_shift, int32_t multiplier,
                                               int32_t shift) {
  return (normalization){make_centering(mean, center_shift), _mm512_set1_epi32(multiplier), vq_make_shift512(shift)};
}

STEP __m512i normalize(const int32_t *x, const int32_t *gain, const int32_t *bias, normalization row,
                       __mmask16 lanes) {
  // The product of the two multipliers, by `vpmaddwd`, which adds the products of a lane's two 16-bit halves. Both
  // multipliers fit 16 bits and the row's is not negative, so its upper half is 0, and so is that product.
  const __m512i multiplier = _mm512_madd_epi16(_mm512_maskz_loadu_epi32(lanes, gain), row.multiplier);
  const __m512i value = vq_requantize512(center(x, row.row, lanes), multiplier, row.shift);
  return _mm512_add_epi32(value, _mm512_maskz_loadu_epi32(lanes, bias));
}

void vq_row_normalize_i16_avx512(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                                 const int32_t *gain, const int32_t *bias, int32_t shift, int16_t *out) {
  const normalization row = make_normalization(mean, center_shift, multiplier, shift);
  int32_t i = 0;
  for (; n - i >= 32; i += 32) {
    const __m512i first = normalize(x + i, gain + i, bias + i, row, all_lanes16);
    const __m512i second = normalize(x + i + 16, gain + i + 16, bias + i + 16, row, all_lanes16);
    _mm512_storeu_si512(out + i, vq_saturate512(first, second));
  }
  for (; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16(n - i);
    const __m512i value = normalize(x + i, gain + i, bias + i, row, lanes);
    _mm256_mask_storeu_epi16(out + i, lanes, _mm512_cvtsepi32_epi16(value));
  }
}

void vq_row_normalize_i32_avx512(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                                 const int32_t *gain, const int32_t *bias, int32_t shift, int32_t *out) {
  const normalization row = make_normalization(mean, center_shift, multiplier, shift);
  for (int32_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)n - i);
    _mm512_mask_storeu_epi32(out + i, lanes, normalize(x + i, gain + i, bias + i, row, lanes));
  }
}

typedef struct range16 {
  __m512i low, high;
} range16;

static inline range16 empty_range16(void) {
  return (range16){_mm512_set1_epi16(INT16_MAX), _mm512_set1_epi16(INT16_MIN)};
}

STEP void add_range16(range16 *range, __m512i v, __mmask32 lanes) {
  range->low = _mm512_mask_min_epi16(range->low, lanes, range->low, v);
  range->high = _mm512_mask_max_epi16(range->high, lanes, range->high, v);
}

static inline void reduce_range16(range16 range, int32_t *minimum, int32_t *maximum) {
  const __m256i low = _mm256_min_epi16(_mm512_castsi512_si256(range.low), _mm512_extracti64x4_epi64(range.low, 1));
  const __m256i high = _mm256_max_epi16(_mm512_castsi512_si256(range.high), _mm512_extracti64x4_epi64(range.high, 1));
  const __m128i low8 = _mm_min_epi16(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  const __m128i high8 = _mm_max_epi16(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  // `vphminposuw` finds the smallest of eight unsigned numbers. Signed order becomes unsigned order when the top bit is
  // inverted; when the other bits are inverted, the largest number becomes the smallest.
  const __m128i smallest = _mm_minpos_epu16(_mm_xor_si128(low8, _mm_set1_epi16(INT16_MIN)));
  const __m128i largest = _mm_minpos_epu16(_mm_xor_si128(high8, _mm_set1_epi16(INT16_MAX)));
  *minimum = (int16_t)(_mm_cvtsi128_si32(smallest) ^ 0x8000);
  *maximum = (int16_t)(_mm_cvtsi128_si32(largest) ^ 0x7FFF);
}

void vq_row_range_i16_avx512(const int16_t *x, int32_t n, int32_t *minimum, int32_t *maximum) {
  range16 range = empty_range16();
  int32_t i = 0;
  for (; n - i >= 32; i += 32) add_range16(&range, _mm512_loadu_si512(x + i), all_lanes32);
  if (i < n) {
    const __mmask32 lanes = vq_lanes32(n - i);
    add_range16(&range, _mm512_maskz_loadu_epi16(lanes, x + i), lanes);
  }
  reduce_range16(range, minimum, maximum);
}

typedef struct gelu_format {
  __m512i limit, rounding, last_coefficient;
  __m512i to_q16, from_q15;  // shifts, see `vq_requantize512`
} gelu_format;

// Vectors that GELU takes at a time: each product of the polynomial waits for the one before, those of other vectors do
// not. Zen 4 is slower with four vectors: what waits fills its schedulers before the next four are there.
enum { gelu_vectors = 8 };

// GELU of `count` vectors in place, at most `gelu_vectors`.
STEP void gelu(__m512i *x, int count, gelu_format format) {
  __m512i centered[gelu_vectors], value[gelu_vectors];
  for (int v = 0; v < count; ++v) {
    // The magnitude of -32768 is 32768, which fits an unsigned lane.
    const __m512i magnitude = _mm512_min_epu16(_mm512_abs_epi16(x[v]), format.limit);
    // |x|/4 - 1/2 in Q16: to subtract a half is to invert the top bit.
    centered[v] = _mm512_xor_si512(_mm512_sllv_epi16(magnitude, format.to_q16), _mm512_set1_epi16(INT16_MIN));
    value[v] = _mm512_set1_epi16(vq_gelu_coefficients[0]);
  }
  for (int c = 1; c <= VQ_GELU_DEGREE; ++c) {
    const __m512i next = c < VQ_GELU_DEGREE ? _mm512_set1_epi16(vq_gelu_coefficients[c]) : format.last_coefficient;
    for (int v = 0; v < count; ++v) value[v] = _mm512_add_epi16(_mm512_mulhrs_epi16(centered[v], value[v]), next);
  }
  for (int v = 0; v < count; ++v) {
    // The rounding is a part of the last coefficient, so max(value, rounding) is max(value, 0) with the rounding added.
    const __m512i tail = _mm512_srlv_epi16(_mm512_max_epi16(value[v], format.rounding), format.from_q15);
    x[v] = _mm512_sub_epi16(_mm512_max_epi16(x[v], _mm512_setzero_si512()), tail);
  }
}

void vq_row_gelu_avx512(int16_t *x, int32_t n, int32_t fraction_bits, const int16_t *factors, int32_t *minimum,
                        int32_t *maximum) {
  const int32_t rounding = 1 << (15 - fraction_bits);
  const gelu_format format = {
      .limit = _mm512_set1_epi16((int16_t)((4 << fraction_bits) - 1)),
      .rounding = _mm512_set1_epi16((int16_t)rounding),
      .last_coefficient = _mm512_set1_epi16((int16_t)(vq_gelu_coefficients[VQ_GELU_DEGREE] + rounding)),
      .to_q16 = _mm512_set1_epi16((int16_t)(14 - fraction_bits)),
      .from_q15 = _mm512_set1_epi16((int16_t)(16 - fraction_bits))};
  range16 range = empty_range16();
  int32_t i = 0;
  for (; n - i >= 32 * gelu_vectors; i += 32 * gelu_vectors) {
    __m512i results[gelu_vectors];
    for (int v = 0; v < gelu_vectors; ++v) results[v] = _mm512_loadu_si512(x + i + 32 * v);
    gelu(results, gelu_vectors, format);
    for (int v = 0; v < gelu_vectors; ++v) {
      if (factors) results[v] = _mm512_mulhrs_epi16(results[v], _mm512_loadu_si512(factors + i + 32 * v));
      _mm512_storeu_si512(x + i + 32 * v, results[v]);
      add_range16(&range, results[v], all_lanes32);
    }
  }
  for (; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32(n - i);
    __m512i result = _mm512_maskz_loadu_epi16(lanes, x + i);
    gelu(&result, 1, format);
    if (factors) result = _mm512_mulhrs_epi16(result, _mm512_maskz_loadu_epi16(lanes, factors + i));
    _mm512_mask_storeu_epi16(x + i, lanes, result);
    add_range16(&range, result, lanes);
  }
  reduce_range16(range, minimum, maximum);
}

void vq_row_activate_avx512(int16_t *x, int32_t n, int32_t fraction_bits, const uint16_t *tails, int32_t last) {
  vq_activate(x, n, fraction_bits, tails, last);
}

void vq_row_gate_avx512(int16_t *x, const int16_t *factors, int32_t n, int32_t shift) { vq_gate(x, factors, n, shift); }

void vq_row_rotate_avx512(int16_t *x, int32_t pairs, const int16_t *cosines, const int16_t *sines) {
  vq_rotate(x, pairs, cosines, sines);
}

void vq_row_hadamard_avx512(int32_t *x, int32_t n, int32_t block, const int8_t *signs) {
  vq_hadamard(x, n, block, signs);
}

void vq_row_quantize_u8_avx512(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, uint8_t *out) {
  const vq_quantizer512 levels = vq_make_quantizer512(quantizer);
  int32_t i = 0;
  for (; n - i >= 64; i += 64) {
    const __m512i first = vq_quantize512(_mm512_loadu_si512(x + i), levels);
    const __m512i second = vq_quantize512(_mm512_loadu_si512(x + i + 32), levels);
    // `vpackuswb` packs each 128-bit quarter apart; `order` undoes that.
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    _mm512_storeu_si512(out + i, _mm512_permutexvar_epi64(order, _mm512_packus_epi16(first, second)));
  }
  for (; i < n; i += 32) {
    const __mmask32 lanes = vq_lanes32(n - i);
    const __m512i level = vq_quantize512(_mm512_maskz_loadu_epi16(lanes, x + i), levels);
    const __m512i positive = _mm512_max_epi16(level, _mm512_setzero_si512());
    _mm256_mask_storeu_epi8(out + i, lanes, _mm512_cvtusepi16_epi8(positive));
  }
}

void vq_row_quantize_wide_avx512(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *out) {
  const vq_quantizer512 levels = vq_make_quantizer512(quantizer);
  int32_t i = 0;
  for (; n - i >= 32; i += 32) {
    _mm512_storeu_si512(out + i, vq_quantize_wide512(_mm512_loadu_si512(x + i), levels));
  }
  if (i < n) {
    const __mmask32 lanes = vq_lanes32(n - i);
    const __m512i level = vq_quantize_wide512(_mm512_maskz_loadu_epi16(lanes, x + i), levels);
    _mm512_mask_storeu_epi16(out + i, lanes, level);
  }
}

#undef STEP

VQ_INSTRUCTIONS_END

#endif
