#include "GuardedMemory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t readable_size(size_t size) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (size + page - 1) / page * page;
}

void *guarded_allocate(size_t size) {
  const size_t readable = readable_size(size), page = (size_t)sysconf(_SC_PAGESIZE);
  char *const mapping = mmap(NULL, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED || mprotect(mapping + readable, page, PROT_NONE) != 0) return NULL;
  return mapping + (readable - size);
}

void guarded_free(void *memory, size_t size) {
  const size_t readable = readable_size(size);
  munmap((char *)memory - (readable - size), readable + (size_t)sysconf(_SC_PAGESIZE));
}

void exit_with_failure(void) { exit(EXIT_FAILURE); }
