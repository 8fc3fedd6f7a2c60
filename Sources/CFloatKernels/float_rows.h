// The functions of `vq_float_rows`, for whatever instructions VQ_TARGET names: vectors of 16 floats, which the compiler
// splits where registers are shorter. A file defines VQ_TARGET and includes this one.
//
// Each is its portable form in Quant, bit for bit. So products and additions are never fused here, and sums are taken in
// 16 lanes whatever the registers, which are added up one after another.
#ifndef VQ_FLOAT_ROWS_H
#define VQ_FLOAT_ROWS_H

#include "CFloatKernels.h"

#pragma STDC FP_CONTRACT OFF
// Vectors are passed to functions that are always inlined, so that it does not matter how a call would pass them.
#pragma clang diagnostic ignored "-Wpsabi"

#define VQ_INLINE VQ_TARGET static inline __attribute__((always_inline))

typedef float f8 __attribute__((ext_vector_type(8)));
typedef double d8 __attribute__((ext_vector_type(8)));
typedef float f16 __attribute__((ext_vector_type(16)));
typedef double d16 __attribute__((ext_vector_type(16)));
typedef int32_t i16 __attribute__((ext_vector_type(16)));
typedef uint32_t u16 __attribute__((ext_vector_type(16)));

enum { lanes = 16, panel_columns = 32 };

VQ_INLINE f16 load(const float *x) {
  f16 value;
  __builtin_memcpy(&value, x, sizeof value);
  return value;
}

VQ_INLINE void store(float *x, f16 value) { __builtin_memcpy(x, &value, sizeof value); }

// The first `count` lanes; the others are 0.
VQ_INLINE f16 load_some(const float *x, ptrdiff_t count) {
  f16 value = 0;
  if (count >= lanes) return load(x);
  for (ptrdiff_t lane = 0; lane < count; lane++) value[lane] = x[lane];
  return value;
}

VQ_INLINE void store_some(float *x, f16 value, ptrdiff_t count) {
  if (count >= lanes) return store(x, value);
  for (ptrdiff_t lane = 0; lane < count; lane++) x[lane] = value[lane];
}

VQ_INLINE float lane_sum(f16 value) {
  float sum = value[0];
  for (int lane = 1; lane < lanes; lane++) sum += value[lane];
  return sum;
}

