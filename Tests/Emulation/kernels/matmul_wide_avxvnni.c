#include "../names.h"

#include "../../../Sources/CKernels/matmul_wide_avxvnni.c"
