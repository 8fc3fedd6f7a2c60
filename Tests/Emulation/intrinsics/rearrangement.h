// Elements that move: shuffles, packing, conversion between widths, parts of registers. Most of AVX2's and AVX-512's
// instructions of this kind work on each 128-bit quarter or half ("block" below) apart.
#ifndef VQ_EMULATED_REARRANGEMENT_H
#define VQ_EMULATED_REARRANGEMENT_H

#include <stdint.h>
#include <string.h>

#include "vectors.h"

#define _MM_SHUFFLE(D, C, B, A) ((D) << 6 | (C) << 4 | (B) << 2 | (A))
typedef enum { _MM_PERM_CCAA = 0xA0, _MM_PERM_DDBB = 0xF5 } _MM_PERM_ENUM;

VQ_INTRINSIC int8_t vq_saturate_i8(int32_t x) { return (int8_t)(x < -128 ? -128 : x > 127 ? 127 : x); }
VQ_INTRINSIC uint8_t vq_saturate_u8(int32_t x) { return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x); }
VQ_INTRINSIC int16_t vq_saturate_i16(int32_t x) { return (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x); }

// Two bits of `order` for each element of a block.
#define VQ_SHUFFLE32(VECTOR, NAME, ORDER)                                                                              \
  VQ_INTRINSIC VECTOR NAME(VECTOR a, ORDER order) {                                                                    \
    VECTOR out;                                                                                                        \
    for (unsigned i = 0; i < VQ_LANES(a.i32); ++i) out.i32[i] = a.i32[i / 4 * 4 + ((unsigned)order >> i % 4 * 2 & 3)]; \
    return out;                                                                                                        \
  }
VQ_SHUFFLE32(__m128i, _mm_shuffle_epi32, int)
VQ_SHUFFLE32(__m512i, _mm512_shuffle_epi32, _MM_PERM_ENUM)
#undef VQ_SHUFFLE32

VQ_INTRINSIC __m512i _mm512_mask_shuffle_epi32(__m512i source, __mmask16 mask, __m512i a, _MM_PERM_ENUM order) {
  const __m512i shuffled = _mm512_shuffle_epi32(a, order);
  for (unsigned i = 0; i < 16; ++i) {
    if (mask >> i & 1) source.i32[i] = shuffled.i32[i];
  }
  return source;
}

// Bytes of a block by their numbers; a number with bit 7 gives 0.
VQ_INTRINSIC __m256i _mm256_shuffle_epi8(__m256i a, __m256i order) {
  __m256i out;
  for (unsigned i = 0; i < 32; ++i) out.u8[i] = order.u8[i] & 0x80 ? 0 : a.u8[i / 16 * 16 + order.u8[i] % 16];
  return out;
}

VQ_INTRINSIC __m256i _mm256_permute4x64_epi64(__m256i a, int order) {
  __m256i out;
  for (unsigned i = 0; i < 4; ++i) out.i64[i] = a.i64[(unsigned)order >> i * 2 & 3];
  return out;
}
VQ_INTRINSIC __m512i _mm512_permutexvar_epi32(__m512i order, __m512i a) {
  __m512i out;
  for (unsigned i = 0; i < 16; ++i) out.i32[i] = a.i32[order.u32[i] % 16];
  return out;
}
VQ_INTRINSIC __m512i _mm512_permutexvar_epi64(__m512i order, __m512i a) {
  __m512i out;
  for (unsigned i = 0; i < 8; ++i) out.i64[i] = a.i64[order.u64[i] % 8];
  return out;
}

VQ_INTRINSIC __m256i _mm256_blend_epi32(__m256i a, __m256i b, int from_b) {
  for (unsigned i = 0; i < 8; ++i) {
    if ((unsigned)from_b >> i & 1) a.i32[i] = b.i32[i];
  }
  return a;
}
// The byte of `b` where the top bit of `from_b` is set.
VQ_INTRINSIC __m256i _mm256_blendv_epi8(__m256i a, __m256i b, __m256i from_b) {
  for (unsigned i = 0; i < 32; ++i) {
    if (from_b.u8[i] & 0x80) a.u8[i] = b.u8[i];
  }
  return a;
}

#define VQ_MOVE(VECTOR, NAME, MASK, LANE)             \
  VQ_INTRINSIC VECTOR NAME(MASK mask, VECTOR a) {     \
    for (unsigned i = 0; i < VQ_LANES(a.LANE); ++i) { \
      if (!(mask >> i & 1)) a.LANE[i] = 0;            \
    }                                                 \
    return a;                                         \
  }
VQ_MOVE(__m512i, _mm512_maskz_mov_epi16, __mmask32, i16)
VQ_MOVE(__m512i, _mm512_maskz_mov_epi32, __mmask16, i32)
#undef VQ_MOVE

// Elements from `FIRST` of a block on, those of `a` and `b` by turns.
#define VQ_UNPACK(VECTOR, NAME, LANE, FIRST)                           \
  VQ_INTRINSIC VECTOR NAME(VECTOR a, VECTOR b) {                       \
    VECTOR out;                                                        \
    const unsigned count = 16 / sizeof a.LANE[0];                      \
    for (unsigned i = 0; i < VQ_LANES(a.LANE); ++i) {                  \
      const unsigned from = i / count * count + FIRST + i % count / 2; \
      out.LANE[i] = (i % 2 == 0 ? a : b).LANE[from];                   \
    }                                                                  \
    return out;                                                        \
  }
