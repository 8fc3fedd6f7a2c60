// uint8 x int8 products with AVX2: 6 rows x 8 columns of accumulators.
//
// `vpmaddubsw` adds two products and saturates the sum to int16, which 2 * 255 * 127 does not fit. So both operands are
// widened to int16, and `vpmaddwd` adds two exact products: each 32-bit lane holds half of a column's sum until the
// end. The rows are widened once for a few panels, so that the inner loop only loads and broadcasts them; weights are
// widened as they are loaded.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2")

enum { block_rows = 6, chunk_inputs = 1024, group_panels = 4 };

// Some inputs of a block of rows, as int16.
typedef int16_t widened_rows[block_rows][chunk_inputs];

static inline void widen(const uint8_t *a, ptrdiff_t stride, int32_t k, int32_t rows, widened_rows out) {
  for (int32_t r = 0; r < rows; ++r, a += stride) {
    int32_t i = 0;
    for (; k - i >= 16; i += 16) {
      const __m256i inputs = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(a + i)));
      _mm256_store_si256((__m256i *)(out[r] + i), inputs);
    }
    for (; i < k; i += 4) {
      int32_t four;
      memcpy(&four, a + i, 4);
      _mm_storel_epi64((__m128i *)(out[r] + i), _mm_cvtepu8_epi16(_mm_cvtsi32_si128(four)));
    }
  }
}

static inline __attribute__((always_inline)) __m256i broadcast(const int16_t *a) {
  int64_t four;
  memcpy(&four, a, 8);
  return _mm256_set1_epi64x(four);
}

// Adds the products with 8 of a panel's 16 columns to `accumulators`. `rows` is a constant where this is inlined, so
// that the sums stay in registers.
static inline __attribute__((always_inline)) void multiply(widened_rows a, const int8_t *b, int32_t k, const int rows,
                                                           int32_t *accumulators) {
  __m256i sums[block_rows][2];
  for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
  for (int32_t i = 0; i < k; i += 4, b += 64) {
    const __m256i first = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)b));
    const __m256i second = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)b + 1));
    for (int r = 0; r < rows; ++r) {
      const __m256i inputs = broadcast(a[r] + i);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(inputs, first));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(inputs, second));
    }
  }
  for (int r = 0; r < rows; ++r) {
    // Columns 0 1 4 5 2 3 6 7, put in order.
    const __m256i pairs = _mm256_hadd_epi32(sums[r][0], sums[r][1]);
    const __m256i ordered = _mm256_permute4x64_epi64(pairs, _MM_SHUFFLE(3, 1, 2, 0));
    __m256i *const total = (__m256i *)(accumulators + r * 16);
    _mm256_store_si256(total, _mm256_add_epi32(_mm256_load_si256(total), ordered));
  }
}

#define MULTIPLY(ROWS)                     \
  case ROWS:                               \
    multiply(a, b, k, ROWS, accumulators); \
    return multiply(a, b + 32, k, ROWS, accumulators + 8);

static void multiply_rows(widened_rows a, const int8_t *b, int32_t k, int32_t rows, int32_t *accumulators) {
  switch (rows) {
    MULTIPLY(1)
    MULTIPLY(2)
    MULTIPLY(3)
    MULTIPLY(4)
    MULTIPLY(5)
    MULTIPLY(6)
  }
}

// The outputs of up to `block_rows` rows and `group_panels` panels.
static void multiply_block(const vq_matmul *product, int32_t row, int32_t rows, int32_t column, int32_t panels) {
  _Alignas(32) widened_rows widened;
  _Alignas(32) int32_t accumulators[group_panels][block_rows * 16];
  const uint8_t *const a = product->a + row * product->a_stride;
  memset(accumulators, 0, (size_t)panels * sizeof accumulators[0]);
  for (int32_t i = 0; i < product->k; i += chunk_inputs) {
    const int32_t inputs = product->k - i < chunk_inputs ? product->k - i : chunk_inputs;
    widen(a + i, product->a_stride, inputs, rows, widened);
    for (int32_t p = 0; p < panels; ++p) {
      const int8_t *const b = product->b + (ptrdiff_t)(column + p * 16) * product->k;
      multiply_rows(widened, b + (ptrdiff_t)i * 16, inputs, rows, accumulators[p]);
    }
  }
  for (int32_t p = 0; p < panels; ++p) vq_epilogue_avx2(product, accumulators[p], row, rows, column + p * 16);
}

// Panels outside, rows inside: the weights are read once and in order. A group of panels shares the widened rows, and
// stays in the second-level cache while all rows pass.
static void matmul(const vq_matmul *product) {
  // Blocks of nearly the same height, so that no small one is left over.
  const int32_t blocks = (product->rows + block_rows - 1) / block_rows;
  for (int32_t column = 0; column < product->columns; column += group_panels * 16) {
    const int32_t left = (product->columns - column + 15) / 16;
    const int32_t panels = left < group_panels ? left : group_panels;
    int32_t row = 0;
    for (int32_t block = 0; block < blocks; ++block) {
      const int32_t rows = (product->rows - row + blocks - block - 1) / (blocks - block);
      multiply_block(product, row, rows, column, panels);
      row += rows;
    }
  }
}

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avx2 = {.matmul = matmul, VQ_ROW_KERNELS_AVX2};

#endif
