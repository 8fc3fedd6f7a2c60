#include <string.h>

#include "samples.h"

#define VECTOR128(CALL) #CALL,
#define VECTOR256(CALL) #CALL,
#define VECTOR512(CALL) #CALL,
#define SCALAR(CALL) #CALL,
#define MEMORY(CALL) #CALL,
static const char *const avx2_calls[] = {
#include "avx2.h"
};
static const char *const avxvnni_calls[] = {
#include "avxvnni.h"
};
static const char *const avx512vnni_calls[] = {
#include "avx512vnni.h"
};

#define CALLS(LIST) {LIST, sizeof LIST / sizeof LIST[0]}
_Static_assert(sizeof avx2_calls / sizeof avx2_calls[0] <= most_samples, "raise most_samples");
_Static_assert(sizeof avx512vnni_calls / sizeof avx512vnni_calls[0] <= most_samples, "raise most_samples");
static const struct {
  const char *const *calls;
  int count;
} lists[sample_lists] = {CALLS(avx2_calls), CALLS(avxvnni_calls), CALLS(avx512vnni_calls)};

const char *vq_differing_intrinsic(const vq_operands *operands, int32_t *compared) {
  *compared = 0;
  for (int list = 0; list < sample_lists; ++list) {
    sample_result emulated[most_samples], real[most_samples];
    memset(emulated, 0x5A, sizeof emulated);
    memset(real, 0x5A, sizeof real);
    if (!vq_run_real_samples(list, operands, real)) continue;
    vq_run_emulated_samples(list, operands, emulated);
    for (int i = 0; i < lists[list].count; ++i) {
      if (memcmp(emulated[i].bytes, real[i].bytes, sizeof real[i].bytes) != 0) return lists[list].calls[i];
    }
    *compared += lists[list].count;
  }
  return NULL;
}
