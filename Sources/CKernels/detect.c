#include "CKernels.h"

uint32_t vq_detect_isas(void) { return 0; }
