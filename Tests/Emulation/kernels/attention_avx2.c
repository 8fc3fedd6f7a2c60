#include "../names.h"

#include "../../../Sources/CKernels/attention_avx2.c"
