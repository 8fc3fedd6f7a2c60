// The requantization of a block of accumulators, AVX-512: the last step of every product with 512-bit registers or
// tiles. Sums take few cycles with tiles, so this is a large part of such a product; the loop over rows therefore does
// the arithmetic alone: what is the same for all rows is loaded before it, and each kind of output has its own loop.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include "avx512.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#include "epilogue_avx512.h"

// Sums without the part that a row's zero point has in them.
static inline __m512i center(const int32_t *sums, __m512i zero_point, __m512i column_sum) {
  return _mm512_sub_epi32(_mm512_loadu_si512(sums), _mm512_mullo_epi32(zero_point, column_sum));
}

// A panel's part of a block of accumulators: rows of 16, `stride` apart.
typedef struct sums {
  const int32_t *first;
  ptrdiff_t stride;
} sums;

// Writes one panel, whatever its numbers are. `output` is a constant where this is inlined, and so is `lanes` for whole
// panels.
static inline __attribute__((always_inline)) void write_panel(const vq_matmul *product, sums sums, int32_t row,
                                                              int32_t rows, int32_t column, __mmask16 lanes,
                                                              const vq_output output) {
  const vq_shift512 shift = vq_make_shift512(product->shift);
  const columns columns = load_columns(product, column);
  const ptrdiff_t size = output == vq_output_int16 ? 2 : 4, out_stride = product->out_stride * size;
  const int32_t *const multipliers = product->row_multiplier, *const zero_points = product->row_zero_point;
  const int32_t *x = sums.first;
  char *out = (char *)product->out + row * out_stride + column * size;
  for (int32_t r = row; r < row + rows; ++r, x += sums.stride, out += out_stride) {
    const __m512i zero_point = _mm512_set1_epi32(zero_points[r]);
    // The product of the two multipliers, by `vpmaddwd`, which adds the products of a lane's two 16-bit halves. Both
    // multipliers fit 16 bits and the row's is not negative, so its upper half is 0, and so is that product.
    const __m512i multiplier = _mm512_madd_epi16(_mm512_set1_epi32(multipliers[r]), columns.multiplier);
    const __m512i accumulator = center(x, zero_point, columns.sum);
    __m512i value = _mm512_add_epi32(vq_requantize512(accumulator, multiplier, shift), columns.bias);
    write_values(&value, out, lanes, 1, output);
  }
}

// Writes one or two panels whose columns have the short form; for the constants see `write_values`.
static inline __attribute__((always_inline)) void write_short(const vq_matmul *product, sums sums, int32_t row,
                                                              int32_t rows, int32_t column, __mmask16 lanes,
                                                              const int panels, const vq_output output) {
  const vq_shift512 shift = vq_make_shift512(product->shift);
  const ptrdiff_t size = output == vq_output_int16 ? 2 : 4, out_stride = product->out_stride * size;
  short_columns columns[2];
  for (int p = 0; p < panels; ++p) columns[p] = make_short_columns(load_columns(product, column + 16 * p), shift);
  const int32_t *x = sums.first;
  char *out = (char *)product->out + row * out_stride + column * size;
  for (const int32_t end = row + rows; row < end; row += group_rows) {
    const int32_t group = end - row < group_rows ? end - row : group_rows;
    _Alignas(64) int32_t zero_points[group_rows];
    _mm512_store_si512(zero_points, make_short_zero_points(product->row_zero_point + row, group));
    for (int32_t r = 0; r < group; ++r, x += sums.stride, out += out_stride) {
      const __m512i zero_point = _mm512_set1_epi32(zero_points[r]);
      const __m512i multiplier = _mm512_set1_epi32(product->row_multiplier[row + r]);
      __m512i values[2];
      for (int p = 0; p < panels; ++p) {
        values[p] = requantize_short(_mm512_loadu_si512(x + 16 * p), zero_point, multiplier, &columns[p], shift.count);
      }
      write_values(values, out, lanes, panels, output);
    }
  }
}

static void write_sums(const vq_matmul *product, sums sums, int32_t row, int32_t rows, int32_t column,
                       int32_t panels) {
  for (int32_t panel = 0; panel < panels; ++panel, column += 16, sums.first += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)product->columns - column);
    int32_t *out = (int32_t *)product->out + row * product->out_stride + column;
    for (int32_t r = 0; r < rows; ++r, out += product->out_stride) {
      _mm512_mask_storeu_epi32(out, lanes, _mm512_loadu_si512(sums.first + r * sums.stride));
    }
  }
}

// Fewer rows are not worth the preparation of the short form.
enum { least_short_rows = 4 };

// `output` is a constant where this is inlined.
static inline __attribute__((always_inline)) void write_panels(const vq_matmul *product, sums sums, int32_t row,
                                                               int32_t rows, int32_t column, int32_t panels,
                                                               const vq_output output) {
  const int is_short = rows >= least_short_rows && has_short_form(product, column, panels);
  if (is_short && panels == 2 && product->columns - column >= 32) {
    write_short(product, sums, row, rows, column, 0xFFFF, 2, output);
    return;
  }
  for (int32_t panel = 0; panel < panels; ++panel, column += 16, sums.first += 16) {
    const __mmask16 lanes = vq_lanes16((ptrdiff_t)product->columns - column);
    if (is_short) write_short(product, sums, row, rows, column, lanes, 1, output);
    else if (lanes == 0xFFFF) write_panel(product, sums, row, rows, column, 0xFFFF, output);
    else write_panel(product, sums, row, rows, column, lanes, output);
  }
}

#define WRITE(OUTPUT)                                               \
  case OUTPUT:                                                      \
    write_panels(product, sums, row, rows, column, panels, OUTPUT); \
    break;

void vq_epilogue_avx512(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                        int32_t column, int32_t panels) {
  const sums sums = {accumulators, panels * 16};
  switch (product->output) {
    WRITE(vq_output_int16)
    WRITE(vq_output_int32)
    WRITE(vq_output_accumulate)
    case vq_output_sums: write_sums(product, sums, row, rows, column, panels); break;
  }
}

VQ_INSTRUCTIONS_END

#endif
