// One function for each list of samples. Include the immintrin.h that is meant first, and define
// SAMPLE_TARGET(NAMES), which goes before a function.
#include <string.h>

#include "samples.h"

#define A128 _mm_loadu_si128((const __m128i *)operands->a)
#define B128 _mm_loadu_si128((const __m128i *)operands->b)
#define A256 _mm256_loadu_si256((const __m256i *)operands->a)
#define B256 _mm256_loadu_si256((const __m256i *)operands->b)
#define C256 _mm256_loadu_si256((const __m256i *)operands->c)
#define A512 _mm512_loadu_si512(operands->a)
#define B512 _mm512_loadu_si512(operands->b)
#define C512 _mm512_loadu_si512(operands->c)
#define COUNT _mm_cvtsi32_si128(operands->count)
#define MASK16 ((__mmask16)operands->mask)
#define MASK32 ((__mmask32)operands->mask)
#define MASK64 ((__mmask64)operands->mask)

#define VECTOR128(CALL) _mm_storeu_si128((__m128i *)(out++)->bytes, CALL);
#define VECTOR256(CALL) _mm256_storeu_si256((__m256i *)(out++)->bytes, CALL);
#define VECTOR512(CALL) _mm512_storeu_si512((out++)->bytes, CALL);
#define SCALAR(CALL)                                \
  {                                                 \
    const int64_t number = CALL;                    \
    memcpy((out++)->bytes, &number, sizeof number); \
  }
// A call that writes to `to`.
#define MEMORY(CALL)                    \
  {                                     \
    uint8_t *const to = (out++)->bytes; \
    CALL;                               \
  }

SAMPLE_TARGET("avx2") static void run_avx2(const vq_operands *operands, sample_result *out) {
  _Alignas(32) uint8_t aligned[32];
  memcpy(aligned, operands->a, sizeof aligned);
#include "avx2.h"
}

SAMPLE_TARGET("avx2,avxvnni") static void run_avxvnni(const vq_operands *operands, sample_result *out) {
#include "avxvnni.h"
}

SAMPLE_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
static void run_avx512vnni(const vq_operands *operands, sample_result *out) {
#include "avx512vnni.h"
}
