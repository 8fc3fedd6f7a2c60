// The vector kernels of the float reference. They are apart from CKernels so that a program that only runs int8 models
// does not link them.
#ifndef CFLOATKERNELS_H
#define CFLOATKERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// C (m x n, row stride ldc) = A (m x k, row stride lda) times the packed B, plus bias[n] (may be NULL), or plus what C
// held before. Each element is one chain of fused additions in the order of k, whatever the tiles: a product over some
// of k that is continued over the rest gives the bits of the whole.
// B is packed in panels of k x 32, zero-padded to a multiple of 32 columns.
typedef struct vq_sgemm {
  const float *a;
  ptrdiff_t lda;
  const float *b;
  ptrdiff_t panel_stride;  // floats from one panel of B to the next
  const float *_Nullable bias;  // readable up to the next multiple of 32
  float *c;
  ptrdiff_t ldc;
  int32_t m, n, k;
  int32_t accumulates;  // nonzero: start from C, not from the bias
} vq_sgemm;

// What calibration and the float reference do beside products, row by row or element by element. The portable functions
// of the same names in Quant are the specification, bit for bit: no addition is fused with a product, and sums are taken
// in the same order.
typedef struct vq_float_rows {
  // The activation of `count` values in place: 0 GELU, 1 its tanh form, 2 QuickGELU, 3 SiLU.
  void (*activate)(float *x, ptrdiff_t count, int32_t function);
  // probability_scale * softmax(score_scale * x) of each row, in place; rows lie without gaps.
  void (*softmax)(float *x, ptrdiff_t rows, ptrdiff_t count, float score_scale, float probability_scale);
  // gain (x - mean) / sqrt(variance + epsilon) + bias of one row; x and y may be the same.
  void (*normalize)(
      const float *x, const float *gain, const float *bias, float epsilon, ptrdiff_t count, int32_t subtracts_mean,
      float *y);
  // The least and the largest of values and 0.
  void (*range)(const float *x, ptrdiff_t count, float *least, float *largest);
  // Values clipped to a range and rounded to multiples of `step`, in place.
  void (*round)(float *x, ptrdiff_t count, float low, float high, float step);
  // Each value of each row times, or divided by, the number at its column; `y` may be `x`.
  void (*multiply)(const float *x, const float *factors, ptrdiff_t rows, ptrdiff_t columns, float *y);
  void (*divide)(const float *x, const float *factors, ptrdiff_t rows, ptrdiff_t columns, float *y);
  // x -= y
  void (*subtract)(float *x, const float *y, ptrdiff_t count);
  // The least and the largest of each column, and of what `least` and `largest` held before.
  void (*column_range)(const float *x, ptrdiff_t rows, ptrdiff_t columns, float *least, float *largest);
  // Each column added to its sum, row by row.
  void (*column_sums)(const float *x, ptrdiff_t rows, ptrdiff_t columns, double *sums);
  // The largest of the values' bits without their signs.
  uint32_t (*magnitude)(const float *x, ptrdiff_t count);
  // The least and the largest of values and of what was there before, as integers that compare as the floats do; values
  // that are not finite are left out.
  void (*extremes)(const float *x, ptrdiff_t count, int32_t *least, int32_t *largest);
  // sums[row] += (x - y)^2 over the columns, one after another in double precision.
  void (*squared_errors)(
      const float *x, ptrdiff_t x_stride, const float *y, ptrdiff_t y_stride, ptrdiff_t rows, ptrdiff_t columns,
      double *sums);
  // B as products read it: [n/32][k][32], padded with zeros. Element (row, column) is at row * row_stride + column *
  // column_stride.
  void (*pack)(
      const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride, ptrdiff_t k, ptrdiff_t n, float *packed);
  // Rounds rows of 32 values one after another to -limit ... limit, each less what the changes of the rows before it ask
  // for: values[i] -= changes[j] * factors[i][j]. changes[i] = level - exact[i], and the squares of
  // (value - level) * factors[i][i] * steps are added to `losses`.
  void (*round_panel)(
      float *values, const float *exact, float *changes, float *levels, const float *factors, ptrdiff_t factor_stride,
      ptrdiff_t rows, float limit, const float *steps, float *losses);
  // Divides each row by a triangular matrix: x[i] = (x[i] - sum of x[j] * upper[j][i], j < i) / upper[i][i].
  void (*solve)(float *x, ptrdiff_t stride, ptrdiff_t rows, const float *upper, ptrdiff_t count);
} vq_float_rows;

#if defined(__x86_64__)
void vq_sgemm_avx2(const vq_sgemm *);
void vq_sgemm_avx512(const vq_sgemm *);
extern const vq_float_rows vq_float_rows_avx2;
extern const vq_float_rows vq_float_rows_avx512;
#endif

#pragma clang assume_nonnull end

#endif
