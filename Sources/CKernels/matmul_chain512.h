// Products of int8 with 512-bit registers, in a chain of blocks: the products of one go on while the values of the one
// before are made of its sums. Zen 4 has four vector units and multiplies in two of them. At the end of a block, values
// alone would leave these two idle, and to store sums and read them again takes them as long as 34 products.
//
// A block goes over its inputs in a circle, row r from step r on, so that each row ends one step after the row before it. In
// each of the first 12 steps the sums of one row are done: its values are made, and its registers go over to the next
// block. `matmul_blocks512.h` includes this.
#ifndef VQ_MATMUL_CHAIN512_H
#define VQ_MATMUL_CHAIN512_H

// Blocks of all heights would be more code; products of many rows have no others.
enum { least_chain_rows = 9 };

// What is the same for all blocks of a product.
typedef struct chain {
  ptrdiff_t out_stride;  // bytes
  int32_t steps;
  vq_output output;
  __m512i shift;
} chain;

// A block: some rows of two whole panels.
typedef struct link {
  factors x;
  int32_t rows;  // 0 before the first block and after the last
  char *out;
  // Where values are made:
  const short_columns *columns;                  // of both panels
  const int32_t *multipliers;                    // of each row
  _Alignas(64) int32_t zero_points[group_rows];  // of each row, for `requantize_short`
} link;

static inline __attribute__((always_inline)) void write_row(const __m512i *sums, const int row, const link *link,
                                                            const chain *chain) {
  char *const out = link->out + row * chain->out_stride;
  __m512i values[2] = {sums[0], sums[1]};
  if (chain->output == vq_output_sums) {
    write_values(values, out, 0xFFFF, 2, vq_output_int32);
    return;
  }
  const __m512i zero_point = _mm512_set1_epi32(link->zero_points[row]);
  const __m512i multiplier = _mm512_set1_epi32(link->multipliers[row]);
  for (int p = 0; p < 2; ++p) {
    values[p] = requantize_short(sums[p], zero_point, multiplier, &link->columns[p], chain->shift);
  }
  if (chain->output == vq_output_int16) write_values(values, out, 0xFFFF, 2, vq_output_int16);
  else if (chain->output == vq_output_accumulate) write_values(values, out, 0xFFFF, 2, vq_output_accumulate);
  else write_values(values, out, 0xFFFF, 2, vq_output_int32);
}

// A step of the rows from `first` to before `end`. These and `step` are constants where this is inlined.
static inline __attribute__((always_inline)) void add_step(__m512i sums[block_rows][2], const link *link, const int step,
                                                           const int first, const int end) {
  const char *const a = link->x.a + 4 * step, *const b = link->x.b + 64 * step;
  const __m512i first_weights = _mm512_loadu_si512(b), second_weights = _mm512_loadu_si512(b + link->x.panel_size);
#pragma clang loop unroll(full)
  for (int r = first; r < end; ++r) {
    if (r >= least_chain_rows && r >= link->rows) continue;
    const __m512i inputs = broadcast(a + r * link->x.stride);
    VQ_ADD_PRODUCTS(sums[r][0], inputs, first_weights);
    VQ_ADD_PRODUCTS(sums[r][1], inputs, second_weights);
  }
}

// The step in which a row, a constant where this is inlined, ends in one block and begins in the next.
static inline __attribute__((always_inline)) void pass_row(__m512i sums[block_rows][2], const int row, const link *ending,
                                                           const link *beginning, const chain *chain) {
  if (row < ending->rows) write_row(sums[row], row, ending, chain);
  sums[row][0] = sums[row][1] = _mm512_setzero_si512();
  if (ending->rows > 0) add_step(sums, ending, row, row + 1, block_rows);
  if (beginning->rows == 0) return;
  _mm_prefetch(beginning->x.b + 64 * row + beginning->x.ahead, _MM_HINT_T1);
  // Where the row is written in the end. A block's rows are too far from each other for a processor to be ahead by itself,
  // and one that waited for a row of the residual stream would soon have no products left that it could begin.
  const char *const out = beginning->out + row * chain->out_stride;
  _mm_prefetch(out, _MM_HINT_T0);
  _mm_prefetch(out + 64, _MM_HINT_T0);
  add_step(sums, beginning, row, 0, row + 1);
}

