// Row functions of calibration and the float reference with AVX-512.
#if defined(__x86_64__)

#define VQ_TARGET __attribute__((target("avx512f")))
#include "float_rows.h"

const vq_float_rows vq_float_rows_avx512 = VQ_FLOAT_ROWS;

#endif
