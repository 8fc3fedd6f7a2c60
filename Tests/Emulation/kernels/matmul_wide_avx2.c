#include "../names.h"

#include "../../../Sources/CKernels/matmul_wide_avx2.c"
