// Products with 256-bit registers: 6 rows x 16 columns of accumulators in 12 of the 16 registers.
//
// A kernel file includes this between VQ_INSTRUCTIONS and VQ_INSTRUCTIONS_END, after avx2.h. Before, it defines
// VQ_ADD_PRODUCTS(SUMS, X, Y), which adds the products of each 32-bit lane, four of int8 or two of int16, to SUMS; it calls
// `matmul_blocks` with the bytes of a number.
#ifndef VQ_MATMUL_BLOCKS256_H
#define VQ_MATMUL_BLOCKS256_H

enum { block_rows = 6, block_sums = block_rows * 16 };

// A step is 4 bytes of each row's inputs and their 64 bytes of weights. `rows` is a constant where this is inlined, so that
// the accumulators stay in registers.
static inline __attribute__((always_inline)) void multiply(const char *a, ptrdiff_t stride, const char *b,
                                                           int32_t steps, const int rows, int32_t *accumulators) {
  __m256i sums[block_rows][2];
  for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
  for (int32_t s = 0; s < steps; ++s, a += 4, b += 64) {
    const __m256i first = vq_load256(b);
    const __m256i second = vq_load256(b + 32);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r) {
      const __m256i inputs = vq_broadcast256(a + r * stride);
      VQ_ADD_PRODUCTS(sums[r][0], inputs, first);
      VQ_ADD_PRODUCTS(sums[r][1], inputs, second);
    }
  }
  for (int r = 0; r < rows; ++r) {
    _mm256_store_si256((__m256i *)(accumulators + r * 16), sums[r][0]);
    _mm256_store_si256((__m256i *)(accumulators + r * 16) + 1, sums[r][1]);
  }
}

static void multiply_rows(const char *a, ptrdiff_t stride, const char *b, int32_t steps, int32_t rows,
                          int32_t *accumulators) {
  switch (rows) {
    case 1: return multiply(a, stride, b, steps, 1, accumulators);
    case 2: return multiply(a, stride, b, steps, 2, accumulators);
    case 3: return multiply(a, stride, b, steps, 3, accumulators);
    case 4: return multiply(a, stride, b, steps, 4, accumulators);
    case 5: return multiply(a, stride, b, steps, 5, accumulators);
    case 6: return multiply(a, stride, b, steps, 6, accumulators);
  }
}

// Panels outside, rows inside: the weights are read from memory once and in order, and a panel stays in a cache while all
// rows pass.
static inline void matmul_blocks(const vq_matmul *product, ptrdiff_t size) {
  _Alignas(32) int32_t accumulators[block_sums];
  const char *const a = product->a, *const b = product->b;
  const ptrdiff_t stride = product->a_stride * size, column_bytes = product->k * size;
  // Blocks of nearly the same height, so that no small one is left over.
  const int32_t blocks = (product->rows + block_rows - 1) / block_rows;
  for (int32_t column = 0; column < product->columns; column += 16) {
    int32_t row = 0;
    for (int32_t block = 0; block < blocks; ++block) {
      const int32_t rows = (product->rows - row + blocks - block - 1) / (blocks - block);
      multiply_rows(a + row * stride, stride, b + column * column_bytes, (int32_t)(column_bytes / 4), rows, accumulators);
      vq_epilogue_avx2(product, accumulators, row, rows, column);
      row += rows;
    }
  }
}

#endif
