#include <immintrin.h>

void vq_emulated_dpbusd256(int32_t *sums, const uint8_t *a, const int8_t *b) {
  const __m256i start = _mm256_loadu_si256(sums);
  _mm256_storeu_si256(sums, _mm256_dpbusd_avx_epi32(start, _mm256_loadu_si256(a), _mm256_loadu_si256(b)));
}

void vq_emulated_dpbusd512(int32_t *sums, const uint8_t *a, const int8_t *b) {
  const __m512i start = _mm512_loadu_si512(sums);
  _mm512_storeu_si512(sums, _mm512_dpbusd_epi32(start, _mm512_loadu_si512(a), _mm512_loadu_si512(b)));
}

void vq_emulated_dpwssd256(int32_t *sums, const int16_t *a, const int16_t *b) {
  const __m256i start = _mm256_loadu_si256(sums);
  _mm256_storeu_si256(sums, _mm256_dpwssd_avx_epi32(start, _mm256_loadu_si256(a), _mm256_loadu_si256(b)));
}

void vq_emulated_dpwssd512(int32_t *sums, const int16_t *a, const int16_t *b) {
  const __m512i start = _mm512_loadu_si512(sums);
  _mm512_storeu_si512(sums, _mm512_dpwssd_epi32(start, _mm512_loadu_si512(a), _mm512_loadu_si512(b)));
}
