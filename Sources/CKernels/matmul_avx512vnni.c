// uint8 x int8 products with AVX-512 VNNI (`vpdpbusd`).
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx512.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#define VQ_ADD_PRODUCTS(SUMS, X, Y) ((SUMS) = _mm512_dpbusd_epi32(SUMS, X, Y))
#include "matmul_blocks512.h"

static void matmul(const vq_matmul *product) { matmul_blocks(product, sizeof(int8_t)); }

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_avx512vnni = {
    .matmul = matmul, .matmul_wide = vq_matmul_wide_avx512vnni, VQ_ROW_KERNELS_AVX512};

#endif
