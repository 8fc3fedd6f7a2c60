/*
 * Tests of the C interface, in C: check MODEL.gguf PIXELS CRC32, where the pixels are those of one image, plane by
 * plane. Prints what does not hold and returns 1.
 */
#define _POSIX_C_SOURCE 200112L

#include "check.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "allocations.h"

int failures = 0;

void *allocate(size_t size) {
  void *memory = NULL;
  if (posix_memalign(&memory, VITQUANT_ALIGNMENT, size > 0 ? size : 1) != 0) exit(2);
  return memory;
}

static void *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  void *bytes;
  long end;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(2);
  }
  rewind(file);
  *size = (size_t)end;
  bytes = allocate(*size);
  if (fread(bytes, 1, *size, file) != *size) exit(2);
  fclose(file);
  return bytes;
}

/* Everything that can be asked of a session after a run. */
static void check_results(vitquant_session *session, const example *example, float *numbers, int32_t *logits) {
  const vitquant_model_info *info = &example->info;
  vitquant_error error;
  uint32_t crc = 0;
  float scale = 0;
  uint32_t index;
  EXPECT_OK(vitquant_session_crc32(session, &crc, &error));
  EXPECT(crc == example->crc);
  if (info->class_count > 0) {
    double sum = 0;
    EXPECT_OK(vitquant_session_logits(session, logits, info->class_count, &scale, &error));
    EXPECT_OK(vitquant_session_float_logits(session, numbers, info->class_count, &error));
    for (index = 0; index < info->class_count; index++) EXPECT(numbers[index] == (float)logits[index] * scale);
    EXPECT_OK(vitquant_session_probabilities(session, numbers, info->class_count, &error));
    for (index = 0; index < info->class_count; index++) sum += numbers[index];
    EXPECT(fabs(sum - 1) < 1e-5);
    EXPECT_OK(vitquant_session_logits(session, logits, info->class_count, NULL, &error));
  } else {
    const size_t count = (size_t)info->token_count * info->token_width;
    float first;
    EXPECT_OK(vitquant_session_tokens(session, numbers, count, &error));
    first = numbers[0];
    EXPECT_OK(vitquant_session_embedding(session, numbers, info->embedding_count, &error));
    /* Of a model without a pooler the embedding is the first token. */
    EXPECT(numbers[0] == first);
    EXPECT(isfinite(first) && first != 0);
  }
}

/* A session in memory of this program: runs give the expected bits and allocate nothing. */
static void check_session(const vitquant_model *model, const example *example, vitquant_session_options *options) {
  const vitquant_model_info *info = &example->info;
  float *numbers = allocate(sizeof(float) * ((size_t)info->token_count * info->token_width + info->class_count));
  int32_t *logits = allocate(sizeof(int32_t) * info->class_count);
  vitquant_error error;
  vitquant_session *session = NULL;
  unsigned long before;
  size_t size = 0;
  unsigned char *arena;
  int run;
  EXPECT_OK(vitquant_arena_size(model, options, &size, &error));
  /* What lies behind the arena must stay as it is. */
  arena = allocate(size + 256);
  memset(arena, 0xA5, size + 256);
  EXPECT_OK(vitquant_session_create(model, options, arena, size, &session, &error));
  EXPECT(vitquant_session_threads(session) == (options->threads == 0 ? 1 : options->threads));
  EXPECT(vitquant_session_instruction_set(session) != NULL && vitquant_session_instruction_set(session)[0] != '\0');
  if (options->instruction_set != NULL) {
    EXPECT(strcmp(vitquant_session_instruction_set(session), options->instruction_set) == 0);
  }
  before = allocation_count();
  for (run = 0; run < 5; run++) {
    EXPECT_OK(vitquant_session_run(session, example->pixels, info->pixel_count, &error));
    check_results(session, example, numbers, logits);
  }
  if (allocation_count() != before) {
    failures++;
    fprintf(stderr, "%lu allocations in 5 runs, plan %u, %u threads; expected none\n", allocation_count() - before,
            (unsigned)options->plan, (unsigned)options->threads);
  }
  vitquant_session_close(session);
  for (run = 0; run < 256; run++) EXPECT(arena[size + run] == 0xA5);
  free(arena);
  free(numbers);
  free(logits);
}

