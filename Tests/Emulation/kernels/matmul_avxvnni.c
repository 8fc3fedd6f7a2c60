#include "../names.h"

#include "../../../Sources/CKernels/matmul_avxvnni.c"
