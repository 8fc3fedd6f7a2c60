// uint8 x int8 products with AVX2: 6 rows x 16 columns of accumulators.
//
// `vpmaddubsw` multiplies 32 pairs of bytes and adds neighbouring products, but saturates the sums to int16. With
// inputs up to 255, a sum of two products fits exactly where the two weights w0 and w1 have |w0 + w1| <= 128: weights
// of one sign add up to at most 255 * 128 < 2^15, and those of opposite signs are smaller. So the weights are looked
// through once for all rows. A step, which is 4 inputs of a panel's 16 columns, is narrow where all its pairs of weights
// keep that limit: three instructions multiply and add 32 products. The other steps are wide: weights and inputs are
// widened to int16, which takes four. In trained models more than half of the steps are narrow. Both give the exact sums.
//
// Blocks of 12 rows x 8 columns would find more narrow steps, but they load an input for each 32 products instead of each
// 64, which on Zen 4 takes longer than what they save.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2")

enum {
  block_rows = 6,
  block_sums = block_rows * 16,
  chunk_steps = 128,    // whose widened inputs stay in the first-level cache
  listed_steps = 1536,  // of all panels of a group; their widened weights take 192 KB of the stack
  group_panels = 4,
  held_blocks = 16,     // blocks of one panel whose sums wait for further inputs
};

// A row's inputs of some steps, as int16: those with an even index, two for each step, and those with an odd one.
typedef struct widened_row {
  int32_t even[chunk_steps], odd[chunk_steps];
} widened_row;

// A step's weights as int16, of the inputs with an even index and of those with an odd one.
typedef struct widened_step {
  __m256i even[2], odd[2];
} widened_step;

// The steps of a group of panels, of each chunk first the narrow ones, then the wide ones, with their widened weights at
// the same places.
typedef struct step_lists {
  widened_step weights[listed_steps];
  uint16_t steps[listed_steps];
  int32_t narrow[group_panels][listed_steps / chunk_steps];  // in each chunk
  int32_t wide;                                              // in all chunks of all panels
} step_lists;

// A part of a product: columns of some panels, and some of the inputs.
typedef struct part {
  const vq_matmul *product;
  int32_t column, panels;
  int32_t first_step, steps;
} part;

static inline int32_t smaller(int32_t x, int32_t y) { return x < y ? x : y; }

static inline void widen_rows(const uint8_t *a, ptrdiff_t stride, int32_t steps, int32_t rows, widened_row *out) {
  const __m256i low = _mm256_set1_epi16(0xFF);
  for (int32_t r = 0; r < rows; ++r, a += stride, ++out) {
    int32_t s = 0;
    for (; steps - s >= 8; s += 8) {
      const __m256i inputs = vq_load256(a + s * 4);
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

// The magnitudes of the sums of neighbouring weights.
static inline __m256i pair_sums(__m256i weights) {
  return _mm256_abs_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), weights));
}

static inline __m256i widen_even(__m256i weights) { return _mm256_srai_epi16(_mm256_slli_epi16(weights, 8), 8); }

// Lists a chunk of a panel's steps, `b`; returns how many are narrow. Every step is written at both ends of the list, so
// that nothing branches: at the wrong end the next step is written over it.
static inline int32_t list_steps(const int8_t *b, int32_t steps, uint16_t *list, widened_step *widened) {
  int32_t narrow = 0, wide = steps;
  for (int32_t s = 0; s < steps; ++s, b += 64) {
    const __m256i first = vq_load256(b), second = vq_load256(b + 32);
    const __m256i largest = _mm256_max_epi16(pair_sums(first), pair_sums(second));
    const int32_t is_wide = _mm256_movemask_epi8(_mm256_cmpgt_epi16(largest, _mm256_set1_epi16(128))) != 0;
    list[narrow] = (uint16_t)s;
    list[wide - 1] = (uint16_t)s;
    widened[wide - 1] = (widened_step){
        .even = {widen_even(first), widen_even(second)},
        .odd = {_mm256_srai_epi16(first, 8), _mm256_srai_epi16(second, 8)}};
    narrow += 1 - is_wide;
    wide -= is_wide;
  }
  return narrow;
}

