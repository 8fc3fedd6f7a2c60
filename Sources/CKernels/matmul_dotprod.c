// uint8 x int8 products with the dot products of Armv8.2 (`sdot`): 4 rows x 16 columns of accumulators.
//
// Both operands of `sdot` are signed, so 128 is subtracted from the activations. What that takes from a column's
// result, 128 times the sum of its weights, is computed from the weights and added again.
#if defined(__aarch64__)

#include <string.h>

#include "neon.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

enum { block_rows = 4, block_sums = block_rows * 16 };

// Multiplies one group of four inputs, number `GROUP` of the four groups loaded, of all rows and all columns.
#define MULTIPLY_GROUP(GROUP)                                                              \
  {                                                                                        \
    const int8x16x4_t weights = vq_load_weights_neon(b + 64 * GROUP);                      \
    for (int r = 0; r < rows; ++r) {                                                       \
      for (int c = 0; c < 4; ++c) {                                                        \
        sums[r][c] = vdotq_laneq_s32(sums[r][c], weights.val[c], inputs[r], GROUP);        \
      }                                                                                    \
    }                                                                                      \
  }

// `rows` is a constant where this is inlined, so that the accumulators stay in registers.
static inline __attribute__((always_inline)) void multiply(const uint8_t *a, ptrdiff_t stride, const int8_t *b,
                                                           int32_t k, const int rows, const int32x4_t *offsets,
                                                           int32_t *accumulators) {
  int32x4_t sums[block_rows][4];
  int8x16_t inputs[block_rows];
  const uint8x16_t sign = vdupq_n_u8(0x80);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < 4; ++c) sums[r][c] = offsets[c];
  }
  int32_t i = 0;
  for (; k - i >= 16; i += 16, a += 16, b += 256) {
    for (int r = 0; r < rows; ++r) inputs[r] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(a + r * stride), sign));
    MULTIPLY_GROUP(0)
    MULTIPLY_GROUP(1)
    MULTIPLY_GROUP(2)
    MULTIPLY_GROUP(3)
  }
  for (; i < k; i += 4, a += 4, b += 64) {
    for (int r = 0; r < rows; ++r) {
      uint32_t four;
      memcpy(&four, a + r * stride, 4);
      inputs[r] = vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_u32(vdupq_n_u32(four)), sign));
    }
    MULTIPLY_GROUP(0)
  }
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < 4; ++c) vst1q_s32(accumulators + r * 16 + c * 4, sums[r][c]);
  }
}

static void multiply_rows(const uint8_t *a, ptrdiff_t stride, const int8_t *b, int32_t k, int32_t rows,
                          const int32x4_t *offsets, int32_t *accumulators) {
  switch (rows) {
    case 1: return multiply(a, stride, b, k, 1, offsets, accumulators);
    case 2: return multiply(a, stride, b, k, 2, offsets, accumulators);
    case 3: return multiply(a, stride, b, k, 3, offsets, accumulators);
    case 4: return multiply(a, stride, b, k, 4, offsets, accumulators);
  }
}

static void matmul(const vq_matmul *product) {
  int32_t accumulators[block_sums];
  vq_matmul_by_blocks_neon(product, block_rows, multiply_rows, accumulators);
}

#pragma clang attribute pop

const vq_kernels vq_kernels_dotprod = {.matmul = matmul, .matmul_wide = vq_matmul_wide_neon, VQ_ROW_KERNELS_NEON};

#endif
