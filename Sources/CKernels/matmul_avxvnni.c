// uint8 x int8 products with AVX-VNNI (`vpdpbusd`), VNNI's 256-bit form without AVX-512.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2,avxvnni")

#define VQ_ADD_PRODUCTS(SUMS, X, Y) ((SUMS) = _mm256_dpbusd_avx_epi32(SUMS, X, Y))
#include "matmul_blocks256.h"

static void matmul(const vq_matmul *product) { matmul_blocks(product, sizeof(int8_t)); }

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avxvnni = {.matmul = matmul, .matmul_wide = vq_matmul_wide_avxvnni, VQ_ROW_KERNELS_AVX2};

#endif