// A panel's weights, from a part's step on.
static inline const int8_t *panel_weights(const part *part, int32_t panel, int32_t step) {
  return (const int8_t *)part->product->b + (ptrdiff_t)(part->column + panel * 16) * part->product->k +
         (ptrdiff_t)(part->first_step + step) * 64;
}

static void list_part(const part *part, step_lists *lists) {
  lists->wide = 0;
  for (int32_t panel = 0; panel < part->panels; ++panel) {
    for (int32_t s = 0; s < part->steps; s += chunk_steps) {
      const int32_t steps = smaller(part->steps - s, chunk_steps), place = panel * part->steps + s;
      const int32_t narrow =
          list_steps(panel_weights(part, panel, s), steps, lists->steps + place, lists->weights + place);
      lists->narrow[panel][s / chunk_steps] = narrow;
      lists->wide += steps - narrow;
    }
  }
}

static inline __attribute__((always_inline)) __m256i add_narrow(__m256i sums, __m256i inputs, __m256i weights) {
  const __m256i pairs = _mm256_maddubs_epi16(inputs, weights);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// A chunk of a panel: its weights, its list, and the widened weights of the list's wide steps.
typedef struct chunk {
  const int8_t *b;
  const uint16_t *list;
  const widened_step *weights;
  int32_t narrow, steps;
} chunk;

// Adds the products with a chunk of a panel to `accumulators`. `rows` is a constant where this is inlined, so that the
// sums stay in registers.
static inline __attribute__((always_inline)) void multiply(const uint8_t *a, ptrdiff_t stride,
                                                           const widened_row *widened, const chunk *chunk,
                                                           const int rows, int32_t *accumulators) {
  __m256i sums[block_rows][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; ++r) {
    sums[r][0] = vq_load256(accumulators + r * 16);
    sums[r][1] = vq_load256(accumulators + r * 16 + 8);
  }
  for (int32_t i = 0; i < chunk->narrow; ++i) {
    const uint8_t *const inputs = a + chunk->list[i] * 4;
    // All sums, the factor of 1 and the operands of a product leave a register for half of the weights; the other half is
    // loaded for each row.
    const int8_t *const weights = chunk->b + chunk->list[i] * 64;
    __m256i first = vq_load256(weights);
    VQ_IN_ORDER(first);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i input = vq_broadcast256(inputs + r * stride);
      sums[r][0] = add_narrow(sums[r][0], input, first);
      sums[r][1] = add_narrow(sums[r][1], input, vq_load256(weights + 32));
      VQ_IN_ORDER(sums[r][1]);
    }
  }
  for (int32_t i = chunk->narrow; i < chunk->steps; ++i) {
    const widened_row *const inputs = (const widened_row *)(const void *)&widened->even[chunk->list[i]];
    const widened_step *const weights = &chunk->weights[i];
    // The weights stay in registers: the compiler would load them once more for each row.
    __m256i first = weights->even[0], second = weights->even[1];
    VQ_IN_ORDER(first);
    VQ_IN_ORDER(second);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i input = vq_broadcast256(&inputs[r].even[0]);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(input, first));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(input, second));
      VQ_IN_ORDER(sums[r][1]);
    }
    first = weights->odd[0];
    second = weights->odd[1];
    VQ_IN_ORDER(first);
    VQ_IN_ORDER(second);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i input = vq_broadcast256(&inputs[r].odd[0]);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(input, first));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(input, second));
      VQ_IN_ORDER(sums[r][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; ++r) {
    _mm256_storeu_si256((__m256i *)(accumulators + r * 16), sums[r][0]);
    _mm256_storeu_si256((__m256i *)(accumulators + r * 16 + 8), sums[r][1]);
  }
}

static void multiply_rows(const uint8_t *a, ptrdiff_t stride, const widened_row *widened, const chunk *chunk,
                          int32_t rows, int32_t *accumulators) {
  switch (rows) {
    case 1: return multiply(a, stride, widened, chunk, 1, accumulators);
    case 2: return multiply(a, stride, widened, chunk, 2, accumulators);
    case 3: return multiply(a, stride, widened, chunk, 3, accumulators);
    case 4: return multiply(a, stride, widened, chunk, 4, accumulators);
    case 5: return multiply(a, stride, widened, chunk, 5, accumulators);
    case 6: return multiply(a, stride, widened, chunk, 6, accumulators);
  }
}

