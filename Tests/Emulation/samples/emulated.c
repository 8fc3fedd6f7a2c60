#include <immintrin.h>

#define SAMPLE_TARGET(NAMES)
#include "functions.h"

void vq_run_emulated_samples(int list, const vq_operands *operands, sample_result *out) {
  switch (list) {
    case avx2_samples: return run_avx2(operands, out);
    case avxvnni_samples: return run_avxvnni(operands, out);
    case avx512vnni_samples: return run_avx512vnni(operands, out);
  }
}
