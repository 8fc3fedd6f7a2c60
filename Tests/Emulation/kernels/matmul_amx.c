#include "../names.h"

#include "../../../Sources/CKernels/matmul_amx.c"
