// The quantization of a head's queries and keys, AVX-512: 16 rows at a time. Where each row has its own range, the ranges
// of 16 rows are reduced together, and their quantizers are 16 lanes of one vector.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include "avx512.h"
#include "heads.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#define STEP static inline __attribute__((always_inline))

enum { block_rows = 16 };

// Up to 64 numbers, those that are left of a row, then zeros. Zeros change no quantizer: every range has 0 in it.
typedef struct numbers64 {
  __m512i low, high;
} numbers64;

STEP numbers64 load(const int16_t *x, int32_t left) {
  if (left >= 64) return (numbers64){_mm512_loadu_si512(x), _mm512_loadu_si512(x + 32)};
  const __m512i low = _mm512_maskz_loadu_epi16(vq_lanes32(left), x);
  return (numbers64){low, _mm512_maskz_loadu_epi16(vq_lanes32(left - 32), left > 32 ? x + 32 : x)};
}

// The largest of each of four rows in each 128-bit quarter, as two int16 in the 32 bits of the row's number.
STEP __m512i merge_rows(const __m512i *rows) {
  const __m512i early = _mm512_max_epi16(
      _mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[0], rows[1]));
  const __m512i late = _mm512_max_epi16(
      _mm512_unpacklo_epi32(rows[2], rows[3]), _mm512_unpackhi_epi32(rows[2], rows[3]));
  return _mm512_max_epi16(_mm512_unpacklo_epi64(early, late), _mm512_unpackhi_epi64(early, late));
}

// The 128-bit quarters 0 and 2 of `a`, then those of `b`; and the quarters 1 and 3.
STEP __m512i even_quarters(__m512i a, __m512i b) { return _mm512_shuffle_i32x4(a, b, 0x88); }
STEP __m512i odd_quarters(__m512i a, __m512i b) { return _mm512_shuffle_i32x4(a, b, 0xDD); }

// The largest of each of 16 rows as int32, from what `merge_rows` gives for rows 0 to 3, 4 to 7 and so on.
STEP __m512i merge_blocks(const __m512i *merged) {
  const __m512i early =
      _mm512_max_epi16(even_quarters(merged[0], merged[1]), odd_quarters(merged[0], merged[1]));
  const __m512i late =
      _mm512_max_epi16(even_quarters(merged[2], merged[3]), odd_quarters(merged[2], merged[3]));
  const __m512i pairs = _mm512_max_epi16(even_quarters(early, late), odd_quarters(early, late));
  return _mm512_srai_epi32(_mm512_max_epi16(pairs, _mm512_slli_epi32(pairs, 16)), 16);
}

// How 16 rows are quantized: level = (roundHalfUp((x >> right << left) * inverse / 2^15) + offset) >> 6. Each number is
// there twice, as the two int16 of 32 bits: loads can repeat 32 bits, but not 16, without a shuffle.
typedef struct block_quantizers {
  _Alignas(64) int32_t right[block_rows];
  _Alignas(64) int32_t left[block_rows];
  _Alignas(64) int32_t inverse[block_rows];
  _Alignas(64) int32_t offset[block_rows];
} block_quantizers;

STEP void store_twice(int32_t *to, __m512i numbers) {
  _mm512_store_si512(to, _mm512_or_si512(numbers, _mm512_slli_epi32(numbers, 16)));
}

// The quantizers of 16 rows as int32 lanes, without what the level of 0 adds.
typedef struct block_scales {
  __m512i right, left, inverse;
} block_scales;

