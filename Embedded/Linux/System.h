// What Start.S defines, for Swift.
#include <stdint.h>

// A system call: its number, then its arguments. Returns the result, or minus an error number.
intptr_t syscall(intptr_t number, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t);
