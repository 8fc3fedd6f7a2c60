// Arithmetic on elements of one position. Sums and products wrap, as unsigned numbers do in C.
#ifndef VQ_EMULATED_ELEMENTS_H
#define VQ_EMULATED_ELEMENTS_H

#include <stdint.h>

#include "vectors.h"

// Shifts of the low `bits` of a number. Larger counts leave nothing, or the sign.
VQ_INTRINSIC uint64_t vq_shift_left(uint64_t x, uint64_t count, unsigned bits) {
  return count < bits ? x << count : 0;
}
VQ_INTRINSIC uint64_t vq_shift_right(uint64_t x, uint64_t count, unsigned bits) {
  return count < bits ? x >> count : 0;
}
VQ_INTRINSIC int64_t vq_shift_signed(int64_t x, uint64_t count, unsigned bits) {
  return x >> (count < bits ? count : bits - 1);
}

// The upper half of twice the product, rounded; only -32768 * -32768 wraps.
VQ_INTRINSIC int16_t vq_product_q15(int16_t x, int16_t y) { return (int16_t)((((int32_t)x * y >> 14) + 1) >> 1); }

// Two products of int16; only the sum of two (-32768)^2 wraps.
VQ_INTRINSIC uint32_t vq_sum_of_two(uint32_t x, uint32_t y) {
  const int32_t low = (int16_t)x * (int16_t)y, high = (int16_t)(x >> 16) * (int16_t)(y >> 16);
  return (uint32_t)low + (uint32_t)high;
}

// Two products of x's bytes, unsigned, and y's bytes, signed; the sum is saturated to int16.
VQ_INTRINSIC int16_t vq_saturated_sum_of_two(uint16_t x, uint16_t y) {
  const int32_t low = (uint8_t)x * (int8_t)y, high = (uint8_t)(x >> 8) * (int8_t)(y >> 8), sum = low + high;
  return (int16_t)(sum < -32768 ? -32768 : sum > 32767 ? 32767 : sum);
}

// A sum and the four products of x's bytes, unsigned, and y's bytes, signed; without saturation.
VQ_INTRINSIC uint32_t vq_sum_of_four(uint32_t sum, uint32_t x, uint32_t y) {
  for (int byte = 0; byte < 4; ++byte) {
    sum += (uint32_t)((int32_t)(uint8_t)(x >> 8 * byte) * (int8_t)(y >> 8 * byte));
  }
  return sum;
}

// Each element of the result from `x`, the element of `a`, and `y`, that of `b`.
#define VQ_BINARY(VECTOR, NAME, LANE, RESULT)                   \
  VQ_INTRINSIC VECTOR NAME(VECTOR a, VECTOR b) {                \
    VECTOR out;                                                 \
    for (unsigned i = 0; i < VQ_LANES(out.LANE); ++i) {         \
      const __typeof__(a.LANE[0]) x = a.LANE[i], y = b.LANE[i]; \
      out.LANE[i] = (__typeof__(a.LANE[0]))(RESULT);            \
    }                                                           \
    return out;                                                 \
  }
// The same where the mask has a 1; elsewhere the element of `source`.
#define VQ_BINARY_MASKED(VECTOR, NAME, MASK, LANE, RESULT)                 \
  VQ_INTRINSIC VECTOR NAME(VECTOR source, MASK mask, VECTOR a, VECTOR b) { \
    for (unsigned i = 0; i < VQ_LANES(a.LANE); ++i) {                      \
      const __typeof__(a.LANE[0]) x = a.LANE[i], y = b.LANE[i];            \
      if (mask >> i & 1) source.LANE[i] = (__typeof__(a.LANE[0]))(RESULT); \
    }                                                                      \
    return source;                                                         \
  }

#define VQ_WIDTH(PREFIX, VECTOR, NAME, LANE, RESULT) VQ_BINARY(VECTOR, PREFIX##_##NAME, LANE, RESULT)
#define VQ_128(NAME, LANE, RESULT) VQ_WIDTH(_mm, __m128i, NAME, LANE, RESULT)
#define VQ_256(NAME, LANE, RESULT) VQ_WIDTH(_mm256, __m256i, NAME, LANE, RESULT)
#define VQ_512(NAME, LANE, RESULT) VQ_WIDTH(_mm512, __m512i, NAME, LANE, RESULT)

VQ_128(add_epi32, u32, x + y)
VQ_128(add_epi64, u64, x + y)
VQ_256(add_epi16, u16, x + y)
VQ_256(add_epi32, u32, x + y)
VQ_256(add_epi64, u64, x + y)
VQ_512(add_epi16, u16, x + y)
VQ_512(add_epi32, u32, x + y)
VQ_512(add_epi64, u64, x + y)
VQ_256(sub_epi16, u16, x - y)
VQ_256(sub_epi32, u32, x - y)
VQ_512(sub_epi16, u16, x - y)
VQ_512(sub_epi32, u32, x - y)
VQ_512(avg_epu16, u16, (x + y + 1) >> 1)