static void check_sessions(const example *example) {
  vitquant_session_options options;
  vitquant_error error;
  vitquant_model *model = NULL;
  unsigned long before = allocation_count();
  uint64_t least = 0;
  EXPECT_OK(vitquant_model_open_file(example->path, &model, &error));
  /* The counting works: a model takes memory. */
  EXPECT(allocation_count() > before);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  for (options.plan = VITQUANT_PLAN_FAST; options.plan <= VITQUANT_PLAN_LEAN; options.plan++) {
    for (options.threads = 0; options.threads <= 3; options.threads++) {
      options.weight_bytes = 0;
      check_session(model, example, &options);
      EXPECT_OK(vitquant_minimum_weight_bytes(model, options.threads, &least, &error));
      options.weight_bytes = least;
      check_session(model, example, &options);
    }
  }
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.instruction_set = "portable";
  check_session(model, example, &options);
  vitquant_model_close(model);
}

/* A thread with a session of its own. */
typedef struct work {
  const example *example;
  const vitquant_model *model;
  vitquant_session_options options;
  int wrong;
} work;

static void *run_many(void *context) {
  work *work = context;
  const size_t count = work->example->info.pixel_count;
  uint8_t *other = allocate(count);
  vitquant_session *session = NULL;
  int run;
  memset(other, 77, count);
  work->wrong += vitquant_session_create(work->model, &work->options, NULL, 0, &session, NULL) != VITQUANT_OK;
  for (run = 0; run < 20; run++) {
    uint32_t crc = 0;
    work->wrong += vitquant_session_run(session, other, count, NULL) != VITQUANT_OK;
    work->wrong += vitquant_session_run(session, work->example->pixels, count, NULL) != VITQUANT_OK;
    work->wrong += vitquant_session_crc32(session, &crc, NULL) != VITQUANT_OK;
    work->wrong += crc != work->example->crc;
  }
  vitquant_session_close(session);
  free(other);
  return NULL;
}

/* Sessions on one model, in as many threads, do not disturb each other. */
static void check_threads(const example *example) {
  enum { count = 6 };
  pthread_t threads[count];
  work works[count];
  vitquant_error error;
  vitquant_model *model = NULL;
  int index;
  EXPECT_OK(vitquant_model_open_memory(example->bytes, example->size, &model, &error));
  memset(works, 0, sizeof works);
  for (index = 0; index < count; index++) {
    works[index].example = example;
    works[index].model = model;
    works[index].options.struct_size = sizeof works[index].options;
    works[index].options.plan = index % 2 ? VITQUANT_PLAN_LEAN : VITQUANT_PLAN_FAST;
    works[index].options.threads = 1 + (uint32_t)index / 3;
    if (pthread_create(&threads[index], NULL, run_many, &works[index]) != 0) exit(2);
  }
  for (index = 0; index < count; index++) {
    pthread_join(threads[index], NULL);
    EXPECT(works[index].wrong == 0);
  }
  vitquant_model_close(model);
}

int main(int argc, char **argv) {
  example example;
  vitquant_error error;
  vitquant_model *model = NULL;
  size_t pixels = 0;
  if (argc != 4) {
    fprintf(stderr, "usage: check MODEL.gguf PIXELS CRC32\n");
    return 2;
  }
  memset(&example, 0, sizeof example);
  EXPECT(vitquant_abi_version() == VITQUANT_ABI_VERSION);
  example.path = argv[1];
  example.bytes = read_file(argv[1], &example.size);
  example.pixels = read_file(argv[2], &pixels);
  example.crc = (uint32_t)strtoul(argv[3], NULL, 10);
  EXPECT_OK(vitquant_model_open_file(argv[1], &model, &error));
  if (failures > 0) return 1;
  EXPECT_OK(vitquant_model_get_info(model, &example.info, sizeof example.info, &error));
  vitquant_model_close(model);
  EXPECT(pixels == example.info.pixel_count);
  if (failures > 0) return 1;

  check_sessions(&example);
  check_models(&example);
  check_arguments(&example);
  check_threads(&example);
  check_guard(&example);
  free(example.bytes);
  free(example.pixels);
  return failures > 0 ? 1 : 0;
}
