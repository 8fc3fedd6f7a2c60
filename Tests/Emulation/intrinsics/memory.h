// From memory and numbers to registers, and back. A load or store touches its bytes and no others; a masked one only
// the elements of its mask.
#ifndef VQ_EMULATED_MEMORY_H
#define VQ_EMULATED_MEMORY_H

#include <stdint.h>
#include <string.h>

#include "CEmulation.h"
#include "vectors.h"

#define VQ_LOAD(VECTOR, NAME)                  \
  VQ_INTRINSIC VECTOR NAME(const void *from) { \
    VECTOR out;                                \
    memcpy(&out, from, sizeof out);            \
    return out;                                \
  }
#define VQ_STORE(VECTOR, NAME) \
  VQ_INTRINSIC void NAME(void *to, VECTOR a) { memcpy(to, &a, sizeof a); }
VQ_LOAD(__m128i, _mm_loadu_si128)
VQ_LOAD(__m256i, _mm256_loadu_si256)
VQ_LOAD(__m512i, _mm512_loadu_si512)
VQ_STORE(__m128i, _mm_storeu_si128)
VQ_STORE(__m256i, _mm256_storeu_si256)
VQ_STORE(__m512i, _mm512_storeu_si512)
#undef VQ_LOAD
#undef VQ_STORE

VQ_INTRINSIC void vq_check_alignment(const void *address, uintptr_t bytes) {
  if ((uintptr_t)address % bytes != 0) vq_emulation_fault("an aligned load or store of a misaligned address");
}

VQ_INTRINSIC __m256i _mm256_load_si256(const void *from) {
  vq_check_alignment(from, 32);
  return _mm256_loadu_si256(from);
}
VQ_INTRINSIC void _mm256_store_si256(void *to, __m256i a) {
  vq_check_alignment(to, 32);
  _mm256_storeu_si256(to, a);
}
VQ_INTRINSIC void _mm512_store_si512(void *to, __m512i a) {
  vq_check_alignment(to, 64);
  _mm512_storeu_si512(to, a);
}

// Masked-out elements are zero.
#define VQ_LOAD_ZEROED(VECTOR, NAME, MASK, LANE)                                    \
  VQ_INTRINSIC VECTOR NAME(MASK mask, const void *from) {                           \
    VECTOR out;                                                                     \
    memset(&out, 0, sizeof out);                                                    \
    for (unsigned i = 0; i < VQ_LANES(out.LANE); ++i) {                             \
      const size_t size = sizeof out.LANE[0];                                       \
      if (mask >> i & 1) memcpy(&out.LANE[i], (const char *)from + i * size, size); \
    }                                                                               \
    return out;                                                                     \
  }
#define VQ_STORE_MASKED(VECTOR, NAME, MASK, LANE)                         \
  VQ_INTRINSIC void NAME(void *to, MASK mask, VECTOR a) {                 \
    for (unsigned i = 0; i < VQ_LANES(a.LANE); ++i) {                     \
      const size_t size = sizeof a.LANE[0];                               \
      if (mask >> i & 1) memcpy((char *)to + i * size, &a.LANE[i], size); \
    }                                                                     \
  }
VQ_LOAD_ZEROED(__m256i, _mm256_maskz_loadu_epi16, __mmask16, i16)
VQ_LOAD_ZEROED(__m512i, _mm512_maskz_loadu_epi8, __mmask64, i8)
VQ_LOAD_ZEROED(__m512i, _mm512_maskz_loadu_epi16, __mmask32, i16)
VQ_LOAD_ZEROED(__m512i, _mm512_maskz_loadu_epi32, __mmask16, i32)
VQ_STORE_MASKED(__m256i, _mm256_mask_storeu_epi8, __mmask32, i8)
VQ_STORE_MASKED(__m256i, _mm256_mask_storeu_epi16, __mmask16, i16)
VQ_STORE_MASKED(__m512i, _mm512_mask_storeu_epi16, __mmask32, i16)
VQ_STORE_MASKED(__m512i, _mm512_mask_storeu_epi32, __mmask16, i32)
#undef VQ_LOAD_ZEROED
#undef VQ_STORE_MASKED

VQ_INTRINSIC __m512i _mm512_mask_loadu_epi32(__m512i source, __mmask16 mask, const void *from) {
  const __m512i loaded = _mm512_maskz_loadu_epi32(mask, from);
  for (unsigned i = 0; i < 16; ++i) {
    if (mask >> i & 1) source.i32[i] = loaded.i32[i];
  }
  return source;
}

#define VQ_ZERO(VECTOR, NAME)      \
  VQ_INTRINSIC VECTOR NAME(void) { \
    VECTOR out;                    \
    memset(&out, 0, sizeof out);   \
    return out;                    \
  }
#define VQ_SET1(VECTOR, NAME, LANE, NUMBER)                            \
  VQ_INTRINSIC VECTOR NAME(NUMBER x) {                                 \
    VECTOR out;                                                        \
    for (unsigned i = 0; i < VQ_LANES(out.LANE); ++i) out.LANE[i] = x; \
    return out;                                                        \
  }
VQ_ZERO(__m128i, _mm_setzero_si128)
VQ_ZERO(__m256i, _mm256_setzero_si256)
VQ_ZERO(__m512i, _mm512_setzero_si512)
VQ_SET1(__m128i, _mm_set1_epi16, i16, short)
VQ_SET1(__m256i, _mm256_set1_epi8, i8, char)
VQ_SET1(__m256i, _mm256_set1_epi16, i16, short)
VQ_SET1(__m256i, _mm256_set1_epi32, i32, int)
VQ_SET1(__m256i, _mm256_set1_epi64x, i64, long long)
VQ_SET1(__m512i, _mm512_set1_epi16, i16, short)
VQ_SET1(__m512i, _mm512_set1_epi32, i32, int)
VQ_SET1(__m512i, _mm512_set1_epi64, i64, long long)
#undef VQ_ZERO
#undef VQ_SET1

// As many numbers as there are elements, or this does not compile.
#define VQ_SETR(VECTOR, LANE, NUMBER, ...)                                                \
  __extension__({                                                                         \
    const NUMBER numbers[] = {__VA_ARGS__};                                               \
    VECTOR out;                                                                           \
    _Static_assert(VQ_LANES(numbers) == VQ_LANES(out.LANE), "a number for each element"); \
    for (unsigned i = 0; i < VQ_LANES(numbers); ++i) out.LANE[i] = numbers[i];            \
    out;                                                                                  \
  })
#define _mm_setr_epi8(...) VQ_SETR(__m128i, i8, signed char, __VA_ARGS__)
#define _mm512_setr_epi32(...) VQ_SETR(__m512i, i32, int, __VA_ARGS__)
#define _mm512_setr_epi64(...) VQ_SETR(__m512i, i64, long long, __VA_ARGS__)

VQ_INTRINSIC __m128i _mm_cvtsi32_si128(int x) {
  __m128i out = _mm_setzero_si128();
  out.i32[0] = x;
  return out;
}
VQ_INTRINSIC int _mm_cvtsi128_si32(__m128i a) { return a.i32[0]; }
VQ_INTRINSIC long long _mm_cvtsi128_si64(__m128i a) { return a.i64[0]; }

// A hint that changes nothing, whatever the address is.
enum { _MM_HINT_T1 = 2, _MM_HINT_T0 = 3 };
VQ_INTRINSIC void _mm_prefetch(const void *address, int hint) {
  (void)address;
  (void)hint;
}

#endif
