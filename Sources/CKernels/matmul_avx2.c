// uint8 x int8 products with AVX2: 12 rows x 8 columns of accumulators.
//
// `vpmaddubsw` multiplies 32 pairs of bytes and adds neighbouring products, but saturates the sums to int16. With
// inputs up to 255, a sum of two products fits exactly where the two weights w0 and w1 have |w0 + w1| <= 128: weights
// of one sign add up to at most 255 * 128 < 2^15, and those of opposite signs are smaller. So the weights are looked
// through once for all rows. A step, which is 4 inputs of 8 columns, is narrow where all its pairs of weights keep that
// limit: three instructions multiply and add its 32 products. The other steps are wide: weights and inputs are widened
// to int16, which takes four. In trained models most steps are narrow. Both give the exact sums.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <stdbool.h>
#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2")

enum {
  block_rows = 12,
  block_sums = block_rows * 16,
  chunk_steps = 256,
  group_panels = 4,
  // Steps that the lists of a group of panels hold, and chunks of one half of a panel.
  listed_steps = 8192,
  listed_chunks = listed_steps / 2 / chunk_steps,
};

// A row's inputs of some steps, as int16: those with an even index, two for each step, and those with an odd one.
typedef struct widened_row {
  int32_t even[chunk_steps], odd[chunk_steps];
} widened_row;

// The steps of a group of panels, first the narrow ones of a chunk, then the wide ones. A half is 8 of a panel's 16
// columns.
typedef struct step_lists {
  uint16_t steps[listed_steps];
  int32_t narrow[2 * group_panels][listed_chunks];
  int32_t wide;  // steps of all halves
} step_lists;

static inline int32_t smaller(int32_t x, int32_t y) { return x < y ? x : y; }

static inline void widen(const uint8_t *a, ptrdiff_t stride, int32_t steps, int32_t rows, widened_row *out) {
  const __m256i low = _mm256_set1_epi16(0xFF);
  for (int32_t r = 0; r < rows; ++r, a += stride, ++out) {
    int32_t s = 0;
    for (; steps - s >= 8; s += 8) {
      const __m256i inputs = _mm256_loadu_si256((const __m256i *)(a + s * 4));
      _mm256_storeu_si256((__m256i *)(out->even + s), _mm256_and_si256(inputs, low));
      _mm256_storeu_si256((__m256i *)(out->odd + s), _mm256_srli_epi16(inputs, 8));
    }
    for (; s < steps; ++s) {
      uint32_t four;
      memcpy(&four, a + s * 4, 4);
      out->even[s] = (int32_t)(four & 0xFF00FF);
      out->odd[s] = (int32_t)(four >> 8 & 0xFF00FF);
    }
  }
}

// Lists the steps of one half of a panel, `b`; returns how many are narrow.
static inline int32_t list_steps(const int8_t *b, int32_t steps, uint16_t *list) {
  const __m256i ones = _mm256_set1_epi8(1), limit = _mm256_set1_epi16(128);
  int32_t narrow = 0, wide = steps;
  for (int32_t s = 0; s < steps; ++s, b += 64) {
    const __m256i sums = _mm256_maddubs_epi16(ones, _mm256_loadu_si256((const __m256i *)b));
    const __m256i beyond = _mm256_cmpgt_epi16(_mm256_abs_epi16(sums), limit);
    const int32_t is_wide = _mm256_movemask_epi8(beyond) != 0;
    // Written at both ends, so that nothing branches: at the wrong end the next step is written over it.
    list[narrow] = (uint16_t)s;
    list[wide - 1] = (uint16_t)s;
    narrow += 1 - is_wide;
    wide -= is_wide;
  }
  return narrow;
}

static inline __attribute__((always_inline)) __m256i broadcast(const void *a) {
  int32_t four;
  memcpy(&four, a, 4);
  return _mm256_set1_epi32(four);
}

static inline __attribute__((always_inline)) __m256i load_step(const int8_t *b, int32_t step) {
  return _mm256_loadu_si256((const __m256i *)(b + step * 64));
}

// Adds the products with one half of a panel to `accumulators`. `rows` is a constant where this is inlined, so that
// the sums stay in registers.
static inline __attribute__((always_inline)) void multiply(const uint8_t *a, ptrdiff_t stride,
                                                           const widened_row *widened, const int8_t *b,
                                                           const uint16_t *list, int32_t narrow, int32_t steps,
                                                           const int rows, int32_t *accumulators) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[block_rows];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; ++r) sums[r] = _mm256_load_si256((const __m256i *)(accumulators + r * 16));
  for (int32_t i = 0; i < narrow; ++i) {
    const uint8_t *const inputs = a + list[i] * 4;
    const __m256i weights = load_step(b, list[i]);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i pairs = _mm256_maddubs_epi16(broadcast(inputs + r * stride), weights);
      sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs, ones));
      VQ_IN_ORDER(sums[r]);
    }
  }
  for (int32_t i = narrow; i < steps; ++i) {
    const widened_row *const inputs = (const widened_row *)(const void *)&widened->even[list[i]];
    const __m256i weights = load_step(b, list[i]);
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(weights, 8), 8), odd = _mm256_srai_epi16(weights, 8);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(broadcast(&inputs[r].even[0]), even));
      VQ_IN_ORDER(sums[r]);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(broadcast(&inputs[r].odd[0]), odd));
      VQ_IN_ORDER(sums[r]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; ++r) _mm256_store_si256((__m256i *)(accumulators + r * 16), sums[r]);
}

