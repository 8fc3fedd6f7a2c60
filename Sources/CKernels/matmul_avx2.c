// uint8 x int8 products with AVX2: 6 rows x 16 columns of accumulators.
//
// The weights are looked through once for all rows, step by step (avx2_steps.h), and copied in the order in which they
// are used. For narrow steps three instructions multiply and add 32 products; for wide ones weights and inputs are
// widened to int16, which takes four. Both give the exact sums.
//
// Blocks of 12 rows x 8 columns would find more narrow steps, but they load an input for each 32 products instead of
// each 64, which on Zen 4 takes longer than what they save.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2")

#include "avx2_steps.h"

enum {
  block_rows = 6,
  block_sums = block_rows * 16,
  listed_chunks = 48,  // of all panels of a group; their weights take 192 KB of the stack
  group_panels = 12,
  held_blocks = 12,    // blocks of one panel whose sums wait for further inputs
};

// The chunks of a group of panels, panel after panel, and how many narrow steps each has.
typedef struct step_lists {
  chunk chunks[listed_chunks];
  uint8_t narrow[listed_chunks];
} step_lists;

// A part of a product: columns of some panels, and some of the inputs.
typedef struct part {
  const vq_matmul *product;
  int32_t column, panels;
  int32_t first_step, steps;
} part;

static inline int32_t smaller(int32_t x, int32_t y) { return x < y ? x : y; }
static inline int32_t chunks_of(int32_t steps) { return (steps + chunk_steps - 1) / chunk_steps; }

// A panel's weights, from a part's step on.
static inline const int8_t *panel_weights(const part *part, int32_t panel, int32_t step) {
  return (const int8_t *)part->product->b + (ptrdiff_t)(part->column + panel * 16) * part->product->k +
         (ptrdiff_t)(part->first_step + step) * 64;
}

static void list_part(const part *part, step_lists *lists) {
  int32_t place = 0;
  for (int32_t panel = 0; panel < part->panels; ++panel) {
    for (int32_t s = 0; s < part->steps; s += chunk_steps, ++place) {
      const int32_t steps = smaller(part->steps - s, chunk_steps);
      lists->narrow[place] = (uint8_t)list_steps(panel_weights(part, panel, s), steps, &lists->chunks[place]);
    }
  }
}

static inline __attribute__((always_inline)) __m256i add_narrow(__m256i sums, __m256i inputs, __m256i weights) {
  const __m256i pairs = _mm256_maddubs_epi16(inputs, weights);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline __attribute__((always_inline)) __m256i add_wide(__m256i sums, __m256i inputs, __m256i weights) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(inputs, weights));
}

// Adds the products with a chunk of a panel to `accumulators`. `rows` is a constant where this is inlined, so that the
// sums stay in registers.
static inline __attribute__((always_inline)) void multiply(const row_copies *a, const chunk *chunk, int32_t narrow,
                                                           int32_t steps, const int rows, int32_t *accumulators) {
  __m256i sums[block_rows][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; ++r) {
    sums[r][0] = vq_load256(accumulators + r * 16);
    sums[r][1] = vq_load256(accumulators + r * 16 + 8);
  }
  for (int32_t i = 0; i < narrow; ++i) {
    const int32_t *const inputs = *a + chunk->inputs[i];
    // All sums, the factor of 1 and the operands of a product leave a register for half of the weights; the other half
    // is loaded for each row.
    __m256i first = chunk->weights[i].first;
    VQ_IN_ORDER(first);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i input = vq_broadcast256(inputs + r * row_inputs);
      sums[r][0] = add_narrow(sums[r][0], input, first);
      sums[r][1] = add_narrow(sums[r][1], input, chunk->weights[i].second);
      VQ_IN_ORDER(sums[r][1]);
    }
  }
  for (int32_t i = narrow; i < steps; ++i) {
    const int32_t *const even = *a + copy_of_even * chunk_steps + chunk->inputs[i];
    const int32_t *const odd = *a + copy_of_odd * chunk_steps + chunk->inputs[i];
    const step_weights *const weights = &chunk->weights[i];
    // The weights stay in registers: the compiler would compute them once more for each row.
    __m256i first = widen_even(weights->first), second = widen_even(weights->second);
    VQ_IN_ORDER(first);
    VQ_IN_ORDER(second);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i input = vq_broadcast256(even + r * row_inputs);
      sums[r][0] = add_wide(sums[r][0], input, first);
      sums[r][1] = add_wide(sums[r][1], input, second);
      VQ_IN_ORDER(sums[r][1]);
    }
    first = widen_odd(weights->first);
    second = widen_odd(weights->second);
    VQ_IN_ORDER(first);
    VQ_IN_ORDER(second);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i input = vq_broadcast256(odd + r * row_inputs);
      sums[r][0] = add_wide(sums[r][0], input, first);
      sums[r][1] = add_wide(sums[r][1], input, second);
      VQ_IN_ORDER(sums[r][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; ++r) {
    _mm256_storeu_si256((__m256i *)(accumulators + r * 16), sums[r][0]);
    _mm256_storeu_si256((__m256i *)(accumulators + r * 16 + 8), sums[r][1]);
  }
}