// Adds the products of up to `block_rows` rows, from `row` on, with a part: `block_sums` for each panel.
static void multiply_block(const part *part, const step_lists *lists, int32_t row, int32_t rows,
                           int32_t *accumulators) {
  _Alignas(32) widened_row widened[block_rows];
  const ptrdiff_t stride = part->product->a_stride;
  const uint8_t *a = (const uint8_t *)part->product->a + row * stride + (ptrdiff_t)part->first_step * 4;
  for (int32_t s = 0; s < part->steps; s += chunk_steps, a += chunk_steps * 4) {
    const int32_t steps = smaller(part->steps - s, chunk_steps);
    if (lists->wide > 0) widen_rows(a, stride, steps, rows, widened);
    for (int32_t panel = 0; panel < part->panels; ++panel) {
      const int32_t place = panel * part->steps + s;
      const chunk chunk = {
          .b = panel_weights(part, panel, s),
          .list = lists->steps + place,
          .weights = lists->weights + place,
          .narrow = lists->narrow[panel][s / chunk_steps],
          .steps = steps};
      multiply_rows(a, stride, widened, &chunk, rows, accumulators + panel * block_sums);
    }
  }
}

// Rows of a product, in blocks of nearly the same height, so that no small one is left over.
typedef struct row_blocks {
  int32_t rows, count;
} row_blocks;

static inline int32_t first_row(row_blocks blocks, int32_t block) {
  return (int32_t)((int64_t)blocks.rows * block / blocks.count);
}

// The outputs of some panels for the blocks from `first` to `last`. Where the lists don't hold the steps of all inputs, the
// panels are one, the blocks at most `held_blocks`, and all their sums are kept.
static void write_blocks(part part, row_blocks blocks, int32_t first, int32_t last, step_lists *lists) {
  _Alignas(32) int32_t accumulators[held_blocks * block_sums];
  const int32_t all_steps = part.product->k / 4;
  const ptrdiff_t sums = part.panels * block_sums;
  for (part.first_step = 0; part.first_step < all_steps; part.first_step += part.steps) {
    part.steps = smaller(all_steps - part.first_step, listed_steps / part.panels);
    const int32_t is_first = part.first_step == 0, is_last = part.first_step + part.steps == all_steps;
    list_part(&part, lists);
    for (int32_t block = first; block < last; ++block) {
      const int32_t row = first_row(blocks, block), rows = first_row(blocks, block + 1) - row;
      int32_t *const own = accumulators + (is_first && is_last ? 0 : (block - first) * sums);
      if (is_first) memset(own, 0, (size_t)sums * sizeof *own);
      multiply_block(&part, lists, row, rows, own);
      for (int32_t panel = 0; is_last && panel < part.panels; ++panel) {
        vq_epilogue_avx2(part.product, own + panel * block_sums, row, rows, part.column + panel * 16);
      }
    }
  }
}

// Panels outside, rows inside: the weights are read in order. A group of panels shares the widened rows, and stays in
// the second-level cache while all rows pass.
static void matmul(const vq_matmul *product) {
  step_lists lists;
  const row_blocks blocks = {product->rows, (product->rows + block_rows - 1) / block_rows};
  const int32_t all_panels = (product->columns + 15) / 16, steps = product->k / 4;
  const int32_t is_listed_at_once = steps <= listed_steps;
  const int32_t most_panels = is_listed_at_once && steps > 0 ? smaller(group_panels, listed_steps / steps) : 1;
  const int32_t most_blocks = is_listed_at_once ? blocks.count : held_blocks;
  for (int32_t panel = 0; panel < all_panels; panel += most_panels) {
    const part part = {.product = product, .column = panel * 16, .panels = smaller(all_panels - panel, most_panels)};
    for (int32_t block = 0; block < blocks.count; block += most_blocks) {
      write_blocks(part, blocks, block, smaller(block + most_blocks, blocks.count), &lists);
    }
  }
}

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avx2 = {.matmul = matmul, .matmul_wide = vq_matmul_wide_avx2, VQ_ROW_KERNELS_AVX2};

#endif
