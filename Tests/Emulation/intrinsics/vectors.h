// Vector registers as arrays of elements; element 0 is the lowest. Little-endian, as x86-64 is.
#ifndef VQ_EMULATED_VECTORS_H
#define VQ_EMULATED_VECTORS_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the emulation needs a little-endian processor"
#endif

#define VQ_VECTOR(NAME, BYTES) \
  typedef union NAME {         \
    int8_t i8[BYTES];          \
    uint8_t u8[BYTES];         \
    int16_t i16[BYTES / 2];    \
    uint16_t u16[BYTES / 2];   \
    int32_t i32[BYTES / 4];    \
    uint32_t u32[BYTES / 4];   \
    int64_t i64[BYTES / 8];    \
    uint64_t u64[BYTES / 8];   \
  } NAME;
VQ_VECTOR(__m128i, 16)
VQ_VECTOR(__m256i, 32)
VQ_VECTOR(__m512i, 64)
#undef VQ_VECTOR

typedef uint16_t __mmask16;
typedef uint32_t __mmask32;
typedef uint64_t __mmask64;

#define VQ_LANES(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))
#define VQ_INTRINSIC static inline __attribute__((unused))

#endif
