#include "../names.h"

#include "../../../Sources/CKernels/rows_avx2.c"
