// int16 x int16 products with AVX-512 VNNI (`vpdpwssd`).
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx512.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#define VQ_ADD_PRODUCTS VQ_DPWSSD512
#include "matmul_blocks512.h"

void vq_matmul_wide_avx512vnni(const vq_matmul *product) { matmul_blocks(product, sizeof(int16_t)); }

VQ_INSTRUCTIONS_END

#endif