#define MULTIPLY(ROWS) \
  case ROWS:           \
    return multiply(a, stride, widened, b, list, narrow, steps, ROWS, accumulators);

static void multiply_rows(const uint8_t *a, ptrdiff_t stride, const widened_row *widened, const int8_t *b,
                          const uint16_t *list, int32_t narrow, int32_t steps, int32_t rows, int32_t *accumulators) {
  switch (rows) {
    MULTIPLY(1)
    MULTIPLY(2)
    MULTIPLY(3)
    MULTIPLY(4)
    MULTIPLY(5)
    MULTIPLY(6)
    MULTIPLY(7)
    MULTIPLY(8)
    MULTIPLY(9)
    MULTIPLY(10)
    MULTIPLY(11)
    MULTIPLY(12)
  }
}

// The columns that one group of panels has, from `column` on.
typedef struct panel_group {
  const vq_matmul *product;
  int32_t column, panels;
  int32_t steps;  // of all inputs
} panel_group;

// The weights of a half, from `step` on.
static inline const int8_t *half_of_panel(const panel_group *group, int32_t half, int32_t step) {
  const int8_t *const b = group->product->b;
  const ptrdiff_t panel = group->column + half / 2 * 16;
  return b + panel * group->product->k + step * 64 + half % 2 * 32;
}

static void list_group(const panel_group *group, step_lists *lists) {
  lists->wide = 0;
  for (int32_t half = 0; half < 2 * group->panels; ++half) {
    uint16_t *const list = lists->steps + half * group->steps;
    for (int32_t s = 0; s < group->steps; s += chunk_steps) {
      const int32_t steps = smaller(group->steps - s, chunk_steps);
      const int32_t narrow = list_steps(half_of_panel(group, half, s), steps, list + s);
      lists->narrow[half][s / chunk_steps] = narrow;
      lists->wide += steps - narrow;
    }
  }
}

// Which steps of a product fit 16 bits.
typedef struct step_kinds {
  const step_lists *lists;    // NULL where the weights were not looked through, and all steps count as wide
  const uint16_t *all_steps;  // the numbers of a chunk's steps, for that case
} step_kinds;

// The products of up to `block_rows` rows, from `row` on, with a group of panels.
static void multiply_block(const panel_group *group, step_kinds kinds, int32_t row, int32_t rows,
                           int32_t accumulators[group_panels][block_sums]) {
  _Alignas(32) widened_row widened[block_rows];
  const step_lists *const lists = kinds.lists;
  const bool has_wide = !lists || lists->wide > 0;
  const ptrdiff_t stride = group->product->a_stride;
  const uint8_t *a = (const uint8_t *)group->product->a + row * stride;
  memset(accumulators, 0, (size_t)group->panels * sizeof accumulators[0]);
  for (int32_t s = 0; s < group->steps; s += chunk_steps, a += chunk_steps * 4) {
    const int32_t steps = smaller(group->steps - s, chunk_steps);
    if (has_wide) widen(a, stride, steps, rows, widened);
    for (int32_t half = 0; half < 2 * group->panels; ++half) {
      const uint16_t *const list = lists ? lists->steps + half * group->steps + s : kinds.all_steps;
      const int32_t narrow = lists ? lists->narrow[half][s / chunk_steps] : 0;
      multiply_rows(a, stride, widened, half_of_panel(group, half, s), list, narrow, steps, rows,
                    accumulators[half / 2] + half % 2 * 8);
    }
  }
}

// The outputs of up to `block_rows` rows.
static void write_block(const panel_group *group, step_kinds kinds, int32_t row, int32_t rows) {
  _Alignas(32) int32_t accumulators[group_panels][block_sums];
  multiply_block(group, kinds, row, rows, accumulators);
  for (int32_t p = 0; p < group->panels; ++p) {
    vq_epilogue_avx2(group->product, accumulators[p], row, rows, group->column + p * 16);
  }
}

// Panels outside, rows inside: the weights are read in order. A group of panels shares the widened rows, and stays in
// the second-level cache while all rows pass.
static void matmul(const vq_matmul *product) {
  step_lists lists;
  uint16_t all_steps[chunk_steps];
  for (int32_t s = 0; s < chunk_steps; ++s) all_steps[s] = (uint16_t)s;
  // Blocks of nearly the same height, so that no small one is left over.
  const int32_t blocks = (product->rows + block_rows - 1) / block_rows;
  const int32_t all_panels = (product->columns + 15) / 16;
  const int32_t steps = product->k / 4;
  // Looking through the weights takes the time of three rows: it does not pay for one block.
  const bool is_listed = blocks > 1 && steps <= listed_steps / 2;
  const int32_t most_panels = is_listed ? smaller(group_panels, listed_steps / (2 * steps)) : group_panels;
  const step_kinds kinds = {is_listed ? &lists : NULL, all_steps};
  for (int32_t panel = 0; panel < all_panels; panel += most_panels) {
    const panel_group group = {product, panel * 16, smaller(all_panels - panel, most_panels), steps};
    if (is_listed) list_group(&group, &lists);
    int32_t row = 0;
    for (int32_t block = 0; block < blocks; ++block) {
      const int32_t rows = (product->rows - row + blocks - block - 1) / (blocks - block);
      write_block(&group, kinds, row, rows);
      row += rows;
    }
  }
}

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avx2 = {.matmul = matmul, .matmul_wide = vq_matmul_wide_avx2, VQ_ROW_KERNELS_AVX2};

#endif