VQ_256(and_si256, u64, x & y)
VQ_512(and_si512, u64, x & y)
VQ_256(or_si256, u64, x | y)
VQ_512(or_si512, u64, x | y)
VQ_128(xor_si128, u64, x ^ y)
VQ_256(xor_si256, u64, x ^ y)
VQ_512(xor_si512, u64, x ^ y)
VQ_256(cmpeq_epi16, i16, x == y ? -1 : 0)
VQ_256(cmpgt_epi16, i16, x > y ? -1 : 0)

VQ_128(max_epi16, i16, x > y ? x : y)
VQ_128(max_epi32, i32, x > y ? x : y)
VQ_256(max_epi16, i16, x > y ? x : y)
VQ_256(max_epi32, i32, x > y ? x : y)
VQ_512(max_epi16, i16, x > y ? x : y)
VQ_512(max_epi32, i32, x > y ? x : y)
VQ_128(min_epi16, i16, x < y ? x : y)
VQ_128(min_epi32, i32, x < y ? x : y)
VQ_256(min_epi16, i16, x < y ? x : y)
VQ_256(min_epi32, i32, x < y ? x : y)
VQ_256(min_epu32, u32, x < y ? x : y)
VQ_512(min_epu32, u32, x < y ? x : y)
VQ_512(min_epi16, i16, x < y ? x : y)
VQ_512(min_epi32, i32, x < y ? x : y)
VQ_256(min_epu16, u16, x < y ? x : y)
VQ_512(min_epu16, u16, x < y ? x : y)
VQ_512(max_epu16, u16, x > y ? x : y)
VQ_BINARY_MASKED(__m512i, _mm512_mask_max_epi16, __mmask32, i16, x > y ? x : y)
VQ_BINARY_MASKED(__m512i, _mm512_mask_max_epi32, __mmask16, i32, x > y ? x : y)
VQ_BINARY_MASKED(__m512i, _mm512_mask_min_epi16, __mmask32, i16, x < y ? x : y)
VQ_BINARY_MASKED(__m512i, _mm512_mask_min_epi32, __mmask16, i32, x < y ? x : y)

VQ_256(mulhrs_epi16, i16, vq_product_q15(x, y))
VQ_512(mulhrs_epi16, i16, vq_product_q15(x, y))
VQ_256(mullo_epi32, u32, x * y)
VQ_512(mullo_epi32, u32, x * y)
VQ_256(madd_epi16, u32, vq_sum_of_two(x, y))
VQ_512(madd_epi16, u32, vq_sum_of_two(x, y))
VQ_256(maddubs_epi16, u16, vq_saturated_sum_of_two(x, y))
// The lower halves of 64-bit elements.
VQ_256(mul_epi32, i64, (int64_t)(int32_t)x * (int32_t)y)
VQ_512(mul_epi32, i64, (int64_t)(int32_t)x * (int32_t)y)

// Each element has a count of its own.
VQ_512(sllv_epi16, u16, vq_shift_left(x, y, 16))
VQ_512(sllv_epi32, u32, vq_shift_left(x, y, 32))
VQ_512(sllv_epi64, u64, vq_shift_left(x, y, 64))
VQ_512(srlv_epi16, u16, vq_shift_right(x, y, 16))
VQ_512(srav_epi16, i16, vq_shift_signed(x, (uint16_t)y, 16))
VQ_512(srav_epi32, i32, vq_shift_signed(x, (uint32_t)y, 32))
VQ_512(srav_epi64, i64, vq_shift_signed(x, (uint64_t)y, 64))

#undef VQ_128
#undef VQ_256
#undef VQ_512
#undef VQ_WIDTH
#undef VQ_BINARY
#undef VQ_BINARY_MASKED

// A bit for each pair of equal elements.
VQ_INTRINSIC __mmask16 _mm512_cmpeq_epi32_mask(__m512i a, __m512i b) {
  unsigned out = 0;
  for (unsigned i = 0; i < 16; ++i) out |= (unsigned)(a.i32[i] == b.i32[i]) << i;
  return (__mmask16)out;
}

#define VQ_SUM_OF_FOUR(VECTOR, NAME)                                                                            \
  VQ_INTRINSIC VECTOR NAME(VECTOR sum, VECTOR a, VECTOR b) {                                                    \
    for (unsigned i = 0; i < VQ_LANES(a.u32); ++i) sum.u32[i] = vq_sum_of_four(sum.u32[i], a.u32[i], b.u32[i]); \
    return sum;                                                                                                 \
  }
VQ_SUM_OF_FOUR(__m256i, _mm256_dpbusd_avx_epi32)
VQ_SUM_OF_FOUR(__m512i, _mm512_dpbusd_epi32)
#undef VQ_SUM_OF_FOUR

// A sum and the two products of int16; without saturation.
#define VQ_ADD_SUM_OF_TWO(VECTOR, NAME)                                                             \
  VQ_INTRINSIC VECTOR NAME(VECTOR sum, VECTOR a, VECTOR b) {                                        \
    for (unsigned i = 0; i < VQ_LANES(a.u32); ++i) sum.u32[i] += vq_sum_of_two(a.u32[i], b.u32[i]); \
    return sum;                                                                                     \
  }
