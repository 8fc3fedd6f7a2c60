#include "../names.h"

#include "../../../Sources/CKernels/matmul_avx2.c"
