#include "../names.h"

#include "../../../Sources/CKernels/matmul_avx512vnni.c"
