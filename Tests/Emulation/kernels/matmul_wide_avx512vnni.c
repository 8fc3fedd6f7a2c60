#include "../names.h"

#include "../../../Sources/CKernels/matmul_wide_avx512vnni.c"
