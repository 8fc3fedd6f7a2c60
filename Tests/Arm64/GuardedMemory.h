#ifndef GUARDED_MEMORY_H
#define GUARDED_MEMORY_H

#include <stddef.h>

// `size` bytes that end where a page without access begins; NULL when there is no memory.
void *_Nullable guarded_allocate(size_t size);
void guarded_free(void *_Nonnull memory, size_t size);

// Ends the process with status 1, what was printed flushed: an Embedded Swift trap would lose it.
_Noreturn void exit_with_failure(void);

#endif
