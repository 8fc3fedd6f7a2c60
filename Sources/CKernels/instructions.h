// Which instructions the functions between VQ_INSTRUCTIONS and VQ_INSTRUCTIONS_END may use, by the compiler's names,
// separated by commas. Tests/Emulation compiles the x86-64 kernels with VQ_EMULATED and an immintrin.h in plain C, to
// run them on any processor; the compiler then must use no such instruction, so all macros are empty.
#ifndef VQ_INSTRUCTIONS_H
#define VQ_INSTRUCTIONS_H

#include <immintrin.h>

#if defined(VQ_EMULATED)
#define VQ_INSTRUCTIONS(NAMES)
#define VQ_INSTRUCTIONS_END
#define VQ_IN_ORDER(X)
#define VQ_DPWSSD256(SUMS, X, Y) ((SUMS) = _mm256_dpwssd_avx_epi32(SUMS, X, Y))
#define VQ_DPWSSD512(SUMS, X, Y) ((SUMS) = _mm512_dpwssd_epi32(SUMS, X, Y))
#else
#define VQ_PRAGMA(TEXT) _Pragma(#TEXT)
#define VQ_INSTRUCTIONS(NAMES) VQ_PRAGMA(clang attribute push(__attribute__((target(NAMES))), apply_to = function))
#define VQ_INSTRUCTIONS_END VQ_PRAGMA(clang attribute pop)
// Keeps the compiler from moving what computes the vector X past this place. Without it, it moves the loads of all rows
// of a block to the front, where they displace the sums from the registers.
#define VQ_IN_ORDER(X) __asm__ volatile("" : "+x"(X))
// Adds the products of two pairs of int16 to each int32 of SUMS. Clang takes the intrinsics for this apart, into
// `vpmaddwd` and `vpaddd`, unless it compiles for Zen 4: half of the speed. So the instruction itself is here.
#define VQ_DPWSSD256(SUMS, X, Y) __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(SUMS) : "x"(X), "x"(Y))
#define VQ_DPWSSD512(SUMS, X, Y) __asm__("vpdpwssd %2, %1, %0" : "+v"(SUMS) : "v"(X), "v"(Y))
#endif

#endif
