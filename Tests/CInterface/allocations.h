/* Counts the heap allocations of a program and of the libraries that it uses: of C, C++ and Swift alike. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

/* Allocations since the program began, of all threads. */
unsigned long allocation_count(void);

#endif
