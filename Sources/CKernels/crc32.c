// The CRC-32 of zlib, 64 bytes at a time with carry-less products. A remainder stays the same when 128 bits at some
// distance from the end are replaced by their two halves, each multiplied by a power of x modulo the polynomial: Gopal
// et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009. What is left are 16
// bytes, which the portable definition in Sources/Int8Kernels/Arithmetic/CRC32.swift finishes.
#include "CKernels.h"

// Powers of x modulo the polynomial, bits reflected: over four steps of 128 bits, and over one.
#if defined(__x86_64__) || defined(__aarch64__)
static const uint64_t over_four[2] = {0x154442BD4, 0x1C6E41596}, over_one[2] = {0x1751997D0, 0x0CCAA009E};
#endif

#if defined(__x86_64__)

#include <immintrin.h>

__attribute__((target("pclmul,sse2"))) static inline __m128i fold(__m128i x, __m128i powers, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(x, powers, 0x00), high = _mm_clmulepi64_si128(x, powers, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse2"))) static void fold_bytes(const uint8_t *bytes, size_t count, uint32_t state,
                                                              uint8_t *rest) {
  const __m128i four = _mm_loadu_si128((const __m128i *)over_four), one = _mm_loadu_si128((const __m128i *)over_one);
  const __m128i *next = (const __m128i *)bytes;
  __m128i a = _mm_xor_si128(_mm_loadu_si128(next), _mm_cvtsi32_si128((int32_t)state));
  __m128i b = _mm_loadu_si128(next + 1), c = _mm_loadu_si128(next + 2), d = _mm_loadu_si128(next + 3);
  for (size_t left = count / 64; left > 1; --left) {
    next += 4;
    a = fold(a, four, _mm_loadu_si128(next));
    b = fold(b, four, _mm_loadu_si128(next + 1));
    c = fold(c, four, _mm_loadu_si128(next + 2));
    d = fold(d, four, _mm_loadu_si128(next + 3));
  }
  a = fold(fold(fold(a, one, b), one, c), one, d);
  _mm_storeu_si128((__m128i *)rest, a);
}

vq_crc32_fold *vq_find_crc32_fold(void) { return vq_detect_isas() & vq_isa_carryless ? fold_bytes : NULL; }

#elif defined(__aarch64__)

#include <arm_neon.h>

__attribute__((target("aes"))) static inline uint8x16_t fold(uint8x16_t x, const uint64_t *powers, uint8x16_t next) {
  const poly64x2_t halves = vreinterpretq_p64_u8(x);
  const poly128_t low = vmull_p64(vgetq_lane_p64(halves, 0), (poly64_t)powers[0]);
  const poly128_t high = vmull_p64(vgetq_lane_p64(halves, 1), (poly64_t)powers[1]);
  return veorq_u8(veorq_u8(vreinterpretq_u8_p128(low), vreinterpretq_u8_p128(high)), next);
}

__attribute__((target("aes"))) static void fold_bytes(const uint8_t *bytes, size_t count, uint32_t state,
                                                      uint8_t *rest) {
  const uint8x16_t first = vreinterpretq_u8_u32(vsetq_lane_u32(state, vdupq_n_u32(0), 0));
  uint8x16_t a = veorq_u8(vld1q_u8(bytes), first);
  uint8x16_t b = vld1q_u8(bytes + 16), c = vld1q_u8(bytes + 32), d = vld1q_u8(bytes + 48);
  for (size_t left = count / 64; left > 1; --left) {
    bytes += 64;
    a = fold(a, over_four, vld1q_u8(bytes));
    b = fold(b, over_four, vld1q_u8(bytes + 16));
    c = fold(c, over_four, vld1q_u8(bytes + 32));
    d = fold(d, over_four, vld1q_u8(bytes + 48));
  }
  a = fold(fold(fold(a, over_one, b), over_one, c), over_one, d);
  vst1q_u8(rest, a);
}

vq_crc32_fold *vq_find_crc32_fold(void) { return vq_detect_isas() & vq_isa_carryless ? fold_bytes : NULL; }

#else

vq_crc32_fold *vq_find_crc32_fold(void) { return NULL; }

#endif
