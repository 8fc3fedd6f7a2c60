// The instruction-set kernels behind Int8Kernels. Each function is exact integer arithmetic, defined by the portable
// Swift function of the same name in Sources/Int8Kernels/Portable; a kernel file holds one instruction set.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef enum vq_output {
  vq_output_int16,       // out: int16_t, saturated
  vq_output_int32,       // out: int32_t
  vq_output_accumulate,  // out: int32_t, out = clamp(out + value, +-(2^30 - 1))
  vq_output_sums,        // out: int32_t, the sums over k alone; the fields of the requantization are not read
} vq_output;

// One product of activations (rows) and packed weights (columns), with its requantization:
//   accumulator = sum over k of a[row][k] * b[k][column] - row_zero_point[row] * column_sum[column]
//   value       = roundHalfUp(accumulator * row_multiplier[row] * column_multiplier[column] / 2^shift) + bias[column]
// Sums and accumulators are int32 and wrap.
typedef struct vq_matmul {
  const void *a;                     // rows x a_stride; a_stride >= k and k elements are readable in each row
  ptrdiff_t a_stride;                // elements
  const void *b;                     // panels of 16 columns, zero-padded
  int32_t rows;
  int32_t columns;                   // columns to write; the arrays below are readable up to the next multiple of 16
  int32_t k;                         // inputs, a multiple of 4
  int32_t shift;                     // 0 to 62
  const int32_t *row_multiplier;     // 0 to 32767
  const int32_t *row_zero_point;     // 0 to 255
  const int32_t *column_multiplier;  // -32767 to 32767
  const int32_t *column_sum;         // sum of the column's weights
  const int32_t *bias;               // in output units
  void *out;                         // element (0, 0) of the block
  ptrdiff_t out_stride;              // elements
  vq_output output;
} vq_matmul;

// Parameters of a row's quantization from int16 to uint8 (`RowQuantizer` in Swift).
typedef struct vq_row_quantizer {
  int32_t low, high;     // the row is clamped to this range first
  int32_t exponent;      // -1 to 13: x is shifted left by it (right for -1)
  int32_t inverse;       // 0 to 32767
  int32_t zero_point;    // 0 to 255
} vq_row_quantizer;

typedef struct vq_kernels {
  // a: uint8_t. b: int8_t, [columns/16][k/4][16][4].
  void (*_Nonnull matmul)(const vq_matmul *);
  // a: int16_t. b: int16_t, [columns/16][k/2][16][2], at an even address.
  void (*_Nonnull matmul_wide)(const vq_matmul *);
  // sum, minimum and maximum of a row, n >= 1
  void (*_Nonnull row_range_i32)(const int32_t *x, int32_t n, int64_t *sum, int32_t *minimum, int32_t *maximum);
  // sum of d*d, d = roundHalfUp((x - mean) / 2^shift), |d| < 2^21
  int64_t (*_Nonnull row_square_sum)(const int32_t *x, int32_t n, int32_t mean, int32_t shift);
  // value = roundHalfUp(d * multiplier * gain[i] / 2^shift) + bias[i], d as above with center_shift
  void (*_Nonnull row_normalize_i16)(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                            const int32_t *gain, const int32_t *bias, int32_t shift, int16_t *out);
  /* out may be x. */
  void (*_Nonnull row_normalize_i32)(const int32_t *x, int32_t n, int32_t mean, int32_t center_shift, int32_t multiplier,
                            const int32_t *gain, const int32_t *bias, int32_t shift, int32_t *out);
  void (*_Nonnull row_range_i16)(const int16_t *x, int32_t n, int32_t *minimum, int32_t *maximum);
  // GELU in place on fixed point with fraction_bits 5 to 12, each result then roundHalfUp(result * factor / 2^15) where
  // there are factors, 1 to 32767; range of what is written
  void (*_Nonnull row_gelu)(int16_t *x, int32_t n, int32_t fraction_bits, const int16_t *_Nullable factors,
                            int32_t *minimum, int32_t *maximum);
  // SiLU, QuickGELU or the tanh form of GELU in place, fraction_bits 0 to 12: max(x, 0) - g(|x|). `tails` has g in steps
  // of 1/64 up to the step `last`, in units of 2^-16, and then two zeros; it is 0 from `last` on.
  void (*_Nonnull row_activate)(int16_t *x, int32_t n, int32_t fraction_bits, const uint16_t *tails, int32_t last);
  // x = roundHalfUp(x * factors / 2^shift) in place, saturated; shift 0 to 30
  void (*_Nonnull row_gate)(int16_t *x, const int16_t *factors, int32_t n, int32_t shift);
  // Rotates pairs (a, b) = (x[i], x[pairs + i]) in place to roundHalfUp((a cos - b sin, b cos + a sin) / 2^15),
  // saturated. Angles whose sums do not fit int32 wrap.
  void (*_Nonnull row_rotate)(int16_t *x, int32_t pairs, const int16_t *cosines, const int16_t *sines);
  // One round of a Hadamard rotation in place, in each block of `block` channels, a power of two from 16 to 4096 that
  // divides n; with H the Walsh-Hadamard matrix of 1 and -1, b = log2(block) and m = (b + 1) / 2:
  //   y = roundHalfUp(H x / 2^m), x = roundHalfUp(H (signs * y) / 2^(b - m))
  // `signs` are 1 and -1, n of them. Sums wrap.
  void (*_Nonnull row_hadamard)(int32_t *x, int32_t n, int32_t block, const int8_t *signs);
  void (*_Nonnull row_quantize_u8)(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, uint8_t *out);
  // Queries: `rows` rows of n numbers, x_stride apart, each quantized by its own range as `row_quantize_u8` does, into rows
  // of out that are out_stride apart; multiplier (1 to 32767) and zero_point (0 to 255) receive a number for each row.
  void (*_Nonnull rows_quantize_u8)(const int16_t *x, ptrdiff_t x_stride, int32_t rows, int32_t n, uint8_t *out,
                                    ptrdiff_t out_stride, int32_t *multiplier, int32_t *zero_point);
  // Keys of `tokens` tokens, rows of n numbers that are x_stride apart, n the head's width: symmetric int8, each row by its
  // own magnitude, as columns `first` and following of panels [columns/16][n/4][16][4]. n is padded with zeros to a multiple
  // of 4. multiplier (1 to 32767) and column_sum receive a number for each of these columns, at its place.
  void (*_Nonnull pack_keys)(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n,
                             int8_t *panels, int32_t *multiplier, int32_t *column_sum);
  // The same with one quantizer for all rows; levels are -127 to 127.
  void (*_Nonnull pack_keys_fixed)(const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n,
                                   const vq_row_quantizer *quantizer, int8_t *panels, int32_t *column_sum);
  // values: 16 channels x `tokens` tokens, saturated to +-127, as one panel [tokens/4][16][4]; row stride of x in
  // elements; `channels` (1 to 16) are read, the rest and the tokens up to a multiple of 4 are zero.
  void (*_Nonnull pack_values)(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels, int8_t *panel);
  // Levels 32 times as fine, without a zero point: with x clamped and shifted as its quantizer says,
  //   level = (roundHalfUp(x * inverse / 2^15) + 1) >> 1
  void (*_Nonnull row_quantize_wide)(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *out);
  // The same levels of a key, written as a column of a wide product's panel: 2 levels every 64 bytes. n is padded with
  // zeros to a multiple of 4.
  void (*_Nonnull pack_key_wide)(const int16_t *x, int32_t n, const vq_row_quantizer *quantizer, int16_t *panel_column);
  // Values within +-16319 in two planes, value = 2^7 * high + low, with low from -64 to 63; each plane is written as
  // `pack_values` writes its one.
  void (*_Nonnull pack_values_wide)(const int16_t *x, ptrdiff_t x_stride, int32_t tokens, int32_t channels,
                           int8_t *high, int8_t *low);
  int32_t (*_Nonnull row_maximum_i32)(const int32_t *x, int32_t n);
  // Unnormalised softmax: p = 2^-((maximum - x) / 2^10), as 15 bits (32640 is 1).
  // Two planes: high = p >> 7, low = p & 127, returns the sum of p. One plane (low is NULL): high = (p + 64) >> 7,
  // returns 128 * the sum of high. Bytes up to the next multiple of 4 are zeroed.
  int32_t (*_Nonnull row_exp2)(const int32_t *x, int32_t n, int32_t maximum, uint8_t *high,
                      uint8_t *_Nullable low);
  // Attention output: accumulator = high + roundHalfUp(low / 2^7) (low may be NULL), requantized to int16.
  void (*_Nonnull row_combine_i16)(const int32_t *high, const int32_t *_Nullable low, int32_t n, int32_t multiplier,
                          const int32_t *column_multiplier, int32_t shift, int16_t *out);
} vq_kernels;

