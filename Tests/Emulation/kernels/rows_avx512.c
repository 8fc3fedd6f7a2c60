#include "../names.h"

#include "../../../Sources/CKernels/rows_avx512.c"