// `multiplier` is 1 to 32767, `levels` the number of steps in twice that, 254 or 255 (`RowQuantizer.init(step:)`).
STEP block_scales make_scales(__m512i multiplier, int32_t levels) {
  block_scales scales = {_mm512_srli_epi32(multiplier, 14), _mm512_setzero_si512(), _mm512_setzero_si512()};
  // multiplier * 2^left is 2^13 or more: a shift by 8 where that stays below 2^14, then by 4, 2 and 1.
  __m512i divisor = multiplier;
  for (int step = 8; step > 0; step >>= 1) {
    const __m512i below = _mm512_sub_epi32(divisor, _mm512_set1_epi32(1 << (14 - step)));
    const __m512i shift = _mm512_and_si512(_mm512_srai_epi32(below, 31), _mm512_set1_epi32(step));
    divisor = _mm512_sllv_epi16(divisor, shift);
    scales.left = _mm512_add_epi32(scales.left, shift);
  }
  // levels * 2^(20 + right - left) / multiplier, rounded half up; numerator and divisor are both times 2^left.
  const __m512i numerator = _mm512_sllv_epi32(_mm512_set1_epi32(levels << 20), scales.right);
  const __m512i half = _mm512_sllv_epi16(_mm512_srli_epi32(multiplier, 1), scales.left);
  // Long division of 30 bits by 15: the remainder and what is left of the numerator move up a bit at a time, the
  // quotient's bits follow them from below. `subtracted` is the divisor in the place of the remainder, less the
  // quotient's 1. Where the divisor does not fit, the difference is negative, which is the larger one of unsigned
  // numbers; it is not 0 there, since `twice` is even and `subtracted` odd.
  const __m512i subtracted = _mm512_sub_epi32(_mm512_slli_epi32(divisor, 15), _mm512_set1_epi32(1));
  __m512i remainder = _mm512_add_epi32(numerator, half);
  for (int bit = 0; bit < 15; ++bit) {
    const __m512i twice = _mm512_add_epi32(remainder, remainder);
    remainder = _mm512_min_epu32(twice, _mm512_sub_epi32(twice, subtracted));
  }
  scales.inverse = _mm512_and_si512(remainder, _mm512_set1_epi32(0x7FFF));
  return scales;
}

STEP void store_quantizers(block_quantizers *quantizers, block_scales scales, __m512i zero_point) {
  store_twice(quantizers->right, scales.right);
  store_twice(quantizers->left, scales.left);
  store_twice(quantizers->inverse, scales.inverse);
  store_twice(quantizers->offset, _mm512_add_epi32(_mm512_slli_epi32(zero_point, 6), _mm512_set1_epi32(32)));
}

// Levels of numbers of a row. They are within the row's range, so nothing is clamped.
STEP __m512i levels_of(__m512i x, const block_quantizers *quantizers, int row) {
  const __m512i halved = _mm512_srav_epi16(x, _mm512_set1_epi32(quantizers->right[row]));
  const __m512i scaled = _mm512_sllv_epi16(halved, _mm512_set1_epi32(quantizers->left[row]));
  const __m512i product = _mm512_mulhrs_epi16(scaled, _mm512_set1_epi32(quantizers->inverse[row]));
  return _mm512_srai_epi16(_mm512_add_epi16(product, _mm512_set1_epi32(quantizers->offset[row])), 6);
}

// The quantizers of up to 16 queries (`RowQuantizer.init(minimum:maximum:)`).
STEP void make_query_quantizers(const int16_t *x, ptrdiff_t stride, int32_t rows, int32_t n,
                                block_quantizers *quantizers, int32_t *multipliers, int32_t *zero_points) {
  __m512i merged_high[4], merged_low[4];
#pragma clang loop unroll(full)
  for (int group = 0; group < 4; ++group) {
    __m512i high[4], low[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i) {
      // In place of a row that is not there the last one; what becomes of it is not stored.
      const int32_t row = 4 * group + i < rows ? 4 * group + i : rows - 1;
      const int16_t *const values = x + row * stride;
      high[i] = low[i] = _mm512_setzero_si512();
      for (int32_t j = 0; j < n; j += 64) {
        const numbers64 numbers = load(values + j, n - j);
        high[i] = _mm512_max_epi16(high[i], _mm512_max_epi16(numbers.low, numbers.high));
        low[i] = _mm512_min_epi16(low[i], _mm512_min_epi16(numbers.low, numbers.high));
      }
      // -x - 1, so that the smallest number becomes the largest.
      low[i] = _mm512_xor_si512(low[i], _mm512_set1_epi32(-1));
    }
    merged_high[group] = merge_rows(high);
    merged_low[group] = merge_rows(low);
  }
  const __m512i one = _mm512_set1_epi32(1);
  const __m512i high = merge_blocks(merged_high);
  const __m512i below = _mm512_add_epi32(merge_blocks(merged_low), one);  // -minimum, 0 to 32768
  const __m512i half_range = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(high, below), one), 1);
  const __m512i multiplier = _mm512_min_epi32(_mm512_max_epi32(half_range, one), _mm512_set1_epi32(32767));
  const block_scales scales = make_scales(multiplier, 255);
  const __m512i scaled = _mm512_sllv_epi16(_mm512_srlv_epi16(below, scales.right), scales.left);
  // Below 2^15 both, so the sum of two products of int16 is one product.
  const __m512i product = _mm512_madd_epi16(scaled, scales.inverse);
  const __m512i level = _mm512_srai_epi32(_mm512_add_epi32(product, _mm512_set1_epi32(1 << 14)), 15);
  const __m512i rounded = _mm512_srai_epi32(_mm512_add_epi32(level, _mm512_set1_epi32(32)), 6);
  const __m512i zero_point = _mm512_min_epi32(rounded, _mm512_set1_epi32(255));
  store_quantizers(quantizers, scales, zero_point);
  _mm512_mask_storeu_epi32(multipliers, vq_lanes16(rows), multiplier);
  _mm512_mask_storeu_epi32(zero_points, vq_lanes16(rows), zero_point);
}

