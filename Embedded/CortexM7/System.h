// What Start.S defines, for Swift.
#include <stdint.h>

// Asks the debugger or emulator for a service; see Arm's "Semihosting for AArch32 and AArch64".
intptr_t semihosting(intptr_t operation, const void *argument);

// Where things lie in flash and in memory.
typedef struct vq_memory {
  uintptr_t ram_start;  // static data, up to bss_end; then the heap
  uintptr_t bss_end;
  uintptr_t stack_top;  // the end of memory, from where the stack grows down
  uintptr_t model_start, model_end;
  uintptr_t pixels_start, pixels_end;
  uintptr_t slow_start, slow_end;  // free slow memory; the same address twice where there is none
  uintptr_t program_size;  // not an address: bytes in flash without the model and the pixels
} vq_memory;
