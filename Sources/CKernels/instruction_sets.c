#include "CKernels.h"

#include <stdatomic.h>

// All instruction sets, those of one architecture in the order of their speed. A row's kernels are the table
// `vq_kernels_NAME` of its own C file; NULL instead of a peak loop where there is none. The tile kernels use AVX-512
// for all but the product.
#define X86_64_ROWS(ROW)                                      \
  ROW(avx2, vq_isa_avx2, vq_peak_avx2)                        \
  ROW(avxvnni, vq_isa_avx2 | vq_isa_avxvnni, vq_peak_avxvnni) \
  ROW(avx512vnni, vq_isa_avx512vnni, vq_peak_avx512vnni)      \
  ROW(amx, vq_isa_avx512vnni | vq_isa_amx, vq_peak_amx)
#define ARM64_ROWS(ROW)              \
  ROW(neon, vq_isa_neon, NULL)       \
  ROW(dotprod, vq_isa_dotprod, NULL) \
  ROW(i8mm, vq_isa_i8mm, NULL)

// Rows without a peak loop get a declaration of one too; nothing calls it.
#define DECLARE(NAME, NEEDS, PEAK)           \
  extern const vq_kernels vq_kernels_##NAME; \
  int64_t vq_peak_##NAME(int64_t rounds);
#define OF_THIS_ARCHITECTURE(NAME, NEEDS, PEAK) {#NAME, NEEDS, &vq_kernels_##NAME, PEAK},
#define OF_ANOTHER_ARCHITECTURE(NAME, NEEDS, PEAK) {#NAME, NEEDS, NULL, NULL},

#if defined(__x86_64__)
X86_64_ROWS(DECLARE)
#define X86_64 OF_THIS_ARCHITECTURE
#else
#define X86_64 OF_ANOTHER_ARCHITECTURE
#endif

#if defined(__aarch64__)
ARM64_ROWS(DECLARE)
#define ARM64 OF_THIS_ARCHITECTURE
#else
#define ARM64 OF_ANOTHER_ARCHITECTURE
#endif

static const vq_instruction_set rows[] = {{"portable", 0, NULL, NULL}, X86_64_ROWS(X86_64) ARM64_ROWS(ARM64)};

enum { row_count = sizeof rows / sizeof rows[0] };

const vq_instruction_set *vq_find_instruction_set(int32_t index) {
  return index >= 0 && index < row_count ? &rows[index] : NULL;
}

static _Atomic int32_t verdicts[row_count];

int32_t vq_known_verdict(int32_t index) {
  return index >= 0 && index < row_count ? atomic_load_explicit(&verdicts[index], memory_order_relaxed) : 0;
}

void vq_remember_verdict(int32_t index, int32_t verdict) {
  if (index >= 0 && index < row_count) atomic_store_explicit(&verdicts[index], verdict, memory_order_relaxed);
}
