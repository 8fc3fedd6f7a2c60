// Which instructions the functions between VQ_INSTRUCTIONS and VQ_INSTRUCTIONS_END may use, by the compiler's names,
// separated by commas. Tests/Emulation compiles the x86-64 kernels with VQ_EMULATED and an immintrin.h in plain C, to
// run them on any processor; the compiler then must use no such instruction, so both macros are empty.
#ifndef VQ_INSTRUCTIONS_H
#define VQ_INSTRUCTIONS_H

#include <immintrin.h>

#if defined(VQ_EMULATED)
#define VQ_INSTRUCTIONS(NAMES)
#define VQ_INSTRUCTIONS_END
#else
#define VQ_PRAGMA(TEXT) _Pragma(#TEXT)
#define VQ_INSTRUCTIONS(NAMES) VQ_PRAGMA(clang attribute push(__attribute__((target(NAMES))), apply_to = function))
#define VQ_INSTRUCTIONS_END VQ_PRAGMA(clang attribute pop)
#endif

#endif
