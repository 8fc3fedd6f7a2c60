// int16 x int16 products with AVX-VNNI (`vpdpwssd`), VNNI's 256-bit form without AVX-512.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx2.h"

VQ_INSTRUCTIONS("avx2,avxvnni")

#define VQ_ADD_PRODUCTS VQ_DPWSSD256
#include "matmul_blocks256.h"

void vq_matmul_wide_avxvnni(const vq_matmul *product) { matmul_blocks(product, sizeof(int16_t)); }

VQ_INSTRUCTIONS_END

#endif
