// Products with 512-bit registers: 12 rows x 32 columns of accumulators in 24 of the 32 registers.
//
// A kernel file includes this between VQ_INSTRUCTIONS and VQ_INSTRUCTIONS_END, after avx512.h. Before, it defines
// VQ_ADD_PRODUCTS(SUMS, X, Y), which adds the products of each 32-bit lane, four of int8 or two of int16, to SUMS; it calls
// `matmul_blocks` with the bytes of a number.
#ifndef VQ_MATMUL_BLOCKS512_H
#define VQ_MATMUL_BLOCKS512_H

#include "epilogue_avx512.h"

enum { block_rows = 12, block_columns = 32, block_sums = block_rows * block_columns };

static inline __attribute__((always_inline)) __m512i broadcast(const char *a) {
  int32_t four;
  memcpy(&four, a, 4);
  return _mm512_set1_epi32(four);
}

// What a block multiplies. A step is 4 bytes of each row's inputs and their 64 bytes of each panel's weights.
typedef struct factors {
  const char *a, *b;
  ptrdiff_t stride;      // from row to row of inputs
  ptrdiff_t panel_size;  // from panel to panel of weights
  ptrdiff_t ahead;       // from a step's weights to those that it prefetches
} factors;

// Where a block's sums go: rows of 16 for each panel, `stride` apart.
typedef struct destination {
  int32_t *first;
  ptrdiff_t stride;
} destination;

// `rows` and `panels` are constants where this is inlined, so that the accumulators stay in registers.
static inline __attribute__((always_inline)) void add_steps(__m512i sums[block_rows][2], factors x, int32_t steps,
                                                            const int rows, const int panels) {
  for (int32_t s = 0; s < steps; ++s, x.a += 4, x.b += 64) {
    _mm_prefetch(x.b + x.ahead, _MM_HINT_T1);
    const __m512i first = _mm512_loadu_si512(x.b);
    const __m512i second = panels > 1 ? _mm512_loadu_si512(x.b + x.panel_size) : first;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m512i inputs = broadcast(x.a + r * x.stride);
      VQ_ADD_PRODUCTS(sums[r][0], inputs, first);
      if (panels > 1) VQ_ADD_PRODUCTS(sums[r][1], inputs, second);
    }
  }
}

static inline __attribute__((always_inline)) void multiply(factors x, int32_t steps, const int rows, const int panels,
                                                           destination out) {
  __m512i sums[block_rows][2];
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panels; ++p) sums[r][p] = _mm512_setzero_si512();
  }
  add_steps(sums, x, steps, rows, panels);
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panels; ++p) _mm512_storeu_si512(out.first + r * out.stride + p * 16, sums[r][p]);
  }
}

#define MULTIPLY(ROWS)                                         \
  case ROWS:                                                   \
    if (panels == 2) return multiply(x, steps, ROWS, 2, out);  \
    return multiply(x, steps, ROWS, 1, out);

static void multiply_rows(factors x, int32_t steps, int32_t rows, int32_t panels, destination out) {
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

// Of a product that visits two panels at a time, with blocks of rows inside: how many elements lie between the weights
// that a block of rows reads and those that it prefetches. The last two blocks on two panels each prefetch one of the
// next two panels, for whose weights the first block of rows would otherwise wait. Other blocks prefetch what they read
// themselves.
static inline ptrdiff_t prefetch_distance(const vq_matmul *product, int32_t column, int32_t blocks_left) {
  const int32_t panel = (blocks_left + 1) * 16;
  return blocks_left <= 2 && column + panel < product->columns ? (ptrdiff_t)panel * product->k : 0;
}

#include "matmul_chain512.h"

// Panels outside, rows inside: the weights are read from memory once and in order, and two panels stay in a cache while all
// rows pass. Those of many inputs do not fit the first-level one, but each step has 24 products for the two lines of weights
// that it reads, and the second-level cache gives them in that time.
static inline void matmul_blocks(const vq_matmul *product, ptrdiff_t size) {
  _Alignas(64) int32_t accumulators[block_sums];
  const char *const a = product->a, *const b = product->b;
  const ptrdiff_t stride = product->a_stride * size, column_bytes = product->k * size;
  // Blocks of nearly the same height: 197 rows are ten blocks of 12 and seven of 11, and no small one is left over.
  const int32_t blocks = (product->rows + block_rows - 1) / block_rows;
  int32_t column = 0;
  if (size == 1 && has_chain(product, blocks)) column = multiply_chain(product, blocks);
  for (; column < product->columns; column += block_columns) {
    const int32_t panels = product->columns - column > 16 ? 2 : 1;
    // Sums of whole panels, where they are the output, go there at once.
    const int is_output = product->output == vq_output_sums && product->columns - column >= panels * 16;
    int32_t row = 0;
    for (int32_t block = 0; block < blocks; ++block) {
      const int32_t rows = (product->rows - row + blocks - block - 1) / (blocks - block);
      const factors x = {.a = a + row * stride,
                         .b = b + column * column_bytes,
                         .stride = stride,
                         .panel_size = column_bytes * 16,
                         .ahead = prefetch_distance(product, column, blocks - block) * size};
      const destination out =
          is_output ? (destination){(int32_t *)product->out + row * product->out_stride + column, product->out_stride}
                    : (destination){accumulators, panels * 16};
      multiply_rows(x, (int32_t)(column_bytes / 4), rows, panels, out);
      if (!is_output) vq_epilogue_avx512(product, accumulators, row, rows, column, panels);
      row += rows;
    }
  }
}

#endif
