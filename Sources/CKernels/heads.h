// The quantization of a head's queries and keys, one row after the other: for what has no kernel of several rows at a time.
// An instruction set passes its kernels of one row.
#ifndef VQ_HEADS_H
#define VQ_HEADS_H

#include "CKernels.h"
#include "scalar.h"

#define VQ_BY_ROW static inline __attribute__((always_inline))

#pragma clang assume_nonnull begin

typedef void (*vq_range_kernel)(const int16_t *, int32_t, int32_t *, int32_t *);

// Prefetches a row that is read soon, where it is one of `rows`. A token's part of a head is few bytes, and the next
// token's part lies up to some pages further on: a processor that does not prefetch such a pattern by itself would wait
// for every token.
VQ_BY_ROW void vq_prefetch_row(const int16_t *x, ptrdiff_t stride, int32_t row, int32_t rows, int32_t n) {
  for (int32_t i = 0; row < rows && i < n; i += 32) vq_prefetch(x + row * stride + i);
}

enum { vq_prefetched_rows = 4 };

// `RowQuantizer.init(minimum:maximum:)` and, as the result, its multiplier.
VQ_BY_ROW int32_t vq_query_quantizer(int32_t minimum, int32_t maximum, vq_row_quantizer *quantizer) {
  const int32_t low = minimum < 0 ? minimum : 0, high = maximum > 0 ? maximum : 0;
  const int32_t multiplier = vq_clamp((high - low + 1) >> 1, 1, 32767);
  *quantizer = vq_make_row_quantizer(multiplier, 255, low, high);
  const int32_t exponent = quantizer->exponent, scaled = exponent < 0 ? -low >> 1 : -low << exponent;
  const int32_t level = (((scaled * quantizer->inverse + (1 << 14)) >> 15) + 32) >> 6;
  quantizer->zero_point = level < 255 ? level : 255;
  return multiplier;
}

VQ_BY_ROW void vq_rows_quantize(
    const int16_t *x, ptrdiff_t x_stride, int32_t rows, int32_t n, uint8_t *out, ptrdiff_t out_stride,
    int32_t *multiplier, int32_t *zero_point, vq_range_kernel row_range,
    void (*row_quantize)(const int16_t *, int32_t, const vq_row_quantizer *, uint8_t *)) {
  for (int32_t row = 0; row < rows; ++row) {
    vq_prefetch_row(x, x_stride, row + vq_prefetched_rows, rows, n);
    int32_t minimum, maximum;
    row_range(x + row * x_stride, n, &minimum, &maximum);
    vq_row_quantizer quantizer;
    multiplier[row] = vq_query_quantizer(minimum, maximum, &quantizer);
    zero_point[row] = quantizer.zero_point;
    row_quantize(x + row * x_stride, n, &quantizer, out + row * out_stride);
  }
}

// Writes a key of n numbers as a column of a panel, 4 bytes every 64, and returns the sum of its levels.
typedef int32_t (*vq_key_kernel)(const int16_t *, int32_t, const vq_row_quantizer *, int8_t *);

// Where a token's column begins.
VQ_BY_ROW int8_t *vq_key_column(int8_t *panels, int32_t token, int32_t n) {
  return panels + token / 16 * ((ptrdiff_t)((n + 3) & ~3) * 16) + token % 16 * 4;
}

VQ_BY_ROW void vq_pack_keys(
    const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n, int8_t *panels, int32_t *multiplier,
    int32_t *column_sum, vq_range_kernel row_range, vq_key_kernel pack_key) {
  for (int32_t row = 0; row < tokens; ++row) {
    vq_prefetch_row(x, x_stride, row + vq_prefetched_rows, tokens, n);
    const int32_t token = first + row;
    int32_t minimum, maximum;
    row_range(x + row * x_stride, n, &minimum, &maximum);
    // `RowQuantizer.init(magnitude:)`
    multiplier[token] = vq_clamp(-minimum > maximum ? -minimum : maximum, 1, 32767);
    const vq_row_quantizer quantizer =
        vq_make_row_quantizer(multiplier[token], 254, -multiplier[token], multiplier[token]);
    column_sum[token] = pack_key(x + row * x_stride, n, &quantizer, vq_key_column(panels, token, n));
  }
}

VQ_BY_ROW void vq_pack_keys_fixed(
    const int16_t *x, ptrdiff_t x_stride, int32_t first, int32_t tokens, int32_t n, const vq_row_quantizer *quantizer,
    int8_t *panels, int32_t *column_sum, vq_key_kernel pack_key) {
  for (int32_t row = 0; row < tokens; ++row) {
    vq_prefetch_row(x, x_stride, row + vq_prefetched_rows, tokens, n);
    const int32_t token = first + row;
    column_sum[token] = pack_key(x + row * x_stride, n, quantizer, vq_key_column(panels, token, n));
  }
}

#pragma clang assume_nonnull end

#undef VQ_BY_ROW

#endif
