// The x86-64 kernels of CKernels compiled a second time, with their intrinsics in plain C, so that each is checked on
// every processor. Tests alone use this.
#ifndef CEMULATION_H
#define CEMULATION_H

#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

#pragma clang assume_nonnull begin

extern const vq_kernels vq_emulated_kernels_avx2;
extern const vq_kernels vq_emulated_kernels_avxvnni;
extern const vq_kernels vq_emulated_kernels_avx512vnni;
extern const vq_kernels vq_emulated_kernels_amx;

// What would have ended the program on a processor with the instructions: the first such fault of this thread since the
// last call, or NULL. Tiles that are still configured are one.
const char *_Nullable vq_emulation_take_fault(void);
void vq_emulation_fault(const char *what);

// The tile unit of AMX, one for each thread. Tiles are 0 to 7, strides are bytes, `configuration` is 64 bytes.
void vq_emulated_tile_loadconfig(const void *configuration);
void vq_emulated_tile_release(void);
void vq_emulated_tile_zero(int tile);
void vq_emulated_tile_loadd(int tile, const void *from, ptrdiff_t stride);
void vq_emulated_tile_stored(int tile, void *to, ptrdiff_t stride);
void vq_emulated_tile_dpbusd(int sums, int a, int b);

// 32-bit sums plus four products each of unsigned bytes of `a` and signed bytes of `b`: 8 sums with AVX-VNNI, 16 with
// AVX-512 VNNI.
void vq_emulated_dpbusd256(int32_t *sums, const uint8_t *a, const int8_t *b);
void vq_emulated_dpbusd512(int32_t *sums, const uint8_t *a, const int8_t *b);
// The same with two products each of int16.
void vq_emulated_dpwssd256(int32_t *sums, const int16_t *a, const int16_t *b);
void vq_emulated_dpwssd512(int32_t *sums, const int16_t *a, const int16_t *b);

// What the intrinsics are tried on.
typedef struct vq_operands {
  uint8_t a[64], b[64], c[64];
  uint64_t mask;
  int32_t count;  // of a shift, any number
} vq_operands;

// Runs every intrinsic that this processor has, emulated and real.
//
// Returns the call of the first one whose results differ, or NULL; `compared` receives how many were compared.
const char *_Nullable vq_differing_intrinsic(const vq_operands *, int32_t *compared);

#pragma clang assume_nonnull end

#endif
