// Float matrix product for AVX2 with FMA: tiles of 6 rows x 16 columns, 12 of the 16 vector registers for sums.
#include "CFloatKernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VQ_TARGET __attribute__((target("avx2,fma")))

enum { tile_rows = 6, tile_columns = 16, panel_columns = 32 };

// The lanes below `columns`, for masked loads and stores.
VQ_TARGET static inline __m256i lane_mask(int32_t columns) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(columns), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// One tile of `rows` (a constant after inlining) x 16: C = start + A * B. `start` is the bias, or C itself if the
// product accumulates.
VQ_TARGET static inline __attribute__((always_inline)) void tile(
    int rows, const float *a, ptrdiff_t lda, const float *b, int32_t k, const float *bias, int accumulates, float *c,
    ptrdiff_t ldc, __m256i mask0, __m256i mask1) {
  __m256 sum[tile_rows][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    if (!accumulates) {
      sum[r][0] = bias ? _mm256_loadu_ps(bias) : _mm256_setzero_ps();
      sum[r][1] = bias ? _mm256_loadu_ps(bias + 8) : _mm256_setzero_ps();
    } else {
      sum[r][0] = _mm256_maskload_ps(c + r * ldc, mask0);
      sum[r][1] = _mm256_maskload_ps(c + r * ldc + 8, mask1);
    }
  }
  for (int32_t i = 0; i < k; i++) {
    const __m256 b0 = _mm256_loadu_ps(b + (ptrdiff_t)i * panel_columns);
    const __m256 b1 = _mm256_loadu_ps(b + (ptrdiff_t)i * panel_columns + 8);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const __m256 x = _mm256_broadcast_ss(a + r * lda + i);
      sum[r][0] = _mm256_fmadd_ps(x, b0, sum[r][0]);
      sum[r][1] = _mm256_fmadd_ps(x, b1, sum[r][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    _mm256_maskstore_ps(c + r * ldc, mask0, sum[r][0]);
    _mm256_maskstore_ps(c + r * ldc + 8, mask1, sum[r][1]);
  }
}

VQ_TARGET static void tile_of(
    int rows, const float *a, ptrdiff_t lda, const float *b, int32_t k, const float *bias, int accumulates, float *c,
    ptrdiff_t ldc, __m256i mask0, __m256i mask1) {
#define VQ_CASE(n) \
  case n: tile(n, a, lda, b, k, bias, accumulates, c, ldc, mask0, mask1); break;
  switch (rows) {
    VQ_CASE(1) VQ_CASE(2) VQ_CASE(3) VQ_CASE(4) VQ_CASE(5) VQ_CASE(6)
  }
#undef VQ_CASE
}

VQ_TARGET void vq_sgemm_avx2(const vq_sgemm *p) {
  for (int32_t column = 0; column < p->n; column += tile_columns) {
    // Half a panel: its panel's start, then 0 or 16 columns in.
    const int32_t half = column % panel_columns;
    const float *b = p->b + column / panel_columns * p->panel_stride + half;
    const float *bias = p->bias ? p->bias + column : 0;
    const __m256i mask0 = lane_mask(p->n - column), mask1 = lane_mask(p->n - column - 8);
    // While half a panel is multiplied the same half of the next comes into the cache, some lines with each tile, and so
    // does where the next tile is stored.
    const float *next = b + p->panel_stride;
    const int32_t tiles = (p->m + tile_rows - 1) / tile_rows;
    const int32_t lines = column + panel_columns < p->n ? (p->k + tiles - 1) / tiles : 0;
    for (int32_t row = 0; row < p->m; row += tile_rows) {
      const int32_t rows = p->m - row < tile_rows ? p->m - row : tile_rows;
      for (int32_t line = 0; line < lines; line++, next += panel_columns) _mm_prefetch(next, _MM_HINT_T1);
      for (int32_t below = row + rows; below < row + rows + tile_rows && below < p->m; below++) {
        __builtin_prefetch(p->c + below * p->ldc + column, 1, 2);
      }
      tile_of(rows, p->a + row * p->lda, p->lda, b, p->k, bias, p->accumulates, p->c + row * p->ldc + column, p->ldc,
              mask0, mask1);
    }
  }
}

#endif
