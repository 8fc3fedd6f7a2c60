// The requantization of a block of accumulators, NEON: the last step of every product on arm64.
#if defined(__aarch64__)

#include <string.h>

#include "neon.h"

static inline int32x4_t add_within_limits(int32x4_t x, int32x4_t y) {
  const int32x4_t limit = vdupq_n_s32((1 << 30) - 1);
  return vmaxq_s32(vminq_s32(vaddq_s32(x, y), limit), vnegq_s32(limit));
}

// Writes 4 requantized elements to `out`, in the output's type.
static inline void write(const vq_matmul *product, int32_t row, int32_t column, const int32_t *sums, void *out) {
  const int32x4_t column_sum = vld1q_s32(product->column_sum + column);
  const int32x4_t accumulator = vmlsq_n_s32(vld1q_s32(sums), column_sum, product->row_zero_point[row]);
  const int32x4_t column_multiplier = vld1q_s32(product->column_multiplier + column);
  const int32x4_t multiplier = vmulq_n_s32(column_multiplier, product->row_multiplier[row]);
  const int64x2_t negative_shift = vdupq_n_s64(-(int64_t)product->shift);
  int32x4_t value = vq_requantize_neon(accumulator, multiplier, negative_shift);
  value = vaddq_s32(value, vld1q_s32(product->bias + column));
  if (product->output == vq_output_accumulate) value = add_within_limits(vld1q_s32((const int32_t *)out), value);
  if (product->output == vq_output_int16) vst1_s16((int16_t *)out, vqmovn_s32(value));
  else vst1q_s32((int32_t *)out, value);
}

static void write_sums(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                       int32_t column, int32_t width) {
  for (int32_t r = row; r < row + rows; ++r, accumulators += 16) {
    int32_t *const out = (int32_t *)product->out + r * product->out_stride + column;
    if (width == 16) memcpy(out, accumulators, 64);
    else memcpy(out, accumulators, (size_t)width * sizeof *out);
  }
}

void vq_epilogue_neon(const vq_matmul *product, const int32_t *accumulators, int32_t row, int32_t rows,
                      int32_t column) {
  const int32_t width = product->columns - column < 16 ? product->columns - column : 16;
  if (product->output == vq_output_sums) return write_sums(product, accumulators, row, rows, column, width);
  const ptrdiff_t size = product->output == vq_output_int16 ? 2 : 4;
  for (int32_t r = row; r < row + rows; ++r, accumulators += 16) {
    char *const out = (char *)product->out + (r * product->out_stride + column) * size;
    for (int32_t c = 0; c < width; c += 4) {
      if (width - c >= 4) {
        write(product, r, column + c, accumulators + c, out + c * size);
      } else {
        // The last columns go through a buffer: memory beyond them may belong to another thread, or to no one.
        int32_t buffer[4] = {0};
        const size_t bytes = (size_t)((width - c) * size);
        memcpy(buffer, out + c * size, bytes);
        write(product, r, column + c, accumulators + c, buffer);
        memcpy(out + c * size, buffer, bytes);
      }
    }
  }
}

#endif