// Prefetches the cache line of an address that is read soon. An address that must not be read does no harm.
static inline void vq_prefetch(const void *address) { __builtin_prefetch(address); }

// Tells the processor that this thread waits for another one in a loop.
static inline void vq_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// What this processor has and its operating system lets programs use, as a set of these bits.
enum {
  vq_isa_avx2 = 1 << 0,
  vq_isa_avxvnni = 1 << 1,
  vq_isa_avx512vnni = 1 << 2,  // with the F, BW, DQ and VL parts of AVX-512
  vq_isa_amx = 1 << 3,         // tiles, and their int8 products
  vq_isa_neon = 1 << 4,
  vq_isa_dotprod = 1 << 5,
  vq_isa_i8mm = 1 << 6,
  // For the float reference only:
  vq_isa_avx2_fma = 1 << 16,
  vq_isa_avx512f = 1 << 17,
  // For checksums: carry-less products of 64 bits.
  vq_isa_carryless = 1 << 18,
};
uint32_t vq_detect_isas(void);

// Reduces bytes to 16 whose CRC-32, continued from a state of 0, is that of all of them continued from `state`.
// `count` is a multiple of 64, at least 64.
typedef void vq_crc32_fold(const uint8_t *bytes, size_t count, uint32_t state, uint8_t *rest);
// NULL where this processor has no such instructions.
vq_crc32_fold *_Nullable vq_find_crc32_fold(void);

// One row of the table in instruction_sets.c.
typedef struct vq_instruction_set {
  const char *name;                     // on the command line and in reports
  uint32_t needs;                       // bits of vq_detect_isas; all must be found
  const vq_kernels *_Nullable kernels;  // NULL for another architecture's, and for the portable ones, which are Swift
  // Rounds of the product instruction on registers alone, to measure what the processor can do. Returns the operations
  // done; a multiplication and an addition are two. NULL where there is no such loop.
  int64_t (*_Nullable run_peak_loop)(int64_t rounds);
} vq_instruction_set;

// The row at `index`: 0 is "portable"; NULL after the last one.
const vq_instruction_set *_Nullable vq_find_instruction_set(int32_t index);

// The result of comparing a row's kernels with the portable ones, as a number that the caller defines; 0 until one is
// remembered. Any thread may call both.
int32_t vq_known_verdict(int32_t index);
void vq_remember_verdict(int32_t index, int32_t verdict);

#pragma clang assume_nonnull end

#endif
