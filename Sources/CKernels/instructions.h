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
#else
#define VQ_PRAGMA(TEXT) _Pragma(#TEXT)
#define VQ_INSTRUCTIONS(NAMES) VQ_PRAGMA(clang attribute push(__attribute__((target(NAMES))), apply_to = function))
#define VQ_INSTRUCTIONS_END VQ_PRAGMA(clang attribute pop)
// Keeps the compiler from moving what computes the vector X past this place. Without it, it moves the loads of all rows
// of a block to the front, where they displace the sums from the registers.
#define VQ_IN_ORDER(X) __asm__ volatile("" : "+x"(X))
#endif

#endif
