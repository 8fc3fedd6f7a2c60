/*
 * Classifies a binary PPM (or PGM, for a model of gray images) that has the model's size already.
 *
 *     scripts/build-library --output vitquant
 *     cc -o classify Examples/classify.c -Ivitquant/include vitquant/lib/libvitquant.a -lstdc++ -lm
 *     ./classify model.gguf image.ppm
 */
#define _POSIX_C_SOURCE 200112L

#include <stdio.h>
#include <stdlib.h>

#include "vitquant.h"

static void stop(const char *message) {
  fprintf(stderr, "classify: error: %s\n", message);
  exit(1);
}

static void check(vitquant_status status, const vitquant_error *error) {
  if (status != VITQUANT_OK) stop(error->message);
}

static void *allocate(size_t size) {
  void *memory = NULL;
  if (posix_memalign(&memory, VITQUANT_ALIGNMENT, size > 0 ? size : 1) != 0) stop("no memory");
  return memory;
}

/* The next number of an image's header, after white space and comments, and the one character behind it. */
static unsigned read_number(FILE *file) {
  unsigned value = 0;
  int digits = 0;
  int c = getc(file);
  while (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#') {
    if (c == '#') {
      while (c != '\n' && c != EOF) c = getc(file);
    }
    c = getc(file);
  }
  while (c >= '0' && c <= '9' && digits < 6) {
    value = 10 * value + (unsigned)(c - '0');
    digits++;
    c = getc(file);
  }
  if (digits == 0) stop("no number in the image's header");
  return value;
}

/* Reads an image of the model's size, and lays it out plane by plane. */
static uint8_t *read_image(const char *path, const vitquant_model_info *info) {
  uint8_t *pixels = allocate(info->pixel_count);
  const size_t plane = (size_t)info->height * info->width;
  size_t position;
  uint32_t channel;
  unsigned width, height, maximum;
  FILE *file = fopen(path, "rb");
  if (file == NULL) stop("cannot open the image");
  if (getc(file) != 'P' || getc(file) != (info->channels == 3 ? '6' : '5')) {
    stop(info->channels == 3 ? "not a binary PPM (P6)" : "not a binary PGM (P5)");
  }
  width = read_number(file);
  height = read_number(file);
  maximum = read_number(file);
  if (width != info->width || height != info->height || maximum != 255) {
    fprintf(stderr, "%u x %u, maximum %u; the model expects %u x %u, maximum 255\n", width, height, maximum,
            (unsigned)info->width, (unsigned)info->height);
    stop("an image of another size");
  }
  for (position = 0; position < plane; position++) {
    for (channel = 0; channel < info->channels; channel++) {
      const int c = getc(file);
      if (c == EOF) stop("the image ends early");
      pixels[channel * plane + position] = (uint8_t)c;
    }
  }
  fclose(file);
  return pixels;
}

int main(int argc, char **argv) {
  vitquant_error error;
  vitquant_model *model;
  vitquant_model_info info;
  vitquant_session *session;
  size_t arena_size;
  void *arena;
  uint8_t *pixels;
  float *probabilities;
  uint32_t best = 0, index, crc;
  char label[256];

  if (argc != 3) stop("usage: classify MODEL.gguf IMAGE.ppm");
  if (vitquant_abi_version() != VITQUANT_ABI_VERSION) stop("the library is of another version than the header");
  check(vitquant_model_open_file(argv[1], &model, &error), &error);
  check(vitquant_model_get_info(model, &info, sizeof info, &error), &error);
  if (info.class_count == 0) stop("the model has no classes");
  if (info.channels != 1 && info.channels != 3) stop("the model takes neither gray images nor those in color");

  /* The session runs in memory that this program owns. */
  check(vitquant_arena_size(model, NULL, &arena_size, &error), &error);
  arena = allocate(arena_size);
  check(vitquant_session_create(model, NULL, arena, arena_size, &session, &error), &error);

  pixels = read_image(argv[2], &info);
  check(vitquant_session_run(session, pixels, info.pixel_count, &error), &error);

  probabilities = allocate(info.class_count * sizeof *probabilities);
  check(vitquant_session_probabilities(session, probabilities, info.class_count, &error), &error);
  for (index = 1; index < info.class_count; index++) {
    if (probabilities[index] > probabilities[best]) best = index;
  }
  check(vitquant_model_label(model, best, label, sizeof label, &error), &error);
  check(vitquant_session_crc32(session, &crc, &error), &error);
  printf("index %lu\nlabel %s\nprobability %.4f\ncrc32 %lu\n", (unsigned long)best, label, (double)probabilities[best],
         (unsigned long)crc);

  vitquant_session_close(session);
  vitquant_model_close(model);
  free(probabilities);
  free(pixels);
  free(arena);
  return 0;
}
