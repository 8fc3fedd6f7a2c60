#include "../names.h"

#include "../../../Sources/CKernels/epilogue_avx2.c"
