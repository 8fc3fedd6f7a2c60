// The requantization of a block of accumulators, AVX2: the last step of every product with 256-bit registers.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2")

// The requantization's parameters of 8 columns.
typedef struct columns {
  __m256i sum, multiplier, bias;
} columns;

static inline columns load_columns(const vq_matmul *product, int32_t column) {
  return (columns){
      .sum = vq_load256(product->column_sum + column),
      .multiplier = vq_load256(product->column_multiplier + column),
      .bias = vq_load256(product->bias + column)};
}

// Sums without the part that a row's zero point has in them.
static inline __m256i center(const int32_t *sums, __m256i zero_point, __m256i column_sum) {
  return _mm256_sub_epi32(vq_load256(sums), _mm256_mullo_epi32(zero_point, column_sum));
}

static inline __m256i add_within_limits(__m256i x, __m256i y) {
  const __m256i limited = _mm256_min_epi32(_mm256_add_epi32(x, y), _mm256_set1_epi32((1 << 30) - 1));
  return _mm256_max_epi32(limited, _mm256_set1_epi32(1 - (1 << 30)));
}

// What is the same for a panel's rows.
typedef struct panel {
  columns columns[2];
  vq_shift256 shift;
} panel;

// Eight values of one row, before they are saturated to the output's type. `out` is where they go.
static inline __attribute__((always_inline)) __m256i requantize(const panel *panel, const int32_t *sums, int half,
                                                                int32_t row_multiplier, int32_t row_zero_point,
                                                                const int32_t *out, const vq_output output) {
  const columns *const columns = &panel->columns[half];
  const __m256i zero_point = _mm256_set1_epi32(row_zero_point);
  // The product of the two multipliers, by `vpmaddwd`, which adds the products of a lane's two 16-bit halves. Both
  // multipliers fit 16 bits and the row's is not negative, so its upper half is 0, and so is that product.
  const __m256i multiplier = _mm256_madd_epi16(_mm256_set1_epi32(row_multiplier), columns->multiplier);
  const __m256i accumulator = center(sums, zero_point, columns->sum);
  const __m256i value = _mm256_add_epi32(vq_requantize256(accumulator, multiplier, panel->shift), columns->bias);
  return output == vq_output_accumulate ? add_within_limits(vq_load256(out), value) : value;
}

// Writes 16 elements of one row. `output` is a constant where this is inlined.
static inline __attribute__((always_inline)) void write_row(const panel *panel, const int32_t *sums,
                                                            int32_t row_multiplier, int32_t row_zero_point, void *out,
                                                            const vq_output output) {
  int32_t *const numbers = (int32_t *)out;
  const __m256i low = requantize(panel, sums, 0, row_multiplier, row_zero_point, numbers, output);
  const __m256i high = requantize(panel, sums + 8, 1, row_multiplier, row_zero_point, numbers + 8, output);
  if (output == vq_output_int16) {
    _mm256_storeu_si256((__m256i *)out, vq_saturate256(low, high));
  } else {
    _mm256_storeu_si256((__m256i *)numbers, low);
    _mm256_storeu_si256((__m256i *)(numbers + 8), high);
  }
}

// Writes `width` columns of one panel. `output` is a constant where this is inlined, and so is `width` for whole
// panels.
static inline __attribute__((always_inline)) void write_panel(const vq_matmul *product, const int32_t *accumulators,
                                                              int32_t row, int32_t rows, int32_t column,
                                                              int32_t width, const vq_output output) {
  const panel panel = {
      .columns = {load_columns(product, column), load_columns(product, column + 8)},
      .shift = vq_make_shift256(product->shift)};
  const int32_t *const multiplier = product->row_multiplier, *const zero_point = product->row_zero_point;
  const ptrdiff_t size = output == vq_output_int16 ? 2 : 4, out_stride = product->out_stride * size;
  char *out = (char *)product->out + row * out_stride + column * size;
  for (int32_t r = row; r < row + rows; ++r, accumulators += 16, out += out_stride) {
    if (width >= 16) {
      write_row(&panel, accumulators, multiplier[r], zero_point[r], out, output);
    } else {
      // The last columns go through a buffer: memory beyond them may belong to another thread, or to no one.
      int32_t buffer[16] = {0};
      memcpy(buffer, out, (size_t)(width * size));
      write_row(&panel, accumulators, multiplier[r], zero_point[r], buffer, output);
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

// `output` is a constant where this is inlined.
static inline __attribute__((always_inline)) void write_block(const vq_matmul *product, const int32_t *accumulators,
                                                              int32_t row, int32_t rows, int32_t column,
                                                              const vq_output output) {
  const int32_t width = product->columns - column;
  if (width >= 16) write_panel(product, accumulators, row, rows, column, 16, output);
  else write_panel(product, accumulators, row, rows, column, width, output);
}

#define WRITE(OUTPUT)                                              \
  case OUTPUT:                                                     \
    write_block(product, accumulators, row, rows, column, OUTPUT); \
    break;

void vq_epilogue_avx2(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                      int32_t column) {
  switch (product->output) {
    WRITE(vq_output_int16)
    WRITE(vq_output_int32)
    WRITE(vq_output_accumulate)
    case vq_output_sums:
      write_sums(product, accumulators, row, rows, column, product->columns - column);
      break;
  }
}

VQ_INSTRUCTIONS_END

#endif
