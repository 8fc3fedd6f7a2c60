#include "samples.h"

#if defined(__x86_64__)

#define VQ_REAL_INTRINSICS
#include <immintrin.h>

#define SAMPLE_TARGET(NAMES) __attribute__((target(NAMES)))
#include "functions.h"

// Every processor with AVX-512 VNNI has the operations of AVX-VNNI, encoded with AVX-512.
#define _mm256_dpbusd_avx_epi32 _mm256_dpbusd_epi32
#define _mm256_dpwssd_avx_epi32 _mm256_dpwssd_epi32
SAMPLE_TARGET("avx512f,avx512vl,avx512vnni")
static void run_avxvnni_encoded_with_avx512(const vq_operands *operands, sample_result *out) {
#include "avxvnni.h"
}

_Bool vq_run_real_samples(int list, const vq_operands *operands, sample_result *out) {
  const uint32_t isas = vq_detect_isas();
  if (list == avx2_samples && isas & vq_isa_avx2) {
    run_avx2(operands, out);
  } else if (list == avxvnni_samples && isas & vq_isa_avxvnni) {
    run_avxvnni(operands, out);
  } else if (list == avxvnni_samples && isas & vq_isa_avx512vnni) {
    run_avxvnni_encoded_with_avx512(operands, out);
  } else if (list == avx512vnni_samples && isas & vq_isa_avx512vnni) {
    run_avx512vnni(operands, out);
  } else {
    return 0;
  }
  return 1;
}

#else

_Bool vq_run_real_samples(int list, const vq_operands *operands, sample_result *out) {
  (void)list;
  (void)operands;
  (void)out;
  return 0;
}

#endif