// An integer that compares as the float does, and the float of it.
VQ_INLINE i16 ordered(f16 x) {
  const i16 bits = (i16)x;
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

VQ_INLINE float unordered(int32_t x) {
  const int32_t bits = x ^ ((x >> 31) & 0x7FFFFFFF);
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

VQ_INLINE i16 least_of(i16 a, i16 b) { return a < b ? a : b; }
VQ_INLINE i16 largest_of(i16 a, i16 b) { return a > b ? a : b; }

// MARK: Functions of single values

VQ_INLINE f16 exponential(f16 x) {
  x = x < -87.0f ? (f16)-87.0f : x;
  const f16 magic = 12582912.0f;
  const f16 shifted = x * 1.44269504f + magic;
  const f16 n = shifted - magic;
  const f16 r = (x - n * 0.693359375f) + n * 2.1219444e-4f;
  f16 p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return (f16)((u16)p + ((u16)shifted << 23));
}

VQ_INLINE f16 magnitude_of(f16 x) { return (f16)((u16)x & 0x7FFFFFFFu); }

VQ_INLINE f16 gelu(f16 x) {
  const f16 z = magnitude_of(x) * 0.70710678f;
  const f16 t = 1.0f / (1.0f + z * 0.3275911f);
  f16 p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const f16 tail = 0.5f * p * t * exponential(-(z * z));
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

VQ_INLINE f16 sigmoid(f16 x, f16 y) { return x / (1.0f + exponential(y < -80.0f ? (f16)80.0f : -y)); }

VQ_INLINE f16 activated(f16 x, int32_t function) {
  switch (function) {
    case 0: return gelu(x);
    case 1: return sigmoid(x, 1.59576912f * (x + 0.044715f * x * x * x));
    case 2: return sigmoid(x, 1.702f * x);
    default: return sigmoid(x, x);
  }
}

// To the nearest integer, halves away from 0.
VQ_INLINE f16 rounded(f16 x) {
  const f16 shift = 8388608.0f;
  const f16 magnitude = magnitude_of(x);
  const f16 even = (magnitude + shift) - shift;
  const f16 nearest = even + (magnitude - even == 0.5f ? (f16)1.0f : (f16)0.0f);
  const f16 result = magnitude < shift ? nearest : magnitude;
  return (f16)(((u16)result & 0x7FFFFFFFu) | ((u16)x & 0x80000000u));
}

VQ_INLINE f16 clipped(f16 x, f16 low, f16 high) {
  const f16 raised = low >= x ? low : x;
  return high < raised ? high : raised;
}

// MARK: Element by element

VQ_INLINE void activate_all(float *x, ptrdiff_t count, int32_t function) {
  for (ptrdiff_t i = 0; i < count; i += lanes) {
    store_some(x + i, activated(load_some(x + i, count - i), function), count - i);
  }
}

VQ_TARGET static void activate(float *x, ptrdiff_t count, int32_t function) {
  switch (function) {
    case 0: return activate_all(x, count, 0);
    case 1: return activate_all(x, count, 1);
    case 2: return activate_all(x, count, 2);
    default: return activate_all(x, count, 3);
  }
}

VQ_TARGET static void round_values(float *x, ptrdiff_t count, float low, float high, float step) {
  for (ptrdiff_t i = 0; i < count; i += lanes) {
    const f16 value = clipped(load_some(x + i, count - i), low, high);
    store_some(x + i, rounded(value / step) * step, count - i);
  }
}

VQ_TARGET static void multiply(
    const float *x, const float *factors, ptrdiff_t rows, ptrdiff_t columns, float *y) {
  for (ptrdiff_t row = 0; row < rows; row++, x += columns, y += columns) {
    for (ptrdiff_t i = 0; i < columns; i += lanes) {
      store_some(y + i, load_some(x + i, columns - i) * load_some(factors + i, columns - i), columns - i);
    }
  }
}

VQ_TARGET static void divide(
    const float *x, const float *factors, ptrdiff_t rows, ptrdiff_t columns, float *y) {
  for (ptrdiff_t row = 0; row < rows; row++, x += columns, y += columns) {
    for (ptrdiff_t i = 0; i < columns; i += lanes) {
      store_some(y + i, load_some(x + i, columns - i) / load_some(factors + i, columns - i), columns - i);
    }
  }
}

VQ_TARGET static void subtract(float *x, const float *y, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += lanes) {
    store_some(x + i, load_some(x + i, count - i) - load_some(y + i, count - i), count - i);
  }
}

// MARK: Row by row

VQ_TARGET static void softmax(
    float *x, ptrdiff_t rows, ptrdiff_t count, float score_scale, float probability_scale) {
  const ptrdiff_t whole = count & ~(ptrdiff_t)(lanes - 1), rest = count - whole;
  for (ptrdiff_t row = 0; row < rows; row++, x += count) {
    i16 largest = INT32_MIN;
    for (ptrdiff_t i = 0; i < whole; i += lanes) largest = largest_of(largest, ordered(load(x + i)));
    for (ptrdiff_t i = whole; i < count; i++) largest = largest_of(largest, ordered((f16)x[i]));
    const float maximum = unordered(__builtin_reduce_max(largest));

    f16 sums = 0;
    for (ptrdiff_t i = 0; i < whole; i += lanes) {
      const f16 value = exponential((load(x + i) - maximum) * score_scale);
      store(x + i, value);
      sums += value;
    }
    float sum = lane_sum(sums);
    if (rest > 0) {
      store_some(x + whole, exponential((load_some(x + whole, rest) - maximum) * score_scale), rest);
      for (ptrdiff_t i = whole; i < count; i++) sum += x[i];
    }
    const float factor = probability_scale / sum;
    for (ptrdiff_t i = 0; i < count; i += lanes) {
      store_some(x + i, load_some(x + i, count - i) * factor, count - i);
    }
  }
}

VQ_TARGET static void normalize(
    const float *x, const float *gain, const float *bias, float epsilon, ptrdiff_t count, int32_t subtracts_mean,
    float *y) {
  const ptrdiff_t whole = count & ~(ptrdiff_t)(lanes - 1);
  float mean = 0;
  if (subtracts_mean) {
    f16 sums = 0;
    for (ptrdiff_t i = 0; i < whole; i += lanes) sums += load(x + i);
    float sum = lane_sum(sums);
    for (ptrdiff_t i = whole; i < count; i++) sum += x[i];
    mean = sum / (float)count;
  }
  f16 squares = 0;
  for (ptrdiff_t i = 0; i < whole; i += lanes) {
    const f16 deviation = load(x + i) - mean;
    squares += deviation * deviation;
  }
  float square = lane_sum(squares);
  for (ptrdiff_t i = whole; i < count; i++) square += (x[i] - mean) * (x[i] - mean);
  // The sum of squares can overflow where the values do not; then nothing of the row can be said.
  const float root = __builtin_sqrtf(square / (float)count + epsilon);
  const float factor = __builtin_isfinite(square) ? 1 / root : __builtin_nanf("");
  for (ptrdiff_t i = 0; i < count; i += lanes) {
    const f16 value = (load_some(x + i, count - i) - mean) * factor * load_some(gain + i, count - i);
    store_some(y + i, value + load_some(bias + i, count - i), count - i);
  }
}

// MARK: What is seen of values

VQ_TARGET static void column_range(
    const float *x, ptrdiff_t rows, ptrdiff_t columns, float *least, float *largest) {
  // Four rows at a time, so that the results are read and written less often.
  for (ptrdiff_t row = 0; row < rows; row += 4) {
    const ptrdiff_t count = rows - row < 4 ? rows - row : 4;
    for (ptrdiff_t i = 0; i < columns; i += lanes) {
      const ptrdiff_t some = columns - i;
      f16 low = load_some(least + i, some), high = load_some(largest + i, some);
      for (ptrdiff_t r = 0; r < count; r++) {
        const f16 value = load_some(x + (row + r) * columns + i, some);
        low = value < low ? value : low;
        high = value >= high ? value : high;
      }
      store_some(least + i, low, some);
      store_some(largest + i, high, some);
    }
  }
}

VQ_TARGET static void column_sums(const float *x, ptrdiff_t rows, ptrdiff_t columns, double *sums) {
  const ptrdiff_t whole = columns & ~(ptrdiff_t)(lanes - 1);
  for (ptrdiff_t row = 0; row < rows; row += 4) {
    const ptrdiff_t count = rows - row < 4 ? rows - row : 4;
    const float *values = x + row * columns;
    for (ptrdiff_t i = 0; i < whole; i += lanes) {
      d16 sum;
      __builtin_memcpy(&sum, sums + i, sizeof sum);
      for (ptrdiff_t r = 0; r < count; r++) sum += __builtin_convertvector(load(values + r * columns + i), d16);
      __builtin_memcpy(sums + i, &sum, sizeof sum);
    }
    for (ptrdiff_t r = 0; r < count; r++) {
      for (ptrdiff_t i = whole; i < columns; i++) sums[i] += (double)values[r * columns + i];
    }
  }
}

VQ_TARGET static void range(const float *x, ptrdiff_t count, float *least, float *largest) {
  i16 low = 0, high = 0;
  for (ptrdiff_t i = 0; i < count; i += lanes) {
    const i16 value = ordered(load_some(x + i, count - i));
    low = least_of(low, value);
    high = largest_of(high, value);
  }
  *least = unordered(__builtin_reduce_min(low));
  *largest = unordered(__builtin_reduce_max(high));
}

VQ_TARGET static uint32_t magnitude(const float *x, ptrdiff_t count) {
  u16 largest = 0;
  for (ptrdiff_t i = 0; i < count; i += lanes) {
    const u16 bits = (u16)load_some(x + i, count - i) & 0x7FFFFFFFu;
    largest = bits > largest ? bits : largest;
  }
  return __builtin_reduce_max(largest);
}

VQ_TARGET static void extremes(const float *x, ptrdiff_t count, int32_t *least, int32_t *largest) {
  i16 low = *least, high = *largest;
  for (ptrdiff_t i = 0; i < count; i += lanes) {
    // Lanes beyond the last repeat a value.
    f16 values = count - i < lanes ? (f16)x[i] : load(x + i);
    for (ptrdiff_t lane = 0; lane < count - i && count - i < lanes; lane++) values[lane] = x[i + lane];
    const i16 is_finite = ((u16)values & 0x7F800000u) != 0x7F800000u;
    const i16 value = ordered(values);
    low = least_of(low, is_finite ? value : (i16)INT32_MAX);
    high = largest_of(high, is_finite ? value : (i16)INT32_MIN);
  }
  *least = __builtin_reduce_min(low);
  *largest = __builtin_reduce_max(high);
}

VQ_INLINE f8 load8(const float *x) {
  f8 value;
  __builtin_memcpy(&value, x, sizeof value);
  return value;
}

VQ_INLINE void transpose(f8 *r) {
  f8 a[8], b[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      b[i + 2 * j] = __builtin_shufflevector(a[i + j], a[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[i + 2 * j + 1] = __builtin_shufflevector(a[i + j], a[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    r[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    r[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

VQ_TARGET static void squared_errors(
    const float *x, ptrdiff_t x_stride, const float *y, ptrdiff_t y_stride, ptrdiff_t rows, ptrdiff_t columns,
    double *sums) {
  // Rows side by side, because the additions of one row wait for each other.
  const ptrdiff_t whole = columns & ~(ptrdiff_t)7;
  for (ptrdiff_t row = 0; row < rows; row += 8) {
    const ptrdiff_t count = rows - row < 8 ? rows - row : 8;
    d8 sum = 0;
    for (ptrdiff_t r = 0; r < count; r++) sum[r] = sums[row + r];
    for (ptrdiff_t i = 0; i < whole; i += 8) {
      f8 difference[8];
#pragma clang loop unroll(full)
      for (ptrdiff_t r = 0; r < 8; r++) {
        // Rows beyond the last repeat it.
        const ptrdiff_t at = row + (r < count ? r : count - 1);
        difference[r] = load8(x + at * x_stride + i) - load8(y + at * y_stride + i);
      }
      transpose(difference);
#pragma clang loop unroll(full)
      for (int j = 0; j < 8; j++) {
        const d8 value = __builtin_convertvector(difference[j], d8);
        sum += value * value;
      }
    }
    for (ptrdiff_t r = 0; r < count; r++) {
      double total = sum[r];
      for (ptrdiff_t i = whole; i < columns; i++) {
        const double value = (double)(x[(row + r) * x_stride + i] - y[(row + r) * y_stride + i]);
        total += value * value;
      }
      sums[row + r] = total;
    }
  }
}

// MARK: Matrices

VQ_TARGET static void pack(
    const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride, ptrdiff_t k, ptrdiff_t n, float *packed) {
  for (ptrdiff_t first = 0; first < n; first += panel_columns, packed += k * panel_columns) {
    const ptrdiff_t columns = n - first < panel_columns ? n - first : panel_columns;
    const float *source = b + first * column_stride;
    ptrdiff_t row = 0;
    if (columns == panel_columns && column_stride == 1) {
      for (; row < k; row++) {
        store(packed + row * panel_columns, load(source + row * row_stride));
        store(packed + row * panel_columns + lanes, load(source + row * row_stride + lanes));
      }
    } else if (columns == panel_columns && row_stride == 1) {
      for (; row + 8 <= k; row += 8) {
        for (ptrdiff_t column = 0; column < panel_columns; column += 8) {
          f8 block[8];
#pragma clang loop unroll(full)
          for (int i = 0; i < 8; i++) block[i] = load8(source + (column + i) * column_stride + row);
          transpose(block);
#pragma clang loop unroll(full)
          for (int i = 0; i < 8; i++) {
            __builtin_memcpy(packed + (row + i) * panel_columns + column, &block[i], sizeof block[i]);
          }
        }
      }
    }
    for (; row < k; row++) {
      for (ptrdiff_t column = 0; column < panel_columns; column++) {
        packed[row * panel_columns + column] =
            column < columns ? source[row * row_stride + column * column_stride] : 0;
      }
    }
  }
}

VQ_INLINE void round_row(
    f16 value, const float *exact, float *changes, float *levels, float scale, float limit, const float *steps,
    float *losses) {
  const f16 level = clipped(rounded(value), -limit, limit);
  store(levels, level);
  store(changes, level - load(exact));
  const f16 loss = (value - level) * scale * load(steps);
  store(losses, load(losses) + loss * loss);
}

// Some rows (a constant after inlining) of 32 values: the changes of all rows before them at once, so that several chains
// of subtractions go side by side, then of the rows among them.
VQ_INLINE void round_rows(
    int count, ptrdiff_t row, const float *values, const float *exact, float *changes, float *levels,
    const float *factors, ptrdiff_t stride, float limit, const float *steps, float *losses) {
  f16 value[4][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < count; r++) {
    value[r][0] = load(values + (row + r) * panel_columns);
    value[r][1] = load(values + (row + r) * panel_columns + lanes);
  }
  for (ptrdiff_t before = 0; before < row; before++) {
    const f16 left = load(changes + before * panel_columns), right = load(changes + before * panel_columns + lanes);
#pragma clang loop unroll(full)
    for (int r = 0; r < count; r++) {
      const float factor = factors[(row + r) * stride + before];
      value[r][0] -= left * factor;
      value[r][1] -= right * factor;
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < count; r++) {
    const float *row_factors = factors + (row + r) * stride + row;
    const ptrdiff_t at = (row + r) * panel_columns;
    for (int before = 0; before < r; before++) {
      const ptrdiff_t change = (row + before) * panel_columns;
      value[r][0] -= load(changes + change) * row_factors[before];
      value[r][1] -= load(changes + change + lanes) * row_factors[before];
    }
    round_row(value[r][0], exact + at, changes + at, levels + at, row_factors[r], limit, steps, losses);
    round_row(
        value[r][1], exact + at + lanes, changes + at + lanes, levels + at + lanes, row_factors[r], limit, steps + lanes,
        losses + lanes);
  }
}

VQ_TARGET static void round_panel(
    float *values, const float *exact, float *changes, float *levels, const float *factors, ptrdiff_t stride,
    ptrdiff_t rows, float limit, const float *steps, float *losses) {
  ptrdiff_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    round_rows(4, row, values, exact, changes, levels, factors, stride, limit, steps, losses);
  }
  for (; row < rows; row++) {
    round_rows(1, row, values, exact, changes, levels, factors, stride, limit, steps, losses);
  }
}

VQ_TARGET static void solve(float *x, ptrdiff_t stride, ptrdiff_t rows, const float *upper, ptrdiff_t count) {
  const i16 numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (ptrdiff_t row = 0; row < rows; row++, x += stride) {
    for (ptrdiff_t column = 0; column < count; column++) {
      const float *factors = upper + column * count;
      const float value = x[column] / factors[column];
      x[column] = value;
      for (ptrdiff_t i = (column + 1) & ~(ptrdiff_t)(lanes - 1); i < count; i += lanes) {
        const f16 before = load_some(x + i, count - i);
        const f16 after = before - value * load_some(factors + i, count - i);
        store_some(x + i, numbers > (int32_t)(column - i) ? after : before, count - i);
      }
    }
  }
}

#define VQ_FLOAT_ROWS                                                                                              \
  {                                                                                                                \
    .activate = activate, .softmax = softmax, .normalize = normalize, .range = range, .round = round_values,       \
    .multiply = multiply,                                                                                          \
    .divide = divide, .subtract = subtract, .column_range = column_range, .column_sums = column_sums,              \
    .magnitude = magnitude, .extremes = extremes, .squared_errors = squared_errors, .pack = pack,                  \
    .round_panel = round_panel, .solve = solve                                                                     \
  }

#endif
