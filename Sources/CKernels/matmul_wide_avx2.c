// int16 x int16 products with AVX2 (`vpmaddwd`, then an addition).
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2")

#define VQ_ADD_PRODUCTS(SUMS, X, Y) ((SUMS) = _mm256_add_epi32(SUMS, _mm256_madd_epi16(X, Y)))
#include "matmul_blocks256.h"

void vq_matmul_wide_avx2(const vq_matmul *product) { matmul_blocks(product, sizeof(int16_t)); }

VQ_INSTRUCTIONS_END

#endif
