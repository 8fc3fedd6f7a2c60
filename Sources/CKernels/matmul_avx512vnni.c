// uint8 x int8 products with AVX-512 VNNI: 12 rows x 32 columns of accumulators in 24 of the 32 registers.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx512.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

enum { block_rows = 12, block_sums = block_rows * 32 };

static inline __attribute__((always_inline)) __m512i broadcast(const uint8_t *a) {
  int32_t four;
  memcpy(&four, a, 4);
  return _mm512_set1_epi32(four);
}

// Where a block's sums go: rows of 16 for each panel, `stride` apart.
typedef struct destination {
  int32_t *first;
  ptrdiff_t stride;
} destination;

// `rows` and `panels` are constants where this is inlined, so that the accumulators stay in registers. Each step also
// prefetches the weights `ahead` bytes beyond its own.
static inline __attribute__((always_inline)) void multiply(const uint8_t *a, ptrdiff_t stride, const int8_t *b,
                                                           int32_t k, ptrdiff_t ahead, const int rows,
                                                           const int panels, destination out) {
  __m512i sums[block_rows][2];
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panels; ++p) sums[r][p] = _mm512_setzero_si512();
  }
  const ptrdiff_t panel_size = (ptrdiff_t)k * 16;
  for (int32_t i = 0; i < k; i += 4, a += 4, b += 64) {
    _mm_prefetch(b + ahead, _MM_HINT_T1);
    const __m512i first = _mm512_loadu_si512(b);
    const __m512i second = panels > 1 ? _mm512_loadu_si512(b + panel_size) : first;
    for (int r = 0; r < rows; ++r) {
      const __m512i inputs = broadcast(a + r * stride);
      sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], inputs, first);
      if (panels > 1) sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], inputs, second);
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panels; ++p) _mm512_storeu_si512(out.first + r * out.stride + p * 16, sums[r][p]);
  }
}

#define MULTIPLY(ROWS)                                                      \
  case ROWS:                                                                \
    if (panels == 2) return multiply(a, stride, b, k, ahead, ROWS, 2, out); \
    return multiply(a, stride, b, k, ahead, ROWS, 1, out);

static void multiply_rows(const uint8_t *a, ptrdiff_t stride, const int8_t *b, int32_t k, ptrdiff_t ahead,
                          int32_t rows, int32_t panels, destination out) {
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

// Panels outside, rows inside: the weights are read once and in order, and two panels stay in the first-level cache
// while all rows pass.
static void matmul(const vq_matmul *product) {
  _Alignas(64) int32_t accumulators[block_sums];
  const uint8_t *const a = product->a;
  const int8_t *const b = product->b;
  const ptrdiff_t stride = product->a_stride, k = product->k;
  // Blocks of nearly the same height: 197 rows are ten blocks of 12 and seven of 11, and no small one is left over.
  const int32_t blocks = (product->rows + block_rows - 1) / block_rows;
  for (int32_t column = 0; column < product->columns; column += 32) {
    const int32_t panels = product->columns - column > 16 ? 2 : 1;
    // Sums of whole panels, where they are the output, go there at once.
    const int is_output = product->output == vq_output_sums && product->columns - column >= panels * 16;
    int32_t row = 0;
    for (int32_t block = 0; block < blocks; ++block) {
      const int32_t rows = (product->rows - row + blocks - block - 1) / (blocks - block);
      const ptrdiff_t ahead = vq_prefetch_distance512(product, column, blocks - block);
      const destination out =
          is_output ? (destination){(int32_t *)product->out + row * product->out_stride + column, product->out_stride}
                    : (destination){accumulators, panels * 16};
      multiply_rows(a + row * stride, stride, b + column * k, product->k, ahead, rows, panels, out);
      if (!is_output) vq_epilogue_avx512(product, accumulators, row, rows, column, panels);
      row += rows;
    }
  }
}

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avx512vnni = {
    .matmul = matmul, .matmul_wide = vq_matmul_wide_avx512vnni, VQ_ROW_KERNELS_AVX512};

#endif
