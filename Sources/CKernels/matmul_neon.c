// uint8 x int8 products with NEON as every arm64 has it: 2 rows x 16 columns.
//
// 128 is subtracted from the activations, so that they are int8; their products with the weights then fit int16 (at
// most 128 * 128) and are added in pairs to int32. What the subtraction takes from a column's result, 128 times the sum
// of its weights, is computed from the weights and added again.
#if defined(__aarch64__)

#include <string.h>

#include "neon.h"

enum { block_rows = 2, block_sums = block_rows * 16 };

// Four inputs of one row, 128 subtracted from each, in every quarter of the register.
static inline __attribute__((always_inline)) int8x16_t broadcast(const uint8_t *a) {
  uint32_t four;
  memcpy(&four, a, 4);
  return vreinterpretq_s8_u32(vdupq_n_u32(four ^ 0x80808080u));
}

// `rows` is a constant where this is inlined, so that the accumulators stay in registers. A lane holds half of a
// column's sum until the end.
static inline __attribute__((always_inline)) void multiply(const uint8_t *a, ptrdiff_t stride, const int8_t *b,
                                                           int32_t k, const int rows, const int32x4_t *offsets,
                                                           int32_t *accumulators) {
  int32x4_t low[block_rows][4], high[block_rows][4];
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < 4; ++c) low[r][c] = high[r][c] = vdupq_n_s32(0);
  }
  for (int32_t i = 0; i < k; i += 4, a += 4, b += 64) {
    const int8x16x4_t weights = vq_load_weights_neon(b);
    for (int r = 0; r < rows; ++r) {
      const int8x16_t inputs = broadcast(a + r * stride);
      for (int c = 0; c < 4; ++c) {
        low[r][c] = vpadalq_s16(low[r][c], vmull_s8(vget_low_s8(inputs), vget_low_s8(weights.val[c])));
        high[r][c] = vpadalq_s16(high[r][c], vmull_high_s8(inputs, weights.val[c]));
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < 4; ++c) {
      vst1q_s32(accumulators + r * 16 + c * 4, vaddq_s32(vpaddq_s32(low[r][c], high[r][c]), offsets[c]));
    }
  }
}

static void multiply_rows(const uint8_t *a, ptrdiff_t stride, const int8_t *b, int32_t k, int32_t rows,
                          const int32x4_t *offsets, int32_t *accumulators) {
  if (rows == block_rows) multiply(a, stride, b, k, block_rows, offsets, accumulators);
  else multiply(a, stride, b, k, 1, offsets, accumulators);
}

static void matmul(const vq_matmul *product) {
  int32_t accumulators[block_sums];
  vq_matmul_by_blocks_neon(product, block_rows, multiply_rows, accumulators);
}

const vq_kernels vq_kernels_neon = {.matmul = matmul, .matmul_wide = vq_matmul_wide_neon, VQ_ROW_KERNELS_NEON};

#endif