VQ_UNPACK(__m128i, _mm_unpacklo_epi8, i8, 0)
VQ_UNPACK(__m128i, _mm_unpackhi_epi8, i8, 8)
VQ_UNPACK(__m128i, _mm_unpacklo_epi16, i16, 0)
VQ_UNPACK(__m128i, _mm_unpackhi_epi16, i16, 4)
VQ_UNPACK(__m128i, _mm_unpackhi_epi64, i64, 1)
VQ_UNPACK(__m512i, _mm512_unpacklo_epi32, i32, 0)
VQ_UNPACK(__m512i, _mm512_unpackhi_epi32, i32, 2)
VQ_UNPACK(__m512i, _mm512_unpacklo_epi64, i64, 0)
VQ_UNPACK(__m512i, _mm512_unpackhi_epi64, i64, 1)
#undef VQ_UNPACK

// Two blocks of `a`, then two of `b`; two bits of `order` for each.
VQ_INTRINSIC __m512i _mm512_shuffle_i32x4(__m512i a, __m512i b, int order) {
  __m512i out;
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned block = (unsigned)order >> i / 2 * 2 & 3;
    out.i64[i] = (i < 4 ? a : b).i64[2 * block + i % 2];
  }
  return out;
}

// Each block of the result: the block of `a`, then that of `b`, in elements of half the size.
#define VQ_PACK(VECTOR, NAME, FROM, TO, SATURATE)         \
  VQ_INTRINSIC VECTOR NAME(VECTOR a, VECTOR b) {          \
    VECTOR out;                                           \
    const unsigned half = 16 / sizeof a.FROM[0];          \
    for (unsigned i = 0; i < VQ_LANES(a.FROM); ++i) {     \
      const unsigned to = i / half * 2 * half + i % half; \
      out.TO[to] = SATURATE(a.FROM[i]);                   \
      out.TO[to + half] = SATURATE(b.FROM[i]);            \
    }                                                     \
    return out;                                           \
  }
VQ_PACK(__m256i, _mm256_packs_epi32, i32, i16, vq_saturate_i16)
VQ_PACK(__m512i, _mm512_packs_epi32, i32, i16, vq_saturate_i16)
VQ_PACK(__m128i, _mm_packs_epi16, i16, i8, vq_saturate_i8)
VQ_PACK(__m512i, _mm512_packs_epi16, i16, i8, vq_saturate_i8)
VQ_PACK(__m128i, _mm_packus_epi16, i16, u8, vq_saturate_u8)
VQ_PACK(__m256i, _mm256_packus_epi16, i16, u8, vq_saturate_u8)
VQ_PACK(__m512i, _mm512_packus_epi16, i16, u8, vq_saturate_u8)
#undef VQ_PACK

// All elements in order, in another width.
#define VQ_CONVERT(RESULT, NAME, VECTOR, FROM, TO, CONVERSION)                         \
  VQ_INTRINSIC RESULT NAME(VECTOR a) {                                                 \
    RESULT out;                                                                        \
    for (unsigned i = 0; i < VQ_LANES(out.TO); ++i) out.TO[i] = CONVERSION(a.FROM[i]); \
    return out;                                                                        \
  }
VQ_CONVERT(__m256i, _mm256_cvtepi32_epi64, __m128i, i32, i64, (int64_t))
VQ_CONVERT(__m256i, _mm512_cvtepi16_epi8, __m512i, i16, i8, (int8_t))
VQ_CONVERT(__m128i, _mm256_cvtsepi16_epi8, __m256i, i16, i8, vq_saturate_i8)
VQ_CONVERT(__m256i, _mm512_cvtsepi32_epi16, __m512i, i32, i16, vq_saturate_i16)
VQ_CONVERT(__m256i, _mm512_cvtusepi16_epi8, __m512i, u16, u8, vq_saturate_u8)
#undef VQ_CONVERT

#define VQ_PART(RESULT, NAME, VECTOR)                         \
  VQ_INTRINSIC RESULT NAME(VECTOR a, int part) {              \
    RESULT out;                                               \
    memcpy(&out, a.u8 + (part & 1) * sizeof out, sizeof out); \
    return out;                                               \
  }
VQ_PART(__m128i, _mm256_extracti128_si256, __m256i)
VQ_PART(__m256i, _mm512_extracti64x4_epi64, __m512i)
#undef VQ_PART
VQ_INTRINSIC __m128i _mm256_castsi256_si128(__m256i a) { return _mm256_extracti128_si256(a, 0); }
VQ_INTRINSIC __m256i _mm512_castsi512_si256(__m512i a) { return _mm512_extracti64x4_epi64(a, 0); }

VQ_INTRINSIC __m256i _mm256_broadcastsi128_si256(__m128i a) {
  __m256i out;
  memcpy(out.u8, &a, 16);
  memcpy(out.u8 + 16, &a, 16);
  return out;
}

// The top bit of each byte.
VQ_INTRINSIC int _mm256_movemask_epi8(__m256i a) {
  uint32_t out = 0;
  for (unsigned i = 0; i < 32; ++i) out |= (uint32_t)(a.u8[i] >> 7) << i;
  return (int)out;
}

// The smallest element, then the first place that has it, then zeros.
VQ_INTRINSIC __m128i _mm_minpos_epu16(__m128i a) {
  uint16_t place = 0;
  for (uint16_t i = 1; i < 8; ++i) {
    if (a.u16[i] < a.u16[place]) place = i;
  }
  __m128i out;
  memset(&out, 0, sizeof out);
  out.u16[0] = a.u16[place];
  out.u16[1] = place;
  return out;
}

#endif
