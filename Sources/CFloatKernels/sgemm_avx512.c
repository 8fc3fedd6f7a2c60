// Float matrix product for AVX-512: tiles of 12 rows x 32 columns, 24 of the 32 vector registers for sums.
#include "CFloatKernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VQ_TARGET __attribute__((target("avx512f")))

enum { tile_rows = 12, panel_columns = 32 };

// One tile of `rows` (a constant after inlining) x 32: C = start + A * B. `start` is the bias, or C itself if the
// product accumulates.
VQ_TARGET static inline __attribute__((always_inline)) void tile(
    int rows, const float *a, ptrdiff_t lda, const float *b, int32_t k, const float *bias, int accumulates, float *c,
    ptrdiff_t ldc, __mmask16 mask0, __mmask16 mask1) {
  __m512 sum[tile_rows][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    if (!accumulates) {
      sum[r][0] = bias ? _mm512_loadu_ps(bias) : _mm512_setzero_ps();
      sum[r][1] = bias ? _mm512_loadu_ps(bias + 16) : _mm512_setzero_ps();
    } else {
      sum[r][0] = _mm512_maskz_loadu_ps(mask0, c + r * ldc);
      sum[r][1] = _mm512_maskz_loadu_ps(mask1, c + r * ldc + 16);
    }
  }
  for (int32_t i = 0; i < k; i++) {
    const __m512 b0 = _mm512_loadu_ps(b + (ptrdiff_t)i * panel_columns);
    const __m512 b1 = _mm512_loadu_ps(b + (ptrdiff_t)i * panel_columns + 16);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const __m512 x = _mm512_set1_ps(a[r * lda + i]);
      sum[r][0] = _mm512_fmadd_ps(x, b0, sum[r][0]);
      sum[r][1] = _mm512_fmadd_ps(x, b1, sum[r][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    _mm512_mask_storeu_ps(c + r * ldc, mask0, sum[r][0]);
    _mm512_mask_storeu_ps(c + r * ldc + 16, mask1, sum[r][1]);
  }
}

VQ_TARGET static void tile_of(
    int rows, const float *a, ptrdiff_t lda, const float *b, int32_t k, const float *bias, int accumulates, float *c,
    ptrdiff_t ldc, __mmask16 mask0, __mmask16 mask1) {
#define VQ_CASE(n) \
  case n: tile(n, a, lda, b, k, bias, accumulates, c, ldc, mask0, mask1); break;
  switch (rows) {
    VQ_CASE(1) VQ_CASE(2) VQ_CASE(3) VQ_CASE(4) VQ_CASE(5) VQ_CASE(6)
    VQ_CASE(7) VQ_CASE(8) VQ_CASE(9) VQ_CASE(10) VQ_CASE(11) VQ_CASE(12)
  }
#undef VQ_CASE
}

static inline uint16_t column_mask(int32_t columns) {
  if (columns <= 0) return 0;
  return columns >= 16 ? 0xFFFF : (uint16_t)((1u << columns) - 1);
}

VQ_TARGET void vq_sgemm_avx512(const vq_sgemm *p) {
  for (int32_t column = 0; column < p->n; column += panel_columns) {
    const float *b = p->b + column / panel_columns * p->panel_stride;
    const float *bias = p->bias ? p->bias + column : 0;
    const uint16_t mask0 = column_mask(p->n - column), mask1 = column_mask(p->n - column - 16);
    // While one panel is multiplied the next comes into the cache, some lines with each tile, and so does where the next
    // tile is stored.
    const float *next = b + p->panel_stride;
    const int32_t tiles = (p->m + tile_rows - 1) / tile_rows;
    const int32_t lines = column + panel_columns < p->n ? (2 * p->k + tiles - 1) / tiles : 0;
    for (int32_t row = 0; row < p->m; row += tile_rows) {
      const int32_t rows = p->m - row < tile_rows ? p->m - row : tile_rows;
      for (int32_t line = 0; line < lines; line++, next += 16) _mm_prefetch(next, _MM_HINT_T1);
      for (int32_t below = row + rows; below < row + rows + tile_rows && below < p->m; below++) {
        __builtin_prefetch(p->c + below * p->ldc + column, 1, 2);
        __builtin_prefetch(p->c + below * p->ldc + column + 16, 1, 2);
      }
      tile_of(rows, p->a + row * p->lda, p->lda, b, p->k, bias, p->accumulates, p->c + row * p->ldc + column, p->ldc,
              mask0, mask1);
    }
  }
}

#endif
