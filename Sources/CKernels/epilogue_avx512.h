// The requantization of a row of accumulators, AVX-512: for the epilogue of a block, and for a chain of blocks
// (matmul_chain512.h). A kernel file includes this between VQ_INSTRUCTIONS and VQ_INSTRUCTIONS_END, after avx512.h.
#ifndef VQ_EPILOGUE_AVX512_H
#define VQ_EPILOGUE_AVX512_H

// The requantization's parameters of 16 columns.
typedef struct columns {
  __m512i sum, multiplier, bias;
} columns;

static inline columns load_columns(const vq_matmul *product, int32_t column) {
  return (columns){
      .sum = _mm512_loadu_si512(product->column_sum + column),
      .multiplier = _mm512_loadu_si512(product->column_multiplier + column),
      .bias = _mm512_loadu_si512(product->bias + column)};
}

static inline __m512i add_within_limits(__m512i x, __m512i y) {
  const __m512i limit = _mm512_set1_epi32((1 << 30) - 1), negative_limit = _mm512_set1_epi32(1 - (1 << 30));
  return _mm512_max_epi32(_mm512_min_epi32(_mm512_add_epi32(x, y), limit), negative_limit);
}

// Writes a row's values of one or two panels; two are whole. `panels` and `output` are constants where this is inlined,
// and so is `lanes` for whole panels.
static inline __attribute__((always_inline)) void write_values(__m512i *values, char *out, __mmask16 lanes,
                                                               const int panels, const vq_output output) {
  if (output == vq_output_int16 && panels == 2) {
    _mm512_storeu_si512(out, vq_saturate512(values[0], values[1]));
    return;
  }
  for (int p = 0; p < panels; ++p, out += 64) {
    if (output == vq_output_int16) {
      _mm256_mask_storeu_epi16(out, lanes, _mm512_cvtsepi32_epi16(values[p]));
      continue;
    }
    if (output == vq_output_accumulate) {
      values[p] = add_within_limits(_mm512_maskz_loadu_epi32(lanes, out), values[p]);
    }
    _mm512_mask_storeu_epi32(out, lanes, values[p]);
  }
}

// The parameters of 16 columns in a form for fewer operations. It needs sums of columns that are 2^7 * high + low with
// int16 numbers, and biases that fit 62 bits and a sign when they are shifted to the left, as those of models do. A
// zero point's part is then one `vpdpwssd`, and the bias a part of the rounding.
//
// No 64 bits overflow: a product of an accumulator and two multipliers is within 2^61, the rounding too, and a shifted
// bias within 2^62. After a shift of up to 31 bits, a bias may have any 32: what overflows does not reach the result's.
typedef struct short_columns {
  __m512i sum;                          // pairs of int16: low, high
  __m512i multiplier;
  __m512i even_rounding, odd_rounding;  // with the bias, 64-bit lanes
} short_columns;

enum { short_sum_bits = 22, short_bias_bits = 62, low_bits = 7 };

// Whether 16 numbers fit `bits` and a sign.
static inline int fit_bits(const int32_t *numbers, int32_t bits) {
  const __m512i x = _mm512_loadu_si512(numbers);
  return _mm512_cmpeq_epi32_mask(_mm512_srav_epi32(x, _mm512_set1_epi32(bits)), _mm512_srai_epi32(x, 31)) == 0xFFFF;
}

static inline short_columns make_short_columns(columns columns, vq_shift512 shift) {
  const __m512i low = _mm512_and_si512(columns.sum, _mm512_set1_epi32((1 << low_bits) - 1));
  const __m512i high = _mm512_slli_epi32(_mm512_srai_epi32(columns.sum, low_bits), 16);
  // The other half of a bias's 64-bit lane is shifted beyond the result or out of the lane.
  const __m512i even_bias = _mm512_sllv_epi64(columns.bias, shift.count);
  const __m512i odd_bias = _mm512_sllv_epi64(vq_odd_lanes512(columns.bias), shift.count);
  return (short_columns){
      .sum = _mm512_or_si512(high, low),
      .multiplier = columns.multiplier,
      .even_rounding = _mm512_add_epi64(even_bias, shift.rounding),
      .odd_rounding = _mm512_add_epi64(odd_bias, shift.rounding)};
}

// `zero_point` has the negated factors of `low` and `high`. The rest is as in `write_panel` and `vq_requantize512`. Four
// multiplications for 16 values: Zen 4 begins one in each cycle, and an operation of another kind beside it.
static inline __attribute__((always_inline)) __m512i requantize_short(__m512i accumulator, __m512i zero_point,
                                                                      __m512i row_multiplier,
                                                                      const short_columns *columns, __m512i shift) {
  VQ_DPWSSD512(accumulator, zero_point, columns->sum);
  const __m512i multiplier = _mm512_madd_epi16(row_multiplier, columns->multiplier);
  __m512i even = _mm512_mul_epi32(accumulator, multiplier);
  __m512i odd = _mm512_mul_epi32(vq_odd_lanes512(accumulator), vq_odd_lanes512(multiplier));
  even = _mm512_srav_epi64(_mm512_add_epi64(even, columns->even_rounding), shift);
  odd = _mm512_srav_epi64(_mm512_add_epi64(odd, columns->odd_rounding), shift);
  return _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, _MM_PERM_CCAA);
}

// Rows whose zero points are prepared at a time.
enum { group_rows = 16 };

// The zero points of up to `group_rows` rows as `requantize_short` takes them.
static inline __m512i make_short_zero_points(const int32_t *zero_points, int32_t rows) {
  const __m512i low = _mm512_maskz_loadu_epi32(vq_lanes16(rows), zero_points);
  const __m512i both = _mm512_or_si512(low, _mm512_slli_epi32(low, 16 + low_bits));
  return _mm512_sub_epi16(_mm512_setzero_si512(), both);
}

// Shifted by 32 bits or more, lanes of 32 bits are their sign alone.
static inline int has_short_form(const vq_matmul *product, int32_t column, int32_t panels) {
  const int32_t bias_bits = short_bias_bits - product->shift;
  for (const int32_t end = column + 16 * panels; column < end; column += 16) {
    if (!fit_bits(product->column_sum + column, short_sum_bits)) return 0;
    if (!fit_bits(product->bias + column, bias_bits)) return 0;
  }
  return 1;
}

#endif
