// Calls of intrinsics on `vq_operands`, compiled once with the emulation and once with the compiler's own immintrin.h.
// The lists are in avx2.h, avxvnni.h and avx512vnni.h.
#ifndef VQ_SAMPLES_H
#define VQ_SAMPLES_H

#include "CEmulation.h"

enum { avx2_samples, avxvnni_samples, avx512vnni_samples, sample_lists, most_samples = 256 };

// What one call gives; what it does not write stays as it was.
typedef struct sample_result {
  _Alignas(64) uint8_t bytes[64];
} sample_result;

void vq_run_emulated_samples(int list, const vq_operands *operands, sample_result *out);
// false, and nothing done, where the processor does not have the list's instructions.
_Bool vq_run_real_samples(int list, const vq_operands *operands, sample_result *out);

#endif
