// The steps of a product of int8 with AVX2 (matmul_avx2.c): which are narrow and in which order of their inputs, and
// the copies of the inputs in these orders. A step is 4 inputs of a panel's 16 columns: 64 bytes of weights.
//
// `vpmaddubsw` multiplies bytes and adds neighbouring products, but saturates the sums to int16. With inputs up to 255,
// a sum of two products fits exactly where the two weights w0 and w1 have |w0 + w1| <= 128: weights of one sign add up
// to at most 255 * 128 < 2^15, and those of opposite signs are smaller. Which inputs are neighbours is free: four make
// pairs in three ways. A step is narrow where in one of them all pairs keep that limit, and wide otherwise.
//
// A kernel file includes this between VQ_INSTRUCTIONS and VQ_INSTRUCTIONS_END, after avx2.h.

enum {
  // The copies of a block's inputs stay in the first-level cache, with a panel's weights. The place of an input in
  // its row's copies for narrow steps fits a byte.
  chunk_steps = 64,
  pairings = 3,
  copy_of_even = pairings,
  copy_of_odd,
  copies,
  row_inputs = copies * chunk_steps,
};

// A row's inputs of a chunk, copy after copy: for narrow steps in the order of each pairing, for wide ones as int16, those
// with an even index and those with an odd one. One array, for a narrow step's inputs can be in any of three copies.
typedef int32_t row_copies[row_inputs];

// A step's weights of the columns from 0 and from 8 on.
typedef struct step_weights {
  __m256i first, second;
} step_weights;

// Where the bytes of a pairing come from. The first is the order in memory.
static const uint8_t orders[pairings][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15},
    {0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10, 12, 15, 13, 14},
};

static inline __m256i in_order(__m256i bytes, int32_t pairing) {
  const __m128i order = _mm_loadu_si128((const __m128i *)(const void *)orders[pairing]);
  return _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(order));
}

static inline __m256i widen_even(__m256i bytes) { return _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8); }
static inline __m256i widen_odd(__m256i bytes) { return _mm256_srai_epi16(bytes, 8); }

static inline void copy_inputs(__m256i inputs, int32_t step, row_copies *out) {
  for (int32_t pairing = 0; pairing < pairings; ++pairing) {
    _mm256_storeu_si256((__m256i *)(*out + pairing * chunk_steps + step), in_order(inputs, pairing));
  }
  const __m256i even = _mm256_and_si256(inputs, _mm256_set1_epi16(0xFF));
  _mm256_storeu_si256((__m256i *)(*out + copy_of_even * chunk_steps + step), even);
  _mm256_storeu_si256((__m256i *)(*out + copy_of_odd * chunk_steps + step), _mm256_srli_epi16(inputs, 8));
}

// Copies `steps` steps of each row, 8 at a time. The last 8 may overlap those before.
static inline void copy_rows(const uint8_t *a, ptrdiff_t stride, int32_t steps, int32_t rows, row_copies *out) {
  const int32_t last = steps - 8;
  for (int32_t r = 0; r < rows; ++r, a += stride, ++out) {
    if (last < 0) {
      __m256i inputs = _mm256_setzero_si256();
      memcpy(&inputs, a, (size_t)steps * 4);
      copy_inputs(inputs, 0, out);
    } else {
      for (int32_t s = 0; s < last; s += 8) copy_inputs(vq_load256(a + s * 4), s, out);
      copy_inputs(vq_load256(a + last * 4), last, out);
    }
  }
}

// The magnitudes of the sums of neighbouring weights.
static inline __m256i pair_sums(__m256i weights) {
  return _mm256_abs_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), weights));
}

// Whether all pairs keep the limit.
static inline int32_t fits(step_weights weights, int32_t pairing) {
  const __m256i largest =
      _mm256_max_epi16(pair_sums(in_order(weights.first, pairing)), pair_sums(in_order(weights.second, pairing)));
  return _mm256_movemask_epi8(_mm256_cmpgt_epi16(largest, _mm256_set1_epi16(128))) == 0;
}

// A chunk of a panel, first all narrow steps, then the wide ones: the places of their inputs in `row_copies`, and their
// weights in the same order.
typedef struct chunk {
  step_weights weights[chunk_steps];
  uint8_t inputs[chunk_steps];
} chunk;

// Lists a chunk's steps, `b`; returns how many are narrow. Every step is written at both ends, so that nothing
// branches: at the wrong end the next step is written over it.
static inline int32_t list_steps(const int8_t *b, int32_t steps, chunk *out) {
  int32_t narrow = 0, wide = steps;
  for (int32_t s = 0; s < steps; ++s, b += 64) {
    const step_weights weights = {vq_load256(b), vq_load256(b + 32)};
    const int32_t fits_first = fits(weights, 0), fits_second = fits(weights, 1), fits_third = fits(weights, 2);
    const int32_t is_wide = 1 & ~(fits_first | fits_second | fits_third);
    const int32_t pairing = fits_first | is_wide ? 0 : 2 - fits_second;
    const step_weights in_pairs = {in_order(weights.first, pairing), in_order(weights.second, pairing)};
    out->inputs[narrow] = out->inputs[wide - 1] = (uint8_t)(pairing * chunk_steps + s);
    out->weights[narrow] = out->weights[wide - 1] = in_pairs;
    narrow += 1 - is_wide;
    wide -= is_wide;
  }
  return narrow;
}
