#include "faults.h"

#include "CEmulation.h"

// The first one, so that what follows from it does not hide it.
static _Thread_local const char *fault;

void vq_emulation_fault(const char *what) {
  if (!fault) fault = what;
}

const char *vq_emulation_take_fault(void) {
  if (vq_tiles_are_configured()) vq_emulation_fault("tiles were not released");
  vq_emulated_tile_release();
  const char *const taken = fault;
  fault = NULL;
  return taken;
}
