/* What the files of the test of the C interface share. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

#include "vitquant.h"

/* Expectations that did not hold. */
extern int failures;

#define EXPECT(condition)                                                            \
  do {                                                                               \
    if (!(condition)) {                                                              \
      failures++;                                                                    \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);        \
    }                                                                                \
  } while (0)

/* A call that succeeds; prints the library's text where it does not. */
#define EXPECT_OK(call)                                                              \
  do {                                                                               \
    if ((call) != VITQUANT_OK || error.status != VITQUANT_OK || error.message[0]) {  \
      failures++;                                                                    \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error.message);  \
    }                                                                                \
  } while (0)

/* A call that fails with a status, and with a text that has some words in it. */
#define EXPECT_ERROR(call, expected, words)                                          \
  do {                                                                               \
    const vitquant_status found = (call);                                            \
    if (found != (expected) || error.status != found || !strstr(error.message, words)) { \
      failures++;                                                                    \
      fprintf(stderr, "%s:%d: %s: status %d, \"%s\"\n", __FILE__, __LINE__, #call, (int)found, error.message); \
    }                                                                                \
  } while (0)

/* The model file in aligned memory, and an image for it. */
typedef struct example {
  const char *path;
  void *bytes;
  size_t size;
  vitquant_model_info info;
  uint8_t *pixels;
  /* The checksum that the program `vit-quant` prints for the image. */
  uint32_t crc;
} example;

/* Memory at a multiple of VITQUANT_ALIGNMENT. */
void *allocate(size_t size);

void check_arguments(const example *example);
void check_models(const example *example);
void check_guard(const example *example);

#endif
