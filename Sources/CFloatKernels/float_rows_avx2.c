// Row functions of calibration and the float reference with AVX2.
#if defined(__x86_64__)

#define VQ_TARGET __attribute__((target("avx2")))
#include "float_rows.h"

const vq_float_rows vq_float_rows_avx2 = VQ_FLOAT_ROWS;

#endif
