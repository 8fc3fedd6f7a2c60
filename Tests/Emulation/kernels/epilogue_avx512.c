#include "../names.h"

#include "../../../Sources/CKernels/epilogue_avx512.c"
