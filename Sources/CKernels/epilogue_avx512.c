// The requantization of a block of accumulators, AVX-512: the last step of every product with 512-bit registers or
// tiles. Sums take few cycles with tiles, so this is a large part of such a product; the loop over rows therefore does
// the arithmetic alone: what is the same for all rows is loaded before it, and each kind of output has its own loop.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include "avx512.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

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

// Sums without the part that a row's zero point has in them.
static inline __m512i center(const int32_t *sums, __m512i zero_point, __m512i column_sum) {
  return _mm512_sub_epi32(_mm512_loadu_si512(sums), _mm512_mullo_epi32(zero_point, column_sum));
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

// The parameters of 16 columns in a form for fewer operations. It needs a shift of at most 32 bits and sums of columns
// that are 2^7 * high + low with int16 numbers, as those of models are. A zero point's part is then one `vpdpwssd`, and
// the bias, shifted to the left, is a part of the rounding: what overflows 64 bits does not reach the 32 of the result.
typedef struct short_columns {
  __m512i sum;                              // pairs of int16: low, high
  __m512i even_multiplier, odd_multiplier;  // in the even 32-bit lanes; the odd ones are not read
  __m512i even_rounding, odd_rounding;      // with the bias, 64-bit lanes
} short_columns;

enum { short_shift = 32, short_sum_bits = 22, low_bits = 7 };

static inline int has_short_sums(__m512i sum) {
  return _mm512_cmpeq_epi32_mask(_mm512_srai_epi32(sum, short_sum_bits), _mm512_srai_epi32(sum, 31)) == 0xFFFF;
}

static inline short_columns make_short_columns(columns columns, vq_shift512 shift) {
  const __m512i low = _mm512_and_si512(columns.sum, _mm512_set1_epi32((1 << low_bits) - 1));
  const __m512i high = _mm512_slli_epi32(_mm512_srai_epi32(columns.sum, low_bits), 16);
  // The other half of a bias's 64-bit lane is shifted beyond the result or out of the lane.
  const __m512i even_bias = _mm512_sllv_epi64(columns.bias, shift.count);
  const __m512i odd_bias = _mm512_sllv_epi64(vq_odd_lanes512(columns.bias), shift.count);
  return (short_columns){
      .sum = _mm512_or_si512(high, low),
      .even_multiplier = columns.multiplier,
      .odd_multiplier = vq_odd_lanes512(columns.multiplier),
      .even_rounding = _mm512_add_epi64(even_bias, shift.rounding),
      .odd_rounding = _mm512_add_epi64(odd_bias, shift.rounding)};
}

// `zero_point` has the negated factors of `low` and `high`. The multipliers' products are as in `write_panel`, the rest
// as in `vq_requantize512`.
static inline __m512i requantize_short(const int32_t *sums, __m512i zero_point, __m512i row_multiplier,
                                       short_columns columns, __m512i shift) {
  __m512i accumulator = _mm512_loadu_si512(sums);
  VQ_DPWSSD512(accumulator, zero_point, columns.sum);
  const __m512i even_multiplier = _mm512_madd_epi16(row_multiplier, columns.even_multiplier);
  const __m512i odd_multiplier = _mm512_madd_epi16(row_multiplier, columns.odd_multiplier);
  __m512i even = _mm512_mul_epi32(accumulator, even_multiplier);
  __m512i odd = _mm512_mul_epi32(vq_odd_lanes512(accumulator), odd_multiplier);
  even = _mm512_srav_epi64(_mm512_add_epi64(even, columns.even_rounding), shift);
  odd = _mm512_srav_epi64(_mm512_add_epi64(odd, columns.odd_rounding), shift);
  return _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, _MM_PERM_CCAA);
}

// Rows whose zero points are prepared at a time.
enum { group_rows = 16 };

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
    const __m512i low = _mm512_maskz_loadu_epi32(vq_lanes16(group), product->row_zero_point + row);
    const __m512i both = _mm512_or_si512(low, _mm512_slli_epi32(low, 16 + low_bits));
    _Alignas(64) int32_t zero_points[group_rows];
    _mm512_store_si512(zero_points, _mm512_sub_epi16(_mm512_setzero_si512(), both));
    for (int32_t r = 0; r < group; ++r, x += sums.stride, out += out_stride) {
      const __m512i zero_point = _mm512_set1_epi32(zero_points[r]);
      const __m512i multiplier = _mm512_set1_epi32(product->row_multiplier[row + r]);
      __m512i values[2];
      for (int p = 0; p < panels; ++p) {
        values[p] = requantize_short(x + 16 * p, zero_point, multiplier, columns[p], shift.count);
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

static inline int takes_short_form(const vq_matmul *product, int32_t rows, int32_t column, int32_t panels) {
  if (rows < least_short_rows || product->shift > short_shift) return 0;
  const int32_t *const sums = product->column_sum + column;
  return has_short_sums(_mm512_loadu_si512(sums)) &&
         (panels == 1 || has_short_sums(_mm512_loadu_si512(sums + 16)));
}

// `output` is a constant where this is inlined.
static inline __attribute__((always_inline)) void write_panels(const vq_matmul *product, sums sums, int32_t row,
                                                               int32_t rows, int32_t column, int32_t panels,
                                                               const vq_output output) {
  const int is_short = takes_short_form(product, rows, column, panels);
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
