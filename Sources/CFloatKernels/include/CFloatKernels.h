// The vector kernels of the float reference. They are apart from CKernels so that a program that only runs int8 models
// does not link them.
#ifndef CFLOATKERNELS_H
#define CFLOATKERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// C (m x n, row stride ldc) = A (m x k, row stride lda) times the packed B, plus bias[n] (may be NULL), or plus what C
// held before. Each element is one chain of fused additions in the order of k, whatever the tiles: a product over some
// of k that is continued over the rest gives the bits of the whole.
// B is packed as [n/32][k][32], zero-padded to a multiple of 32 columns.
typedef struct vq_sgemm {
  const float *a;
  ptrdiff_t lda;
  const float *b;
  const float *_Nullable bias;  // readable up to the next multiple of 32
  float *c;
  ptrdiff_t ldc;
  int32_t m, n, k;
  int32_t accumulates;  // nonzero: start from C, not from the bias
} vq_sgemm;
#if defined(__x86_64__)
void vq_sgemm_avx2(const vq_sgemm *);
void vq_sgemm_avx512(const vq_sgemm *);
#endif

#pragma clang assume_nonnull end

#endif
