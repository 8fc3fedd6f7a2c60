// Row kernels in plain C: what a compiler turns into vector instructions as it stands. Each instruction set's file
// includes this between its target attributes, and calls the functions from its kernels.
//
// They are what models of some families do between products: activations by table, gates, rotary positions.
#ifndef VQ_ELEMENTWISE_H
#define VQ_ELEMENTWISE_H

#include "scalar.h"

#define VQ_INLINE static inline __attribute__((always_inline))

// Elements of a row that are looked up in the table at a time. Three loops are faster than one: the first and the last
// are vector code, and the loads between them have their addresses ready.
enum { vq_lookup_block = 64 };

VQ_INLINE int16_t vq_interpolate(int32_t value, uint32_t pair, int32_t place, int32_t shift) {
  const int32_t low = (int32_t)(pair & 0xFFFF), high = (int32_t)(pair >> 16);
  const int32_t tail = vq_round_half_up(low * 64 + (high - low) * (place & 63), shift);
  return (int16_t)((value > 0 ? value : 0) - tail);
}

// Two neighbours of the table, the first in the lower half: all of these processors are little-endian here.
VQ_INLINE uint32_t vq_table_pair(const uint16_t *tails, int32_t index) {
  uint32_t pair;
  __builtin_memcpy(&pair, tails + index, sizeof pair);
  return pair;
}

VQ_INLINE void vq_activate(int16_t *restrict x, int32_t n, int32_t fraction_bits, const uint16_t *restrict tails,
                           int32_t last) {
  const int32_t left = 12 - fraction_bits, shift = 22 - fraction_bits;
  int32_t i = 0;
  for (; n - i >= vq_lookup_block; i += vq_lookup_block) {
    int32_t values[vq_lookup_block], places[vq_lookup_block], steps[vq_lookup_block];
    uint32_t pairs[vq_lookup_block];
    for (int j = 0; j < vq_lookup_block; ++j) {
      const int32_t value = x[i + j] < -32767 ? -32767 : x[i + j];
      const int32_t place = (value < 0 ? -value : value) << left, step = place >> 6;
      values[j] = value;
      places[j] = place;
      steps[j] = step < last ? step : last + 1;
    }
    for (int j = 0; j < vq_lookup_block; ++j) pairs[j] = vq_table_pair(tails, steps[j]);
    for (int j = 0; j < vq_lookup_block; ++j) x[i + j] = vq_interpolate(values[j], pairs[j], places[j], shift);
  }
  for (; i < n; ++i) {
    const int32_t value = x[i] < -32767 ? -32767 : x[i];
    const int32_t place = (value < 0 ? -value : value) << left, step = place >> 6;
    x[i] = vq_interpolate(value, vq_table_pair(tails, step < last ? step : last + 1), place, shift);
  }
}

// No overflow: a product of 16-bit numbers is at most 2^30, and half of 2^30 is added.
VQ_INLINE void vq_gate(int16_t *restrict x, const int16_t *restrict factors, int32_t n, int32_t shift) {
  for (int32_t i = 0; i < n; ++i) x[i] = vq_saturate_int16(vq_round_half_up((int32_t)x[i] * factors[i], shift));
}

VQ_INLINE void vq_rotate(int16_t *restrict x, int32_t pairs, const int16_t *restrict cosines,
                         const int16_t *restrict sines) {
  for (int32_t i = 0; i < pairs; ++i) {
    const int32_t a = x[i], b = x[pairs + i], cosine = cosines[i], sine = sines[i];
    x[i] = vq_saturate_int16(vq_round_half_up(vq_subtract(a * cosine, b * sine), 15));
    x[pairs + i] = vq_saturate_int16(vq_round_half_up(vq_add(b * cosine, a * sine), 15));
  }
}

#undef VQ_INLINE

#endif
