// The peak rate of a processor core: each instruction set's product instruction on registers alone, in enough
// independent chains that none waits for the result before it. `bench` and `selftest` print the rate of a matrix
// product as a share of this.
#include "CKernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

// Hides from the compiler what a register holds, so that it cannot remove the loop.
#define OPAQUE(x) __asm__ volatile("" : "+x"(x))
#define OPAQUE_ZMM(x) __asm__ volatile("" : "+v"(x))

enum { chains = 12 };

// vpmaddubsw, vpmaddwd and vpaddd on 32 products: exact where no pair of weights is too large (matmul_avx2.c).
__attribute__((target("avx2"))) int64_t vq_peak_avx2(int64_t rounds) {
  __m256i sums[chains], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int i = 0; i < chains; ++i) sums[i] = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < chains; ++i) {
      OPAQUE(a);
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  for (int i = 0; i < chains; ++i) OPAQUE(sums[i]);
  return rounds * chains * 32 * 2;
}

__attribute__((target("avx2,avxvnni"))) int64_t vq_peak_avxvnni(int64_t rounds) {
  __m256i sums[chains], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (int i = 0; i < chains; ++i) sums[i] = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < chains; ++i) {
      OPAQUE(a);
      sums[i] = _mm256_dpbusd_avx_epi32(sums[i], a, b);
    }
  }
  for (int i = 0; i < chains; ++i) OPAQUE(sums[i]);
  return rounds * chains * 32 * 2;
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) int64_t vq_peak_avx512vnni(int64_t rounds) {
  __m512i sums[chains], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (int i = 0; i < chains; ++i) sums[i] = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < chains; ++i) {
      OPAQUE_ZMM(a);
      sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
    }
  }
  for (int i = 0; i < chains; ++i) OPAQUE_ZMM(sums[i]);
  return rounds * chains * 64 * 2;
}

// Four tiles of 16 x 16 sums over 64 inputs. The tiles are not loaded: the speed does not depend on their contents.
__attribute__((target("amx-tile,amx-int8"))) int64_t vq_peak_amx(int64_t rounds) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } configuration;
  memset(&configuration, 0, sizeof configuration);
  configuration.palette = 1;
  for (int tile = 0; tile < 8; ++tile) {
    configuration.row_bytes[tile] = 64;
    configuration.rows[tile] = 16;
  }
  _tile_loadconfig(&configuration);
  for (int64_t round = 0; round < rounds; ++round) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_release();
  return rounds * 4 * 16 * 16 * 64 * 2;
}

#endif