// Up to 32 bytes, those that are left of a row.
STEP void store_bytes(uint8_t *out, int32_t left, __m256i bytes) {
  if (left >= 32) {
    _mm256_storeu_si256((__m256i *)out, bytes);
  } else {
    _mm256_mask_storeu_epi8(out, vq_lanes32(left), bytes);
  }
}

// Writes the levels of a query.
STEP void quantize_query(const int16_t *x, int32_t n, const block_quantizers *quantizers, int row, uint8_t *out) {
  // `vpackuswb` packs each 128-bit quarter apart; `order` undoes that.
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  for (int32_t i = 0; i < n; i += 64) {
    const int32_t left = n - i;
    const numbers64 numbers = load(x + i, left);
    const __m512i low = levels_of(numbers.low, quantizers, row), high = levels_of(numbers.high, quantizers, row);
    const __m512i bytes = _mm512_permutexvar_epi64(order, _mm512_packus_epi16(low, high));
    if (left >= 64) {
      _mm512_storeu_si512(out + i, bytes);
      continue;
    }
    store_bytes(out + i, left, _mm512_castsi512_si256(bytes));
    if (left > 32) store_bytes(out + i + 32, left - 32, _mm512_extracti64x4_epi64(bytes, 1));
  }
}

// The quantizers of a block are a long chain of steps, so those of the next block come before the levels of one: the
// processor works on both at the same time.
void vq_rows_quantize_u8_avx512(const int16_t *x, ptrdiff_t x_stride, int32_t rows, int32_t n, uint8_t *out,
                                ptrdiff_t out_stride, int32_t *multipliers, int32_t *zero_points) {
  block_quantizers quantizers[2];
  for (int32_t next = 0; next < rows + block_rows; next += block_rows) {
    if (next < rows) {
      const int32_t count = rows - next < block_rows ? rows - next : block_rows;
      make_query_quantizers(x + next * x_stride, x_stride, count, n, &quantizers[next / block_rows & 1],
                            multipliers + next, zero_points + next);
    }
    const int32_t first = next - block_rows;
    for (int32_t row = 0; first >= 0 && row < block_rows && first + row < rows; ++row) {
      quantize_query(x + (first + row) * x_stride, n, &quantizers[first / block_rows & 1], row,
                     out + (first + row) * out_stride);
    }
  }
}

// The quantizers of 16 keys of n numbers, a multiple of 64 (`RowQuantizer.init(magnitude:)`).
STEP void make_key_quantizers(const int16_t *x, ptrdiff_t stride, int32_t n, block_quantizers *quantizers,
                              int32_t *multipliers) {
  __m512i merged[4];
#pragma clang loop unroll(full)
  for (int group = 0; group < 4; ++group) {
    __m512i magnitude[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i, x += stride) {
      magnitude[i] = _mm512_setzero_si512();
      for (int32_t j = 0; j < n; j += 32) {
        magnitude[i] = _mm512_max_epu16(magnitude[i], _mm512_abs_epi16(_mm512_loadu_si512(x + j)));
      }
      // The magnitude of -32768 is 32768, which fits an unsigned lane, but counts as 32767.
      magnitude[i] = _mm512_min_epu16(magnitude[i], _mm512_set1_epi16(INT16_MAX));
    }
    merged[group] = merge_rows(magnitude);
  }
  const __m512i multiplier = _mm512_max_epi32(merge_blocks(merged), _mm512_set1_epi32(1));
  store_quantizers(quantizers, make_scales(multiplier, 254), _mm512_setzero_si512());
  _mm512_storeu_si512(multipliers, multiplier);
}