static inline __attribute__((always_inline)) void pass_rows(__m512i sums[block_rows][2], const link *ending,
                                                            const link *beginning, const chain *chain) {
  pass_row(sums, 0, ending, beginning, chain);
  pass_row(sums, 1, ending, beginning, chain);
  pass_row(sums, 2, ending, beginning, chain);
  pass_row(sums, 3, ending, beginning, chain);
  pass_row(sums, 4, ending, beginning, chain);
  pass_row(sums, 5, ending, beginning, chain);
  pass_row(sums, 6, ending, beginning, chain);
  pass_row(sums, 7, ending, beginning, chain);
  pass_row(sums, 8, ending, beginning, chain);
  pass_row(sums, 9, ending, beginning, chain);
  pass_row(sums, 10, ending, beginning, chain);
  pass_row(sums, 11, ending, beginning, chain);
}

static inline __attribute__((always_inline)) void add_other_steps(__m512i sums[block_rows][2], const link *link,
                                                                  const chain *chain, const int rows) {
  factors x = link->x;
  x.a += 4 * block_rows;
  x.b += 64 * block_rows;
  add_steps(sums, x, chain->steps - block_rows, rows, 2);
}

// Whether the pairs of whole panels of a product are a chain. `blocks` are those of its rows.
static int has_chain(const vq_matmul *product, int32_t blocks) {
  if (product->rows < least_chain_rows || product->rows / blocks < least_chain_rows) return 0;
  if (product->k / 4 < block_rows) return 0;
  for (int32_t column = 0; product->columns - column >= block_columns; column += block_columns) {
    if (product->output != vq_output_sums && !has_short_form(product, column, 2)) return 0;
  }
  return 1;
}

// The blocks of all pairs of whole panels; returns the first column that is left.
static int32_t multiply_chain(const vq_matmul *product, int32_t blocks) {
  const ptrdiff_t size = product->output == vq_output_int16 ? 2 : 4;
  const vq_shift512 shift = vq_make_shift512(product->shift);
  const chain chain = {.out_stride = product->out_stride * size,
                       .steps = product->k / 4,
                       .output = product->output,
                       .shift = shift.count};
  const int makes_values = product->output != vq_output_sums;
  const int32_t end = product->columns / block_columns * block_columns;
  // Of the block that ends and the one that begins, in turn.
  link links[2];
  short_columns columns[2][2];
  links[1].rows = 0;
  int turn = 0, columns_turn = 0;
  __m512i sums[block_rows][2];
  for (int r = 0; r < block_rows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_si512();
  for (int32_t column = 0, row = 0, block = 0;; turn = 1 - turn) {
    link *const beginning = &links[turn];
    beginning->rows = 0;
    if (column < end) {
      const int32_t rows = (product->rows - row + blocks - block - 1) / (blocks - block);
      beginning->x = (factors){.a = (const char *)product->a + row * product->a_stride,
                               .b = (const char *)product->b + (ptrdiff_t)column * product->k,
                               .stride = product->a_stride,
                               .panel_size = (ptrdiff_t)product->k * 16,
                               .ahead = prefetch_distance(product, column, blocks - block)};
      beginning->rows = rows;
      beginning->out = (char *)product->out + row * chain.out_stride + column * size;
      if (makes_values) {
        if (block == 0) {
          columns_turn = 1 - columns_turn;
          for (int p = 0; p < 2; ++p) {
            columns[columns_turn][p] = make_short_columns(load_columns(product, column + 16 * p), shift);
          }
        }
        beginning->columns = columns[columns_turn];
        beginning->multipliers = product->row_multiplier + row;
        _mm512_store_si512(beginning->zero_points, make_short_zero_points(product->row_zero_point + row, rows));
      }
      row += rows;
      if (++block == blocks) {
        block = row = 0;
        column += block_columns;
      }
    }
    pass_rows(sums, &links[1 - turn], beginning, &chain);
    switch (beginning->rows) {
      case 0: return end;
      case 9: add_other_steps(sums, beginning, &chain, 9); break;
      case 10: add_other_steps(sums, beginning, &chain, 10); break;
      case 11: add_other_steps(sums, beginning, &chain, 11); break;
      default: add_other_steps(sums, beginning, &chain, 12); break;
    }
  }
}

#endif
