#include "../names.h"

#include "../../../Sources/CKernels/heads_avx512.c"