VQ_ADD_SUM_OF_TWO(__m256i, _mm256_dpwssd_avx_epi32)
VQ_ADD_SUM_OF_TWO(__m512i, _mm512_dpwssd_epi32)
#undef VQ_ADD_SUM_OF_TWO

// The magnitude of -32768 wraps to -32768.
#define VQ_ABSOLUTE(VECTOR, NAME)                                                                             \
  VQ_INTRINSIC VECTOR NAME(VECTOR a) {                                                                        \
    for (unsigned i = 0; i < VQ_LANES(a.i16); ++i) a.i16[i] = (int16_t)(a.i16[i] < 0 ? -a.i16[i] : a.i16[i]); \
    return a;                                                                                                 \
  }
VQ_ABSOLUTE(__m256i, _mm256_abs_epi16)
VQ_ABSOLUTE(__m512i, _mm512_abs_epi16)
#undef VQ_ABSOLUTE

// One count for all elements: a number in the instruction, or the low 64 bits of a register.
#define VQ_SHIFT(VECTOR, NAME, LANE, SHIFT)                                             \
  VQ_INTRINSIC VECTOR NAME(VECTOR a, unsigned count) {                                  \
    for (unsigned i = 0; i < VQ_LANES(a.LANE); ++i) {                                   \
      a.LANE[i] = (__typeof__(a.LANE[0]))SHIFT(a.LANE[i], count, 8 * sizeof a.LANE[0]); \
    }                                                                                   \
    return a;                                                                           \
  }
#define VQ_SHIFT_BY(VECTOR, NAME, LANE, SHIFT)                                                 \
  VQ_INTRINSIC VECTOR NAME(VECTOR a, __m128i count) {                                          \
    for (unsigned i = 0; i < VQ_LANES(a.LANE); ++i) {                                          \
      a.LANE[i] = (__typeof__(a.LANE[0]))SHIFT(a.LANE[i], count.u64[0], 8 * sizeof a.LANE[0]); \
    }                                                                                          \
    return a;                                                                                  \
  }
VQ_SHIFT(__m256i, _mm256_slli_epi16, u16, vq_shift_left)
VQ_SHIFT(__m256i, _mm256_slli_epi32, u32, vq_shift_left)
VQ_SHIFT(__m256i, _mm256_slli_epi64, u64, vq_shift_left)
VQ_SHIFT(__m512i, _mm512_slli_epi16, u16, vq_shift_left)
VQ_SHIFT(__m512i, _mm512_slli_epi32, u32, vq_shift_left)
VQ_SHIFT(__m256i, _mm256_srli_epi16, u16, vq_shift_right)
VQ_SHIFT(__m256i, _mm256_srli_epi64, u64, vq_shift_right)
VQ_SHIFT(__m512i, _mm512_srli_epi16, u16, vq_shift_right)
VQ_SHIFT(__m512i, _mm512_srli_epi32, u32, vq_shift_right)
VQ_SHIFT(__m256i, _mm256_srai_epi16, i16, vq_shift_signed)
VQ_SHIFT(__m256i, _mm256_srai_epi32, i32, vq_shift_signed)
VQ_SHIFT(__m512i, _mm512_srai_epi16, i16, vq_shift_signed)
VQ_SHIFT(__m512i, _mm512_srai_epi32, i32, vq_shift_signed)
VQ_SHIFT(__m512i, _mm512_srai_epi64, i64, vq_shift_signed)
VQ_SHIFT_BY(__m256i, _mm256_sll_epi16, u16, vq_shift_left)
VQ_SHIFT_BY(__m256i, _mm256_srl_epi16, u16, vq_shift_right)
VQ_SHIFT_BY(__m256i, _mm256_srl_epi64, u64, vq_shift_right)
VQ_SHIFT_BY(__m256i, _mm256_sra_epi16, i16, vq_shift_signed)
VQ_SHIFT_BY(__m256i, _mm256_sra_epi32, i32, vq_shift_signed)
#undef VQ_SHIFT
#undef VQ_SHIFT_BY

// All elements of a register as one number.
#define VQ_REDUCE(NAME, LANE, NUMBER, RESULT)         \
  VQ_INTRINSIC NUMBER NAME(__m512i a) {               \
    __typeof__(a.LANE[0]) x = a.LANE[0];              \
    for (unsigned i = 1; i < VQ_LANES(a.LANE); ++i) { \
      const __typeof__(a.LANE[0]) y = a.LANE[i];      \
      x = (RESULT);                                   \
    }                                                 \
    return (NUMBER)x;                                 \
  }
VQ_REDUCE(_mm512_reduce_add_epi32, u32, int, x + y)
VQ_REDUCE(_mm512_reduce_add_epi64, u64, long long, x + y)
VQ_REDUCE(_mm512_reduce_max_epi32, i32, int, x > y ? x : y)
VQ_REDUCE(_mm512_reduce_min_epi32, i32, int, x < y ? x : y)
#undef VQ_REDUCE

#endif