// Of four rows, the 32 bits at each of the four places of a 128-bit quarter, side by side.
STEP void transpose_in_quarters(__m512i *rows) {
  const __m512i early_low = _mm512_unpacklo_epi32(rows[0], rows[1]);
  const __m512i early_high = _mm512_unpackhi_epi32(rows[0], rows[1]);
  const __m512i late_low = _mm512_unpacklo_epi32(rows[2], rows[3]);
  const __m512i late_high = _mm512_unpackhi_epi32(rows[2], rows[3]);
  rows[0] = _mm512_unpacklo_epi64(early_low, late_low);
  rows[1] = _mm512_unpackhi_epi64(early_low, late_low);
  rows[2] = _mm512_unpacklo_epi64(early_high, late_high);
  rows[3] = _mm512_unpackhi_epi64(early_high, late_high);
}

// Writes the levels of 64 channels of 16 keys, which have in each 128-bit quarter 8 of the first 32 channels and 8 of the
// others; returns the columns' sums with them.
STEP __m512i write_channels(__m512i *rows, int8_t *panel, __m512i sums) {
#pragma clang loop unroll(full)
  for (int group = 0; group < 4; ++group) transpose_in_quarters(rows + 4 * group);
#pragma clang loop unroll(full)
  for (int place = 0; place < 4; ++place) {
    // Quarter q of `rows[4 g + place]` has keys 4 g to 4 g + 3: the four vectors are transposed in quarters.
    const __m512i a = rows[place], b = rows[4 + place], c = rows[8 + place], d = rows[12 + place];
    const __m512i first_early = _mm512_shuffle_i32x4(a, b, 0x44), first_late = _mm512_shuffle_i32x4(c, d, 0x44);
    const __m512i last_early = _mm512_shuffle_i32x4(a, b, 0xEE), last_late = _mm512_shuffle_i32x4(c, d, 0xEE);
    const __m512i quarters[4] = {
        even_quarters(first_early, first_late), odd_quarters(first_early, first_late),
        even_quarters(last_early, last_late), odd_quarters(last_early, last_late)};
#pragma clang loop unroll(full)
    for (int q = 0; q < 4; ++q) {
      const int group = place / 2 * 8 + 2 * q + place % 2;
      _mm512_storeu_si512(panel + 64 * group, quarters[q]);
      sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(0x01010101), quarters[q]);
    }
  }
  return sums;
}

// 64 channels of 16 keys, each with its own quantizer.
STEP __m512i pack_channels(const int16_t *x, ptrdiff_t stride, const block_quantizers *quantizers, int8_t *panel,
                           __m512i sums) {
  __m512i rows[block_rows];
#pragma clang loop unroll(full)
  for (int key = 0; key < block_rows; ++key, x += stride) {
    const __m512i low = _mm512_loadu_si512(x), high = _mm512_loadu_si512(x + 32);
    rows[key] = _mm512_packs_epi16(levels_of(low, quantizers, key), levels_of(high, quantizers, key));
  }
  return write_channels(rows, panel, sums);
}

// 64 channels of 16 keys with one quantizer.
STEP __m512i pack_channels_fixed(const int16_t *x, ptrdiff_t stride, vq_quantizer512 quantizer, int8_t *panel,
                                 __m512i sums) {
  const __m512i least = _mm512_set1_epi16(-INT8_MAX);
  __m512i rows[block_rows];
#pragma clang loop unroll(full)
  for (int key = 0; key < block_rows; ++key, x += stride) {
    // The pack saturates at 127, and would at -128.
    const __m512i low = _mm512_max_epi16(vq_quantize512(_mm512_loadu_si512(x), quantizer), least);
    const __m512i high = _mm512_max_epi16(vq_quantize512(_mm512_loadu_si512(x + 32), quantizer), least);
    rows[key] = _mm512_packs_epi16(low, high);
  }
  return write_channels(rows, panel, sums);
}

// Tokens that fill panels; none where n is no multiple of 64.
typedef struct token_range {
  int32_t first, end;
} token_range;

