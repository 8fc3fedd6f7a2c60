// The requantization of a block of accumulators, AVX-512: the last step of every product with 512-bit registers or
// tiles. Sums take few cycles with tiles, so this is a large part of such a product; the loop over rows therefore does
// the arithmetic alone: what is the same for all rows is loaded before it, and each kind of output has its own loop.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include "avx512.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl")

// The requantization's parameters of 16 columns.
typedef struct columns {
  __m512i sum, multiplier, bias;
} columns;

static inline columns load_columns(const vq_matmul *product, int32_t column) {
  return (columns){
      _mm512_loadu_si512(product->column_sum + column),
      _mm512_loadu_si512(product->column_multiplier + column),
      _mm512_loadu_si512(product->bias + column)};
}

static inline __attribute__((always_inline)) __m512i requantize(__m512i sums, int32_t row_multiplier,
                                                                int32_t row_zero_point, columns columns,
                                                                vq_shift512 shift) {
  const __m512i accumulator = _mm512_sub_epi32(sums, _mm512_mullo_epi32(_mm512_set1_epi32(row_zero_point), columns.sum));
  // The product of the two multipliers, by `vpmaddwd`, which adds the products of a lane's two 16-bit halves. Both
  // multipliers fit 16 bits and the row's is not negative, so its upper half is 0, and so is that product.
  const __m512i multiplier = _mm512_madd_epi16(_mm512_set1_epi32(row_multiplier), columns.multiplier);
  return _mm512_add_epi32(vq_requantize512(accumulator, multiplier, shift), columns.bias);
}

static inline __attribute__((always_inline)) void write(void *out, __mmask16 lanes, __m512i value, vq_output output) {
  if (output == vq_output_int16) {
    _mm256_mask_storeu_epi16(out, lanes, _mm512_cvtsepi32_epi16(value));
  } else if (output == vq_output_int32) {
    _mm512_mask_storeu_epi32(out, lanes, value);
  } else {
    const __m512i limit = _mm512_set1_epi32((1 << 30) - 1), negative_limit = _mm512_set1_epi32(1 - (1 << 30));
    const __m512i total = _mm512_add_epi32(_mm512_maskz_loadu_epi32(lanes, out), value);
    _mm512_mask_storeu_epi32(out, lanes, _mm512_max_epi32(_mm512_min_epi32(total, limit), negative_limit));
  }
}

// Writes one panel. `output` is a constant where this is inlined, and so is `lanes` for whole panels.
static inline __attribute__((always_inline)) void write_panel(const vq_matmul *product, const int32_t *sums,
                                                              ptrdiff_t stride, int32_t row, int32_t rows,
                                                              int32_t column, __mmask16 lanes,
                                                              const vq_output output) {
  const vq_shift512 shift = vq_make_shift512(product->shift);
  const columns columns = load_columns(product, column);
  const int32_t *const multiplier = product->row_multiplier, *const zero_point = product->row_zero_point;
  const ptrdiff_t size = output == vq_output_int16 ? 2 : 4, out_stride = product->out_stride * size;
  char *out = (char *)product->out + row * out_stride + column * size;
  for (int32_t r = row; r < row + rows; ++r, sums += stride, out += out_stride) {
    write(out, lanes, requantize(_mm512_loadu_si512(sums), multiplier[r], zero_point[r], columns, shift), output);
  }
}

static void write_sums(const vq_matmul *product, const int32_t *sums, ptrdiff_t stride, int32_t row, int32_t rows,
                       int32_t column, __mmask16 lanes) {
  int32_t *out = (int32_t *)product->out + row * product->out_stride + column;
  for (int32_t r = 0; r < rows; ++r, sums += stride, out += product->out_stride) {
    _mm512_mask_storeu_epi32(out, lanes, _mm512_loadu_si512(sums));
  }
}

void vq_epilogue_avx512(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                        int32_t column, int32_t panels) {
  const ptrdiff_t stride = panels * 16;
  for (int32_t panel = 0; panel < panels; ++panel, column += 16, accumulators += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)product->columns - column);
#define WRITE(OUTPUT)                                                                        \
  case OUTPUT:                                                                               \
    if (lanes == 0xFFFF) write_panel(product, accumulators, stride, row, rows, column, 0xFFFF, OUTPUT); \
    else write_panel(product, accumulators, stride, row, rows, column, lanes, OUTPUT);       \
    break;
    switch (product->output) {
      WRITE(vq_output_int16)
      WRITE(vq_output_int32)
      WRITE(vq_output_accumulate)
      case vq_output_sums: write_sums(product, accumulators, stride, row, rows, column, lanes); break;
    }
#undef WRITE
  }
}

VQ_INSTRUCTIONS_END

#endif
