#include "../names.h"

#include "../../../Sources/CKernels/attention_avx512.c"
