// uint8 x int8 products with the matrix products of Armv8.6 (`usmmla`): 6 rows x 16 columns.
//
// One instruction multiplies 2 rows x 8 inputs with 8 inputs x 2 columns. A panel holds 4 inputs of a column together,
// so two groups are interleaved to 8 inputs of each column, once for three pairs of rows.
#if defined(__aarch64__)

#include <string.h>

#include "neon.h"

#pragma clang attribute push(__attribute__((target("i8mm"))), apply_to = function)

enum { block_pairs = 3, block_rows = 2 * block_pairs, block_sums = block_rows * 16 };

// The first four or eight of `count` inputs of two rows, padded with zeros to eight each.
static inline __attribute__((always_inline)) uint8x16_t load_pair(const uint8_t *first, const uint8_t *second,
                                                                  const int count) {
  uint64_t inputs[2] = {0, 0};
  memcpy(&inputs[0], first, (size_t)count);
  memcpy(&inputs[1], second, (size_t)count);
  return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(inputs[0]), vcreate_u64(inputs[1])));
}

typedef struct row_pairs {
  const uint8_t *first[block_pairs], *second[block_pairs];
} row_pairs;

// One or two groups of inputs, from `input` on. `sums` of a pair of rows and a pair of columns are one register:
// row 0 column 0, row 0 column 1, row 1 column 0, row 1 column 1.
static inline __attribute__((always_inline)) void multiply_groups(const row_pairs *a, ptrdiff_t input, const int8_t *b,
                                                                  const int groups, const int pairs,
                                                                  int32x4_t sums[block_pairs][8]) {
  uint8x16_t inputs[block_pairs];
  for (int p = 0; p < pairs; ++p) inputs[p] = load_pair(a->first[p] + input, a->second[p] + input, 4 * groups);
  for (int c = 0; c < 4; ++c) {
    const int32x4_t early = vreinterpretq_s32_s8(vld1q_s8(b + 16 * c));
    const int32x4_t late = groups > 1 ? vreinterpretq_s32_s8(vld1q_s8(b + 64 + 16 * c)) : vdupq_n_s32(0);
    const int8x16_t low = vreinterpretq_s8_s32(vzip1q_s32(early, late));
    const int8x16_t high = vreinterpretq_s8_s32(vzip2q_s32(early, late));
    for (int p = 0; p < pairs; ++p) {
      sums[p][2 * c] = vusmmlaq_s32(sums[p][2 * c], inputs[p], low);
      sums[p][2 * c + 1] = vusmmlaq_s32(sums[p][2 * c + 1], inputs[p], high);
    }
  }
}

// `pairs` is a constant where this is inlined, so that the accumulators stay in registers.
static inline __attribute__((always_inline)) void multiply(const row_pairs *a, const int8_t *b, int32_t k,
                                                           const int pairs, int32_t *accumulators) {
  int32x4_t sums[block_pairs][8];
  for (int p = 0; p < pairs; ++p) {
    for (int c = 0; c < 8; ++c) sums[p][c] = vdupq_n_s32(0);
  }
  int32_t i = 0;
  for (; k - i >= 8; i += 8, b += 128) multiply_groups(a, i, b, 2, pairs, sums);
  if (i < k) multiply_groups(a, i, b, 1, pairs, sums);
  for (int p = 0; p < pairs; ++p) {
    for (int c = 0; c < 4; ++c) {
      const int64x2_t left = vreinterpretq_s64_s32(sums[p][2 * c]), right = vreinterpretq_s64_s32(sums[p][2 * c + 1]);
      int32_t *const out = accumulators + p * 32 + c * 4;
      vst1q_s32(out, vreinterpretq_s32_s64(vtrn1q_s64(left, right)));
      vst1q_s32(out + 16, vreinterpretq_s32_s64(vtrn2q_s64(left, right)));
    }
  }
}

// Pairs of the rows from `a` on. With an odd number of rows, the last pair is the last row twice.
static row_pairs find_pairs(const uint8_t *a, ptrdiff_t stride, int32_t rows) {
  row_pairs pairs;
  for (int32_t p = 0; p < block_pairs; ++p) {
    const int32_t first = 2 * p < rows ? 2 * p : 0;
    const int32_t second = first + 1 < rows ? first + 1 : first;
    pairs.first[p] = a + first * stride;
    pairs.second[p] = a + second * stride;
  }
  return pairs;
}

static void multiply_rows(const uint8_t *a, ptrdiff_t stride, const int8_t *b, int32_t k, int32_t rows,
                          int32_t *accumulators) {
  const row_pairs pairs = find_pairs(a, stride, rows);
  switch ((rows + 1) / 2) {
    case 1: return multiply(&pairs, b, k, 1, accumulators);
    case 2: return multiply(&pairs, b, k, 2, accumulators);
    default: return multiply(&pairs, b, k, 3, accumulators);
  }
}

// Panels outside, rows inside: the weights are read once and in order, and a panel stays in the first-level cache
// while all rows pass.
static void matmul(const vq_matmul *product) {
  int32_t accumulators[block_sums];
  const uint8_t *const a = product->a;
  const int8_t *const b = product->b;
  const ptrdiff_t stride = product->a_stride, k = product->k;
  for (int32_t column = 0; column < product->columns; column += 16) {
    for (int32_t row = 0; row < product->rows; row += block_rows) {
      const int32_t rows = product->rows - row < block_rows ? product->rows - row : block_rows;
      multiply_rows(a + row * stride, stride, b + column * k, product->k, rows, accumulators);
      vq_epilogue_neon(product, accumulators, row, rows, column);
    }
  }
}

#pragma clang attribute pop

const vq_kernels vq_kernels_i8mm = {.matmul = matmul, .matmul_wide = vq_matmul_wide_neon, VQ_ROW_KERNELS_NEON};

#endif
