/*
 * glibc lets a program define malloc and its kin, and then uses these in every library too. They count and go on to
 * glibc's own.
 */
#include "allocations.h"

#include <errno.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static unsigned long count;

static void add(void) { __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST); }

unsigned long allocation_count(void) { return __atomic_load_n(&count, __ATOMIC_SEQ_CST); }

void *malloc(size_t size) {
  add();
  return __libc_malloc(size);
}

void *calloc(size_t elements, size_t size) {
  add();
  return __libc_calloc(elements, size);
}

void *realloc(void *memory, size_t size) {
  add();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  add();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *result = memalign(alignment, size);
  if (result == NULL) return ENOMEM;
  *memory = result;
  return 0;
}

void free(void *memory) { __libc_free(memory); }