static void multiply_rows(const row_copies *a, const chunk *chunk, int32_t narrow, int32_t steps, int32_t rows,
                          int32_t *accumulators) {
  switch (rows) {
    case 1: return multiply(a, chunk, narrow, steps, 1, accumulators);
    case 2: return multiply(a, chunk, narrow, steps, 2, accumulators);
    case 3: return multiply(a, chunk, narrow, steps, 3, accumulators);
    case 4: return multiply(a, chunk, narrow, steps, 4, accumulators);
    case 5: return multiply(a, chunk, narrow, steps, 5, accumulators);
    case 6: return multiply(a, chunk, narrow, steps, 6, accumulators);
  }
}

// Adds the products of up to `block_rows` rows, from `row` on, with a part: `block_sums` for each panel.
static void multiply_block(const part *part, const step_lists *lists, int32_t row, int32_t rows,
                           int32_t *accumulators) {
  _Alignas(32) row_copies inputs[block_rows];
  const ptrdiff_t stride = part->product->a_stride;
  const uint8_t *a = (const uint8_t *)part->product->a + row * stride + (ptrdiff_t)part->first_step * 4;
  for (int32_t s = 0; s < part->steps; s += chunk_steps, a += chunk_steps * 4) {
    const int32_t steps = smaller(part->steps - s, chunk_steps);
    copy_rows(a, stride, steps, rows, inputs);
    for (int32_t panel = 0; panel < part->panels; ++panel) {
      const int32_t place = panel * chunks_of(part->steps) + s / chunk_steps;
      int32_t *const sums = accumulators + panel * block_sums;
      multiply_rows(inputs, &lists->chunks[place], lists->narrow[place], steps, rows, sums);
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

// The outputs of some panels for the blocks from `first` to `last`. Where the lists don't hold the steps of all inputs,
// the panels are one, the blocks at most `held_blocks`, and all their sums are kept.
static void write_blocks(part part, row_blocks blocks, int32_t first, int32_t last, step_lists *lists) {
  _Alignas(32) int32_t accumulators[held_blocks * block_sums];
  const int32_t all_steps = part.product->k / 4;
  const ptrdiff_t sums = part.panels * block_sums;
  for (part.first_step = 0; part.first_step < all_steps; part.first_step += part.steps) {
    part.steps = smaller(all_steps - part.first_step, listed_chunks / part.panels * chunk_steps);
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

// Panels outside, rows inside: the weights are read in order. A group of panels shares the copies of the rows, and
// stays in the second-level cache while all rows pass. Groups are of nearly the same size: a small one would pay for
// copies that few products use.
static void matmul(const vq_matmul *product) {
  step_lists lists;
  const row_blocks blocks = {product->rows, (product->rows + block_rows - 1) / block_rows};
  const int32_t all_panels = (product->columns + 15) / 16, steps = product->k / 4;
  const int32_t is_listed_at_once = chunks_of(steps) <= listed_chunks;
  const int32_t most_panels =
      is_listed_at_once && steps > 0 ? smaller(group_panels, listed_chunks / chunks_of(steps)) : 1;
  const int32_t groups = (all_panels + most_panels - 1) / most_panels;
  const int32_t most_blocks = is_listed_at_once ? blocks.count : held_blocks;
  for (int32_t group = 0, panel = 0; group < groups; ++group) {
    const part part = {
        .product = product, .column = panel * 16, .panels = (all_panels - panel) / (groups - group)};
    panel += part.panels;
    for (int32_t block = 0; block < blocks.count; block += most_blocks) {
      write_blocks(part, blocks, block, smaller(block + most_blocks, blocks.count), &lists);
    }
  }
}

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avx2 = {.matmul = matmul, .matmul_wide = vq_matmul_wide_avx2, VQ_ROW_KERNELS_AVX2};

#endif
