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

// 16 lanes: one register with AVX-512, two with AVX2, four with NEON. Their sums wrap. Functions take them by address,
// because how such vectors are passed depends on the instruction set.
typedef uint32_t vq_lanes __attribute__((vector_size(64)));
typedef int32_t vq_signed_lanes __attribute__((vector_size(64)));

// All bits of a lane whose number has the bit DISTANCE.
#define VQ_NEGATED_LANE(LANE, DISTANCE) ((LANE) & (DISTANCE) ? 0xFFFFFFFFu : 0u)
#define VQ_NEGATED_FOUR(LANE, DISTANCE)                                               \
  VQ_NEGATED_LANE(LANE, DISTANCE), VQ_NEGATED_LANE((LANE) + 1, DISTANCE),             \
      VQ_NEGATED_LANE((LANE) + 2, DISTANCE), VQ_NEGATED_LANE((LANE) + 3, DISTANCE)
#define VQ_SWAPPED_FOUR(LANE, DISTANCE) \
  (LANE) ^ (DISTANCE), ((LANE) + 1) ^ (DISTANCE), ((LANE) + 2) ^ (DISTANCE), ((LANE) + 3) ^ (DISTANCE)

// Sums and differences of lanes that are 1, 2, 4 or 8 apart: each lane's neighbour plus the lane, which is negated where
// it is the later one of the two.
#define VQ_ADD_NEIGHBOURS(X, DISTANCE)                                                              \
  do {                                                                                              \
    const vq_lanes negated = {VQ_NEGATED_FOUR(0, DISTANCE), VQ_NEGATED_FOUR(4, DISTANCE),           \
                              VQ_NEGATED_FOUR(8, DISTANCE), VQ_NEGATED_FOUR(12, DISTANCE)};         \
    (X) = __builtin_shufflevector(X, X, VQ_SWAPPED_FOUR(0, DISTANCE), VQ_SWAPPED_FOUR(4, DISTANCE), \
                                  VQ_SWAPPED_FOUR(8, DISTANCE), VQ_SWAPPED_FOUR(12, DISTANCE)) +    \
          (((X) ^ negated) - negated);                                                              \
  } while (0)

// The steps of a Walsh-Hadamard transform between channels that are less than 16 apart, in place; each result is
// shifted to the right by `shift` bits, rounded.
VQ_INLINE void vq_walsh_near(int32_t *x, int32_t shift) {
  vq_lanes lanes;
  __builtin_memcpy(&lanes, x, sizeof lanes);
  VQ_ADD_NEIGHBOURS(lanes, 1);
  VQ_ADD_NEIGHBOURS(lanes, 2);
  VQ_ADD_NEIGHBOURS(lanes, 4);
  VQ_ADD_NEIGHBOURS(lanes, 8);
  lanes = (vq_lanes)((vq_signed_lanes)(lanes + ((1u << shift) >> 1)) >> shift);
  __builtin_memcpy(x, &lanes, sizeof lanes);
}

// Steps between channels that are 16 apart or more, two at a time where there are two, which halves what is loaded and
// stored. The order of the steps does not matter.
VQ_INLINE void vq_walsh_far(int32_t *x, int32_t block) {
  int32_t distance = 16;
  for (; 4 * distance <= block; distance *= 4) {
    for (int32_t first = 0; first < block; first += 4 * distance) {
      for (int32_t i = first; i < first + distance; i += 16) {
        vq_lanes lanes[4];
        for (int32_t part = 0; part < 4; ++part) __builtin_memcpy(&lanes[part], x + i + part * distance, sizeof *lanes);
        const vq_lanes sum0 = lanes[0] + lanes[1], difference0 = lanes[0] - lanes[1];
        const vq_lanes sum1 = lanes[2] + lanes[3], difference1 = lanes[2] - lanes[3];
        lanes[0] = sum0 + sum1;
        lanes[1] = difference0 + difference1;
        lanes[2] = sum0 - sum1;
        lanes[3] = difference0 - difference1;
        for (int32_t part = 0; part < 4; ++part) __builtin_memcpy(x + i + part * distance, &lanes[part], sizeof *lanes);
      }
    }
  }
  if (distance == block) return;
  for (int32_t i = 0; i < distance; i += 16) {
    vq_lanes a, b;
    __builtin_memcpy(&a, x + i, sizeof a);
    __builtin_memcpy(&b, x + i + distance, sizeof b);
    const vq_lanes sum = a + b, difference = a - b;
    __builtin_memcpy(x + i, &sum, sizeof sum);
    __builtin_memcpy(x + i + distance, &difference, sizeof difference);
  }
}

VQ_INLINE void vq_hadamard(int32_t *x, int32_t n, int32_t block, const int8_t *signs) {
  typedef int8_t vq_sign_lanes __attribute__((vector_size(16)));
  const int32_t bits = __builtin_ctz((unsigned)block), middle = (bits + 1) / 2;
  for (int32_t first = 0; first < n; first += block, x += block, signs += block) {
    vq_walsh_far(x, block);
    for (int32_t i = 0; i < block; i += 16) {
      vq_walsh_near(x + i, middle);
      vq_lanes lanes;
      vq_sign_lanes sign;
      __builtin_memcpy(&lanes, x + i, sizeof lanes);
      __builtin_memcpy(&sign, signs + i, sizeof sign);
      const vq_lanes negated = (vq_lanes)(__builtin_convertvector(sign, vq_signed_lanes) >> 1);
      lanes = (lanes ^ negated) - negated;
      __builtin_memcpy(x + i, &lanes, sizeof lanes);
    }
    vq_walsh_far(x, block);
    for (int32_t i = 0; i < block; i += 16) vq_walsh_near(x + i, bits - middle);
  }
}

#undef VQ_INLINE

#endif
