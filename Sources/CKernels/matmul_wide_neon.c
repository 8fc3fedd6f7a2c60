// int16 x int16 products with NEON (`smlal`): 4 rows x 16 columns of accumulators in 16 of the 32 registers.
//
// A panel holds two inputs of a column side by side. Loads that take every second element part them, so that a vector
// is one input of 8 columns, which is multiplied with one input of a row.
#if defined(__aarch64__)

#include "neon.h"

enum { block_rows = 4, block_sums = block_rows * 16 };

// Adds the products of one input of all rows, lane `LANE` of `inputs`, with the weights of 16 columns.
#define MULTIPLY_INPUT(LANE, FIRST, SECOND)                                         \
  for (int r = 0; r < rows; ++r) {                                                  \
    sums[r][0] = vmlal_lane_s16(sums[r][0], vget_low_s16(FIRST), inputs[r], LANE);  \
    sums[r][1] = vmlal_high_lane_s16(sums[r][1], FIRST, inputs[r], LANE);           \
    sums[r][2] = vmlal_lane_s16(sums[r][2], vget_low_s16(SECOND), inputs[r], LANE); \
    sums[r][3] = vmlal_high_lane_s16(sums[r][3], SECOND, inputs[r], LANE);          \
  }

// The same with two inputs, from lane `LANE` on, whose weights begin at `B`.
#define MULTIPLY_PAIR(LANE, B)                                            \
  {                                                                       \
    const int16x8x2_t first = vld2q_s16(B), second = vld2q_s16((B) + 16); \
    MULTIPLY_INPUT(LANE, first.val[0], second.val[0])                     \
    MULTIPLY_INPUT(LANE + 1, first.val[1], second.val[1])                 \
  }

// `rows` is a constant where this is inlined, so that the accumulators stay in registers.
static inline __attribute__((always_inline)) void multiply(const int16_t *a, ptrdiff_t stride, const int16_t *b,
                                                           int32_t k, const int rows, int32_t *accumulators) {
  int32x4_t sums[block_rows][4];
  int16x4_t inputs[block_rows];
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < 4; ++c) sums[r][c] = vdupq_n_s32(0);
  }
  for (int32_t i = 0; i < k; i += 4, a += 4, b += 64) {
    for (int r = 0; r < rows; ++r) inputs[r] = vld1_s16(a + r * stride);
    MULTIPLY_PAIR(0, b)
    MULTIPLY_PAIR(2, b + 32)
  }
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < 4; ++c) vst1q_s32(accumulators + r * 16 + c * 4, sums[r][c]);
  }
}

static void multiply_rows(const int16_t *a, ptrdiff_t stride, const int16_t *b, int32_t k, int32_t rows,
                          int32_t *accumulators) {
  switch (rows) {
    case 1: return multiply(a, stride, b, k, 1, accumulators);
    case 2: return multiply(a, stride, b, k, 2, accumulators);
    case 3: return multiply(a, stride, b, k, 3, accumulators);
    case 4: return multiply(a, stride, b, k, 4, accumulators);
  }
}

// Panels outside, rows inside: the weights are read from memory once and in order.
void vq_matmul_wide_neon(const vq_matmul *product) {
  int32_t accumulators[block_sums];
  const int16_t *const a = product->a, *const b = product->b;
  const ptrdiff_t stride = product->a_stride, k = product->k;
  for (int32_t column = 0; column < product->columns; column += 16) {
    for (int32_t row = 0; row < product->rows; row += block_rows) {
      const int32_t rows = product->rows - row < block_rows ? product->rows - row : block_rows;
      multiply_rows(a + row * stride, stride, b + column * k, product->k, rows, accumulators);
      vq_epilogue_neon(product, accumulators, row, rows, column);
    }
  }
}

#endif
