// uint8 x int8 products with AMX: blocks of 2 x 2 tiles, 32 rows x 32 columns.
//
// A tile of activations is 16 rows x 64 inputs, read in place; a tile of weights is 16 groups of 4 inputs x 16
// columns, which is how a panel lies in memory; a tile of sums is 16 x 16. The tile unit and the vector units work side
// by side, so the requantization of a block is spread over the tile products of the next one.
#if defined(__x86_64__) || defined(VQ_EMULATED)

#include <string.h>

#include "avx512.h"

VQ_INSTRUCTIONS("avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-int8")

enum { tile_rows = 16, tile_inputs = 64, block_rows = 2 * tile_rows, block_columns = 32, block_sums = block_rows * 32 };

// Sums of 2 x 2 tiles, activations of two, weights of two.
enum { sums00, sums01, sums10, sums11, inputs0, inputs1, weights0, weights1 };

// The operand of LDTILECFG.
typedef struct tile_configuration {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_configuration;

static void configure(int32_t rows) {
  tile_configuration configuration;
  memset(&configuration, 0, sizeof configuration);
  configuration.palette = 1;
  for (int tile = sums00; tile <= weights1; ++tile) {
    configuration.row_bytes[tile] = 64;
    configuration.rows[tile] = tile >= weights0 ? tile_inputs / 4 : (uint8_t)rows;
  }
  _tile_loadconfig(&configuration);
}

// A finished block whose requantization is under way.
typedef struct finished_block {
  const int32_t *accumulators;  // rows x 16 panels
  int32_t row, rows, column, panels;
  int32_t written;  // of its rows
} finished_block;

static void write_rows(const vq_matmul *product, finished_block *block, int32_t rows) {
  const int32_t left = block->rows - block->written;
  const int32_t now = rows < left ? rows : left;
  if (now <= 0) return;
  const int32_t *const accumulators = block->accumulators + block->written * block->panels * 16;
  vq_epilogue_avx512(product, accumulators, block->row + block->written, now, block->column, block->panels);
  block->written += now;
}

// Where a step of 64 inputs is read: two tiles of rows, two of columns.
typedef struct step {
  const uint8_t *a[2];
  ptrdiff_t a_stride;
  const int8_t *b[2];
} step;

// `tiles` and `panels` are constants where this is inlined.
static inline __attribute__((always_inline)) void multiply(step step, const int tiles, const int panels) {
  _tile_loadd(inputs0, step.a[0], step.a_stride);
  _tile_loadd(weights0, step.b[0], 64);
  _tile_dpbusd(sums00, inputs0, weights0);
  if (panels > 1) {
    _tile_loadd(weights1, step.b[1], 64);
    _tile_dpbusd(sums01, inputs0, weights1);
  }
  if (tiles > 1) {
    _tile_loadd(inputs1, step.a[1], step.a_stride);
    _tile_dpbusd(sums10, inputs1, weights0);
    if (panels > 1) _tile_dpbusd(sums11, inputs1, weights1);
  }
}

static void multiply_tiles(step step, int32_t tiles, int32_t panels) {
  if (tiles == 2) {
    if (panels == 2) multiply(step, 2, 2);
    else multiply(step, 2, 1);
  } else {
    if (panels == 2) multiply(step, 1, 2);
    else multiply(step, 1, 1);
  }
}

// The weights of two panels, with what is beyond the last whole step of 64 inputs padded with zeros.
typedef struct weights {
  const int8_t *panel[2];
  _Alignas(64) int8_t remainder[2][tile_inputs * 16];
} weights;

static void load_weights(weights *weights, const vq_matmul *product, int32_t column, int32_t panels) {
  const int8_t *const b = product->b;
  const int32_t remainder = product->k % tile_inputs;
  for (int32_t p = 0; p < panels; ++p) {
    weights->panel[p] = b + (ptrdiff_t)(column + p * 16) * product->k;
    if (remainder > 0) {
      const int8_t *const rest = weights->panel[p] + (ptrdiff_t)(product->k - remainder) * 16;
      memcpy(weights->remainder[p], rest, (size_t)remainder * 16);
      memset(weights->remainder[p] + remainder * 16, 0, (size_t)(tile_inputs - remainder) * 16);
    }
  }
  if (panels == 1) weights->panel[1] = weights->panel[0];
}

// The last inputs of some rows, padded with zeros to a tile's 64.
static void load_remainder(const uint8_t *a, ptrdiff_t stride, int32_t rows, int32_t remainder, uint8_t *out) {
  const __mmask64 lanes = ~0ull >> (64 - remainder);
  for (int32_t r = 0; r < rows; ++r) {
    _mm512_store_si512(out + r * tile_inputs, _mm512_maskz_loadu_epi8(lanes, a + r * stride));
  }
}

// The rows and columns of a block: one or two tiles of `rows` rows, from `first` and `second` on, with one or two
// panels.
typedef struct block {
  int32_t first, second, rows, tiles, panels;
} block;

// A block's sums, in the tiles. Some rows of `finished` are written after each step.
static void multiply_block(const vq_matmul *product, const block *block, const weights *weights,
                           finished_block *finished) {
  const int32_t steps = product->k / tile_inputs, remainder = product->k % tile_inputs;
  const int32_t rows_per_step = block_rows / (steps + 1) + 1;
  const uint8_t *const rows = product->a;
  const uint8_t *const a[2] = {rows + block->first * product->a_stride, rows + block->second * product->a_stride};
  _tile_zero(sums00);
  _tile_zero(sums01);
  _tile_zero(sums10);
  _tile_zero(sums11);
  for (int32_t i = 0; i < steps; ++i) {
    const ptrdiff_t input = (ptrdiff_t)i * tile_inputs;
    const step step = {
        {a[0] + input, a[1] + input},
        product->a_stride,
        {weights->panel[0] + input * 16, weights->panel[1] + input * 16}};
    multiply_tiles(step, block->tiles, block->panels);
    write_rows(product, finished, rows_per_step);
  }
  if (remainder > 0) {
    _Alignas(64) uint8_t inputs[2][tile_rows * tile_inputs];
    for (int32_t t = 0; t < block->tiles; ++t) {
      load_remainder(a[t] + product->k - remainder, product->a_stride, block->rows, remainder, inputs[t]);
    }
    const step step = {{inputs[0], inputs[1]}, tile_inputs, {weights->remainder[0], weights->remainder[1]}};
    multiply_tiles(step, block->tiles, block->panels);
  }
}

static void store_sums(int32_t *accumulators, const block *block) {
  const ptrdiff_t stride = block->panels * 64;
  int32_t *const second = accumulators + (block->second - block->first) * block->panels * 16;
  _tile_stored(sums00, accumulators, stride);
  if (block->panels > 1) _tile_stored(sums01, accumulators + 16, stride);
  if (block->tiles > 1) {
    _tile_stored(sums10, second, stride);
    if (block->panels > 1) _tile_stored(sums11, second + 16, stride);
  }
}

// Panels outside, rows inside: the weights are read once and in order. The last tile of rows moves up so that it is
// full; rows that it shares with the one before are computed twice and written once.
static void matmul(const vq_matmul *product) {
  _Alignas(64) int32_t accumulators[2][block_sums];
  weights weights;
  const int32_t rows = product->rows < tile_rows ? product->rows : tile_rows;
  const int32_t last = product->rows - rows;
  finished_block finished = {0};
  int32_t turn = 0;
  configure(rows);
  for (int32_t column = 0; column < product->columns; column += block_columns) {
    const int32_t panels = product->columns - column > 16 ? 2 : 1;
    load_weights(&weights, product, column, panels);
    for (int32_t row = 0; row < product->rows; row += block_rows) {
      const int32_t left = product->rows - row;
      const block block = {
          .first = row < last ? row : last,
          .second = row + tile_rows < last ? row + tile_rows : last,
          .rows = rows,
          .tiles = left > tile_rows ? 2 : 1,
          .panels = panels};
      multiply_block(product, &block, &weights, &finished);
      store_sums(accumulators[turn], &block);
      write_rows(product, &finished, block_rows);
      finished = (finished_block){
          .accumulators = accumulators[turn],
          .row = block.first,
          .rows = (left < block_rows ? product->rows : row + block_rows) - block.first,
          .column = column,
          .panels = panels,
          .written = row - block.first};
      turn = 1 - turn;
    }
  }
  write_rows(product, &finished, block_rows);
  _tile_release();
}

VQ_INSTRUCTIONS_END

const vq_kernels vq_kernels_amx = {.matmul = matmul, .matmul_wide = vq_matmul_wide_avx512vnni, VQ_ROW_KERNELS_AVX512};

#endif
