// uint8 x int8 products with AVX-VNNI, VNNI's 256-bit form without AVX-512: 6 rows x 16 columns of accumulators in 12
// of the 16 registers.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2,avxvnni")

enum { block_rows = 6, block_sums = block_rows * 16 };

static inline __attribute__((always_inline)) __m256i broadcast(const uint8_t *a) {
  int32_t four;
  memcpy(&four, a, 4);
  return _mm256_set1_epi32(four);
}

// `rows` is a constant where this is inlined, so that the accumulators stay in registers.
static inline __attribute__((always_inline)) void multiply(const uint8_t *a, ptrdiff_t stride, const int8_t *b,
                                                           int32_t k, const int rows, int32_t *accumulators) {
  __m256i sums[block_rows][2];
  for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
  for (int32_t i = 0; i < k; i += 4, a += 4, b += 64) {
    const __m256i first = _mm256_loadu_si256((const __m256i *)b);
    const __m256i second = _mm256_loadu_si256((const __m256i *)b + 1);
    for (int r = 0; r < rows; ++r) {
      const __m256i inputs = broadcast(a + r * stride);
      sums[r][0] = _mm256_dpbusd_avx_epi32(sums[r][0], inputs, first);
      sums[r][1] = _mm256_dpbusd_avx_epi32(sums[r][1], inputs, second);
    }
  }
  for (int r = 0; r < rows; ++r) {
    _mm256_store_si256((__m256i *)(accumulators + r * 16), sums[r][0]);
    _mm256_store_si256((__m256i *)(accumulators + r * 16) + 1, sums[r][1]);
  }
}

static void multiply_rows(const uint8_t *a, ptrdiff_t stride, const int8_t *b, int32_t k, int32_t rows,
                          int32_t *accumulators) {
  switch (rows) {
    case 1: return multiply(a, stride, b, k, 1, accumulators);
    case 2: return multiply(a, stride, b, k, 2, accumulators);
    case 3: return multiply(a, stride, b, k, 3, accumulators);
    case 4: return multiply(a, stride, b, k, 4, accumulators);
    case 5: return multiply(a, stride, b, k, 5, accumulators);
    case 6: return multiply(a, stride, b, k, 6, accumulators);
  }
}

// Panels outside, rows inside: the weights are read once and in order, and a panel stays in the first-level cache
// while all rows pass.
static void matmul(const vq_matmul *product) {
  _Alignas(32) int32_t accumulators[block_sums];
  const uint8_t *const a = product->a;
  const int8_t *const b = product->b;
  const ptrdiff_t stride = product->a_stride, k = product->k;
  // Blocks of nearly the same height, so that no small one is left over.
  const int32_t blocks = (product->rows + block_rows - 1) / block_rows;
  for (int32_t column = 0; column < product->columns; column += 16) {
    int32_t row = 0;
    for (int32_t block = 0; block < blocks; ++block) {
      const int32_t rows = (product->rows - row + blocks - block - 1) / (blocks - block);
      multiply_rows(a + row * stride, stride, b + column * k, product->k, rows, accumulators);
      vq_epilogue_avx2(product, accumulators, row, rows, column);
      row += rows;
    }
  }
}

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avxvnni = {.matmul = matmul, .matmul_wide = vq_matmul_wide_avxvnni, VQ_ROW_KERNELS_AVX2};

#endif
