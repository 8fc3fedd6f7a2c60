// The intrinsics of the x86-64 kernels in plain C: each does, element by element, what Intel's Software Developer's
// Manual (volume 2) says of its instruction. Only those that the kernels use are here; any other does not compile.
//
// Where an instruction would end the program (a misaligned access, a tile that is not configured), the fault is
// recorded (`vq_emulation_take_fault`).
#if defined(VQ_REAL_INTRINSICS)
#include_next <immintrin.h>
#else

#ifndef VQ_EMULATED_IMMINTRIN_H
#define VQ_EMULATED_IMMINTRIN_H

#pragma clang diagnostic error "-Wimplicit-function-declaration"

#include <stdint.h>
#include <string.h>

#include "CEmulation.h"
#include "memory.h"
#include "elements.h"
#include "rearrangement.h"
#include "tiles.h"

#endif
#endif
