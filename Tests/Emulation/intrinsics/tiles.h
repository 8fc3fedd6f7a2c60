// The tile unit of AMX; its state is in ../tiles.c.
#ifndef VQ_EMULATED_TILES_H
#define VQ_EMULATED_TILES_H

#include "CEmulation.h"

#define _tile_loadconfig(CONFIGURATION) vq_emulated_tile_loadconfig(CONFIGURATION)
#define _tile_release() vq_emulated_tile_release()
#define _tile_zero(TILE) vq_emulated_tile_zero(TILE)
#define _tile_loadd(TILE, FROM, STRIDE) vq_emulated_tile_loadd(TILE, FROM, STRIDE)
#define _tile_stored(TILE, TO, STRIDE) vq_emulated_tile_stored(TILE, TO, STRIDE)
#define _tile_dpbusd(SUMS, A, B) vq_emulated_tile_dpbusd(SUMS, A, B)

#endif
