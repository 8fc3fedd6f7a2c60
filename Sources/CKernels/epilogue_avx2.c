// The requantization of a block of accumulators, AVX2: the last step of every product with 256-bit registers.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"
#include "scalar.h"

VQ_INSTRUCTIONS("avx2")

// The requantization's parameters of 8 columns.
typedef struct columns {
  __m256i sum, multiplier, bias;
} columns;

static inline columns load_columns(const vq_matmul *product, int32_t column) {
  return (columns){
      _mm256_loadu_si256((const __m256i *)(product->column_sum + column)),
      _mm256_loadu_si256((const __m256i *)(product->column_multiplier + column)),
      _mm256_loadu_si256((const __m256i *)(product->bias + column))};
}

static inline __m256i requantize(__m256i sums, int32_t row_multiplier, int32_t row_zero_point, columns columns,
                                 vq_shift256 shift) {
  const __m256i accumulator = _mm256_sub_epi32(sums, _mm256_mullo_epi32(_mm256_set1_epi32(row_zero_point), columns.sum));
  // The product of the two multipliers, by `vpmaddwd`, which adds the products of a lane's two 16-bit halves. Both
  // multipliers fit 16 bits and the row's is not negative, so its upper half is 0, and so is that product.
  const __m256i multiplier = _mm256_madd_epi16(_mm256_set1_epi32(row_multiplier), columns.multiplier);
  return _mm256_add_epi32(vq_requantize256(accumulator, multiplier, shift), columns.bias);
}

static inline __m256i accumulate(const int32_t *out, __m256i value) {
  const __m256i total = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)out), value);
  const __m256i limited = _mm256_min_epi32(total, _mm256_set1_epi32((1 << 30) - 1));
  return _mm256_max_epi32(limited, _mm256_set1_epi32(1 - (1 << 30)));
}

// Writes 16 requantized elements to `out`, in the output's type.
static inline __attribute__((always_inline)) void store(void *out, __m256i low, __m256i high, vq_output output) {
  if (output == vq_output_int16) {
    _mm256_storeu_si256((__m256i *)out, vq_saturate256(low, high));
    return;
  }
  if (output == vq_output_accumulate) {
    low = accumulate((const int32_t *)out, low);
    high = accumulate((const int32_t *)out + 8, high);
  }
  _mm256_storeu_si256((__m256i *)out, low);
  _mm256_storeu_si256((__m256i *)out + 1, high);
}

// Writes `width` columns of one panel. `output` is a constant where this is inlined, and so is `width` for whole
// panels.
static inline __attribute__((always_inline)) void write_panel(const vq_matmul *product, const int32_t *accumulators,
                                                              int32_t row, int32_t rows, int32_t column,
                                                              int32_t width, const vq_output output) {
  const vq_shift256 shift = vq_make_shift256(product->shift);
  const columns low = load_columns(product, column), high = load_columns(product, column + 8);
  const int32_t *const multiplier = product->row_multiplier, *const zero_point = product->row_zero_point;
  const ptrdiff_t size = output == vq_output_int16 ? 2 : 4, out_stride = product->out_stride * size;
  char *out = (char *)product->out + row * out_stride + column * size;
  for (int32_t r = row; r < row + rows; ++r, accumulators += 16, out += out_stride) {
    const __m256i first = _mm256_loadu_si256((const __m256i *)accumulators);
    const __m256i second = _mm256_loadu_si256((const __m256i *)accumulators + 1);
    const __m256i low_values = requantize(first, multiplier[r], zero_point[r], low, shift);
    const __m256i high_values = requantize(second, multiplier[r], zero_point[r], high, shift);
    if (width >= 16) {
      store(out, low_values, high_values, output);
    } else {
      // The last columns go through a buffer: memory beyond them may belong to another thread, or to no one.
      int32_t buffer[16] = {0};
      memcpy(buffer, out, (size_t)(width * size));
      store(buffer, low_values, high_values, output);
      memcpy(out, buffer, (size_t)(width * size));
    }
  }
}

static void write_sums(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                       int32_t column, int32_t width) {
  for (int32_t r = row; r < row + rows; ++r, accumulators += 16) {
    int32_t *const out = (int32_t *)product->out + r * product->out_stride + column;
    if (width >= 16) memcpy(out, accumulators, 64);
    else memcpy(out, accumulators, (size_t)width * sizeof *out);
  }
}

#define WRITE(OUTPUT)                                                                    \
  case OUTPUT:                                                                           \
    if (width >= 16) write_panel(product, accumulators, row, rows, column, 16, OUTPUT);  \
    else write_panel(product, accumulators, row, rows, column, width, OUTPUT);           \
    break;

void vq_epilogue_avx2(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                      int32_t column) {
  const int32_t width = product->columns - column;
  switch (product->output) {
    WRITE(vq_output_int16)
    WRITE(vq_output_int32)
    WRITE(vq_output_accumulate)
    case vq_output_sums: write_sums(product, accumulators, row, rows, column, width); break;
  }
}

VQ_INSTRUCTIONS_END

#endif
