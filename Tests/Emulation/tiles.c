// AMX, from Intel's Software Developer's Manual: LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED, TDPBUSD, and
// their exceptions (volume 2, "Intel AMX instruction exception classes"). An instruction with a fault does nothing
// more.
#include <stdbool.h>
#include <string.h>

#include "CEmulation.h"
#include "faults.h"

// Palette 1, the only one there is.
enum { tile_count = 8, most_rows = 16, most_bytes = 64 };

typedef struct tile {
  int rows, row_bytes;  // both 0 where the tile is not used
  uint8_t data[most_rows][most_bytes];
} tile;

static _Thread_local struct {
  bool configured;
  tile tiles[tile_count];
} unit;

bool vq_tiles_are_configured(void) { return unit.configured; }

static bool is_zero(const uint8_t *bytes, int count) {
  for (int i = 0; i < count; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

// What is wrong with the operand of LDTILECFG for palette 1; NULL if nothing is.
static const char *configuration_fault(const uint8_t *bytes) {
  if (bytes[0] != 1) return "a tile configuration's palette is not 0 or 1";
  // Where an interrupted load or store goes on: a program that starts anew has 0 here.
  if (bytes[1] != 0) return "a tile configuration's first row is not 0";
  const bool reserved_is_zero = is_zero(bytes + 2, 14) && is_zero(bytes + 16 + 2 * tile_count, 16) &&
                                is_zero(bytes + 48 + tile_count, 8);
  if (!reserved_is_zero) return "a tile configuration's reserved bytes are not zero";
  for (int i = 0; i < tile_count; ++i) {
    const int row_bytes = bytes[16 + 2 * i] | bytes[17 + 2 * i] << 8, rows = bytes[48 + i];
    if (row_bytes > most_bytes) return "a tile has more than 64 bytes in a row";
    if (rows > most_rows) return "a tile has more than 16 rows";
    if ((rows == 0) != (row_bytes == 0)) return "a tile has rows without bytes, or bytes without rows";
  }
  return NULL;
}

void vq_emulated_tile_loadconfig(const void *configuration) {
  uint8_t bytes[64];
  memcpy(bytes, configuration, sizeof bytes);
  if (bytes[0] == 0) return vq_emulated_tile_release();
  const char *const what = configuration_fault(bytes);
  if (what) return vq_emulation_fault(what);
  memset(&unit, 0, sizeof unit);
  unit.configured = true;
  for (int i = 0; i < tile_count; ++i) {
    unit.tiles[i].row_bytes = bytes[16 + 2 * i] | bytes[17 + 2 * i] << 8;
    unit.tiles[i].rows = bytes[48 + i];
  }
}

void vq_emulated_tile_release(void) { memset(&unit, 0, sizeof unit); }

// The tile, or NULL with a fault where it cannot be used.
static tile *usable_tile(int number) {
  if (!unit.configured) {
    vq_emulation_fault("a tile is used, and tiles are not configured");
    return NULL;
  }
  if (number < 0 || number >= tile_count || unit.tiles[number].rows == 0) {
    vq_emulation_fault("a tile is used that the configuration does not have");
    return NULL;
  }
  return &unit.tiles[number];
}

void vq_emulated_tile_zero(int number) {
  tile *const tile = usable_tile(number);
  if (tile) memset(tile->data, 0, sizeof tile->data);
}

void vq_emulated_tile_loadd(int number, const void *from, ptrdiff_t stride) {
  tile *const tile = usable_tile(number);
  if (!tile) return;
  memset(tile->data, 0, sizeof tile->data);
  for (int row = 0; row < tile->rows; ++row) {
    memcpy(tile->data[row], (const char *)from + row * stride, (size_t)tile->row_bytes);
  }
}

void vq_emulated_tile_stored(int number, void *to, ptrdiff_t stride) {
  const tile *const tile = usable_tile(number);
  if (!tile) return;
  for (int row = 0; row < tile->rows; ++row) {
    memcpy((char *)to + row * stride, tile->data[row], (size_t)tile->row_bytes);
  }
}

// What is wrong with the shapes of a product; NULL if nothing is.
static const char *product_fault(const tile *sums, const tile *a, const tile *b) {
  if (sums == a || sums == b || a == b) return "a tile product has a tile twice";
  if (sums->row_bytes % 4 != 0 || a->row_bytes % 4 != 0 || b->row_bytes % 4 != 0) {
    return "a tile product's rows are not whole groups of 4 bytes";
  }
  if (sums->rows != a->rows || sums->row_bytes != b->row_bytes || a->row_bytes / 4 != b->rows) {
    return "a tile product's shapes do not fit";
  }
  return NULL;
}

void vq_emulated_tile_dpbusd(int sums_number, int a_number, int b_number) {
  tile *const sums = usable_tile(sums_number);
  const tile *const a = usable_tile(a_number), *const b = usable_tile(b_number);
  if (!sums || !a || !b) return;
  const char *const what = product_fault(sums, a, b);
  if (what) return vq_emulation_fault(what);
  for (int m = 0; m < sums->rows; ++m) {
    uint32_t row[most_bytes / 4];
    memcpy(row, sums->data[m], sizeof row);
    for (int k = 0; k < a->row_bytes; ++k) {
      const int32_t x = a->data[m][k];
      const int8_t *const column = (const int8_t *)b->data[k / 4] + k % 4;
      for (int n = 0; n < sums->row_bytes / 4; ++n) row[n] += (uint32_t)(x * column[4 * n]);
    }
    memcpy(sums->data[m], row, sizeof row);
  }
}