static token_range filling_panels(int32_t first, int32_t tokens, int32_t n) {
  const token_range range = {
      (first + block_rows - 1) / block_rows * block_rows, (first + tokens) / block_rows * block_rows};
  return n % 64 == 0 && range.first < range.end ? range : (token_range){first, first};
}

// Keys of panels that they do not fill, and keys of other widths.
static void by_row(const int16_t *x, ptrdiff_t stride, int32_t first, int32_t tokens, int32_t n, int8_t *panels,
                   int32_t *multipliers, int32_t *column_sums) {
  vq_pack_keys(x, stride, first, tokens, n, panels, multipliers, column_sums, vq_row_range_i16_avx512,
               vq_pack_key_avx512);
}

static void by_row_fixed(const int16_t *x, ptrdiff_t stride, int32_t first, int32_t tokens, int32_t n,
                         const vq_row_quantizer *quantizer, int8_t *panels, int32_t *column_sums) {
  vq_pack_keys_fixed(x, stride, first, tokens, n, quantizer, panels, column_sums, vq_pack_key_avx512);
}

// Keys that fill panels, the first at `panels`; n is a multiple of 64. As for queries, the quantizers of the next panel
// come before the levels of one.
static void pack_panels(const int16_t *x, ptrdiff_t stride, int32_t tokens, int32_t n, int8_t *panels,
                        int32_t *multipliers, int32_t *column_sums) {
  block_quantizers quantizers[2];
  for (int32_t next = 0; next < tokens + block_rows; next += block_rows) {
    if (next < tokens) {
      make_key_quantizers(x + next * stride, stride, n, &quantizers[next / block_rows & 1], multipliers + next);
    }
    const int32_t first = next - block_rows;
    if (first < 0) continue;
    __m512i sums = _mm512_setzero_si512();
    for (int32_t i = 0; i < n; i += 64, panels += 64 * block_rows) {
      sums = pack_channels(x + first * stride + i, stride, &quantizers[first / block_rows & 1], panels, sums);
    }
    _mm512_storeu_si512(column_sums + first, sums);
  }
}

// The same with one quantizer.
static void pack_panels_fixed(const int16_t *x, ptrdiff_t stride, int32_t tokens, int32_t n,
                              const vq_row_quantizer *quantizer, int8_t *panels, int32_t *column_sums) {
  const vq_quantizer512 levels = vq_make_quantizer512(quantizer);
  for (int32_t first = 0; first < tokens; first += block_rows, x += block_rows * stride) {
    for (int32_t row = block_rows; row < 2 * block_rows; ++row) vq_prefetch_row(x, stride, row, tokens - first, n);
    __m512i sums = _mm512_setzero_si512();
    for (int32_t i = 0; i < n; i += 64, panels += 64 * block_rows) {
      sums = pack_channels_fixed(x + i, stride, levels, panels, sums);
    }
    _mm512_storeu_si512(column_sums + first, sums);
  }
}

void vq_pack_keys_avx512(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n, int8_t *panels,
                         int32_t *multipliers, int32_t *column_sums) {
  const token_range whole = filling_panels(first, tokens, n);
  by_row(x, x_stride, first, whole.first - first, n, panels, multipliers, column_sums);
  pack_panels(x + (whole.first - first) * x_stride, x_stride, whole.end - whole.first, n,
              panels + (ptrdiff_t)whole.first * n, multipliers + whole.first, column_sums + whole.first);
  by_row(x + (whole.end - first) * x_stride, x_stride, whole.end, first + tokens - whole.end, n, panels, multipliers,
         column_sums);
}

void vq_pack_keys_fixed_avx512(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n,
                               const vq_row_quantizer *quantizer, int8_t *panels, int32_t *column_sums) {
  const token_range whole = filling_panels(first, tokens, n);
  by_row_fixed(x, x_stride, first, whole.first - first, n, quantizer, panels, column_sums);
  pack_panels_fixed(x + (whole.first - first) * x_stride, x_stride, whole.end - whole.first, n, quantizer,
                    panels + (ptrdiff_t)whole.first * n, column_sums + whole.first);
  by_row_fixed(x + (whole.end - first) * x_stride, x_stride, whole.end, first + tokens - whole.end, n, quantizer, panels,
               column_sums);
}

#undef STEP

VQ_INSTRUCTIONS_END

#endif
