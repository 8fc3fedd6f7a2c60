// From accumulators to outputs, AVX-512: what every product with 512-bit registers or tiles ends with.
#if defined(__x86_64__)

#include "avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

// What 16 columns bring to the requantization.
typedef struct columns {
  __m512i sum, multiplier, bias;
} columns;

static inline columns load_columns(const vq_matmul *product, int32_t column) {
  return (columns){
      _mm512_loadu_si512(product->column_sum + column),
      _mm512_loadu_si512(product->column_multiplier + column),
      _mm512_loadu_si512(product->bias + column)};
}

static inline __m512i requantize(const vq_matmul *product, int32_t row, __m512i sums, columns columns,
                                 vq_shift512 shift) {
  const __m512i zero_point = _mm512_set1_epi32(product->row_zero_point[row]);
  const __m512i accumulator = _mm512_sub_epi32(sums, _mm512_mullo_epi32(zero_point, columns.sum));
  // Both fit 16 bits and the row's is not negative, so the product of the upper halves is 0.
  const __m512i multiplier = _mm512_madd_epi16(_mm512_set1_epi32(product->row_multiplier[row]), columns.multiplier);
  return _mm512_add_epi32(vq_requantize512(accumulator, multiplier, shift), columns.bias);
}

void vq_epilogue_avx512(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                        int32_t column, int32_t panels) {
  const vq_shift512 shift = vq_make_shift512(product->shift);
  const __m512i limit = _mm512_set1_epi32((1 << 30) - 1), negative_limit = _mm512_set1_epi32(1 - (1 << 30));
  for (int32_t panel = 0; panel < panels; ++panel) {
    const int32_t first = column + panel * 16;
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)product->columns - first);
    const columns columns = load_columns(product, first);
    const int32_t *sums = accumulators + panel * 16;
    ptrdiff_t index = row * product->out_stride + first;
    for (int32_t r = row; r < row + rows; ++r, sums += panels * 16, index += product->out_stride) {
      const __m512i value = requantize(product, r, _mm512_loadu_si512(sums), columns, shift);
      if (product->output == vq_output_int16) {
        _mm256_mask_storeu_epi16((int16_t *)product->out + index, lanes, _mm512_cvtsepi32_epi16(value));
      } else {
        int32_t *const out = (int32_t *)product->out + index;
        __m512i result = value;
        if (product->output == vq_output_accumulate) {
          const __m512i total = _mm512_add_epi32(_mm512_maskz_loadu_epi32(lanes, out), value);
          result = _mm512_max_epi32(_mm512_min_epi32(total, limit), negative_limit);
        }
        _mm512_mask_storeu_epi32(out, lanes, result);
      }
    }
  }
}

#pragma clang attribute pop

#endif
