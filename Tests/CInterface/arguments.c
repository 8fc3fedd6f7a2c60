/* Arguments that are wrong give an error, and harm nothing. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

static void check_model_arguments(const example *example, vitquant_model *model) {
  vitquant_error error;
  vitquant_model *other = NULL;
  vitquant_model_info info;
  char path[3000];
  char text[64];
  size_t size;
  uint64_t bytes;
  EXPECT_ERROR(vitquant_model_open_file(NULL, &other, &error), VITQUANT_ERROR_ARGUMENT, "NULL as path");
  EXPECT_ERROR(vitquant_model_open_file(example->path, NULL, &error), VITQUANT_ERROR_ARGUMENT, "NULL as model");
  EXPECT_ERROR(vitquant_model_open_file("/nowhere/at all", &other, &error), VITQUANT_ERROR_READ, "/nowhere/at all");
  EXPECT(other == NULL);
  EXPECT(vitquant_model_open_file("/nowhere/at all", &other, NULL) == VITQUANT_ERROR_READ);
  EXPECT_ERROR(vitquant_model_open_file("/", &other, &error), VITQUANT_ERROR_READ, "a directory");
  /* A text that is too long for the error is cut off, and is still one line that ends. */
  memset(path, 'x', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  path[10] = '\n';
  EXPECT_ERROR(vitquant_model_open_file(path, &other, &error), VITQUANT_ERROR_READ, "xxxx");
  EXPECT(strlen(error.message) == sizeof error.message - 1 && strchr(error.message, '\n') == NULL);
  EXPECT_ERROR(
      vitquant_model_open_memory(NULL, example->size, &other, &error), VITQUANT_ERROR_ARGUMENT, "NULL as bytes");
  EXPECT_ERROR(
      vitquant_model_open_memory((const char *)example->bytes + 4, example->size - 4, &other, &error),
      VITQUANT_ERROR_ARGUMENT, "4 after a multiple of 64");
  EXPECT_ERROR(
      vitquant_model_open_memory(example->bytes, SIZE_MAX, &other, &error), VITQUANT_ERROR_ARGUMENT, "size");
  EXPECT_ERROR(
      vitquant_model_open_callback(NULL, NULL, example->size, &other, &error), VITQUANT_ERROR_ARGUMENT, "NULL as read");
  EXPECT_ERROR(vitquant_model_verify(NULL, &error), VITQUANT_ERROR_ARGUMENT, "NULL as model");
  EXPECT_ERROR(vitquant_model_get_info(NULL, &info, sizeof info, &error), VITQUANT_ERROR_ARGUMENT, "NULL as model");
  EXPECT_ERROR(vitquant_model_get_info(model, NULL, sizeof info, &error), VITQUANT_ERROR_ARGUMENT, "NULL as info");
  EXPECT_ERROR(vitquant_model_get_info(model, &info, 3, &error), VITQUANT_ERROR_ARGUMENT, "3 as info_size");
  EXPECT_ERROR(vitquant_model_label(NULL, 0, text, sizeof text, &error), VITQUANT_ERROR_ARGUMENT, "NULL as model");
  EXPECT_ERROR(vitquant_model_label(model, UINT32_MAX, text, sizeof text, &error), VITQUANT_ERROR_ARGUMENT, "class");
  EXPECT_ERROR(vitquant_model_label(model, 0, NULL, sizeof text, &error), VITQUANT_ERROR_ARGUMENT, "expected");
  EXPECT_ERROR(vitquant_arena_size(NULL, NULL, &size, &error), VITQUANT_ERROR_ARGUMENT, "NULL as model");
  EXPECT_ERROR(vitquant_arena_size(model, NULL, NULL, &error), VITQUANT_ERROR_ARGUMENT, "NULL as size");
  EXPECT_ERROR(vitquant_minimum_weight_bytes(NULL, 1, &bytes, &error), VITQUANT_ERROR_ARGUMENT, "NULL as model");
  EXPECT_ERROR(vitquant_minimum_weight_bytes(model, 1, NULL, &error), VITQUANT_ERROR_ARGUMENT, "NULL as size");
  EXPECT_ERROR(vitquant_minimum_weight_bytes(model, 257, &bytes, &error), VITQUANT_ERROR_ARGUMENT, "257 threads");
  vitquant_model_close(NULL);
}

/* Asks for a session that cannot be made. */
static void refuse(
    const vitquant_model *model, vitquant_session_options options, vitquant_status status, const char *words) {
  vitquant_error error;
  vitquant_session *session = (vitquant_session *)&error;
  EXPECT_ERROR(vitquant_session_create(model, &options, NULL, 0, &session, &error), status, words);
  EXPECT(session == NULL);
}

static void check_options(const example *example, const vitquant_model *model) {
  vitquant_session_options options;
  vitquant_session_options changed;
  vitquant_error error;
  vitquant_model *lent = NULL;
  size_t size = 0;
  memset(&options, 0, sizeof options);
  refuse(model, options, VITQUANT_ERROR_ARGUMENT, "0 as struct_size");
  options.struct_size = sizeof options;
  changed = options;
  changed.plan = 2;
  refuse(model, changed, VITQUANT_ERROR_ARGUMENT, "plan 2, expected 0 or 1");
  changed.plan = UINT32_MAX;
  refuse(model, changed, VITQUANT_ERROR_ARGUMENT, "plan 4294967295");
  EXPECT_ERROR(vitquant_arena_size(model, &changed, &size, &error), VITQUANT_ERROR_ARGUMENT, "plan");
  changed = options;
  changed.threads = 257;
  refuse(model, changed, VITQUANT_ERROR_ARGUMENT, "257 threads, expected 1 to 256");
  changed.threads = UINT32_MAX;
  refuse(model, changed, VITQUANT_ERROR_ARGUMENT, "threads");
  changed = options;
  changed.instruction_set = "abacus";
  refuse(model, changed, VITQUANT_ERROR_ARGUMENT, "\"abacus\", expected one of portable");
#if defined(__x86_64__)
  changed.instruction_set = "neon";
#else
  changed.instruction_set = "avx2";
#endif
  refuse(model, changed, VITQUANT_ERROR_UNAVAILABLE, "on this machine");
  changed = options;
  changed.weight_bytes = 1;
  refuse(model, changed, VITQUANT_ERROR_LIMIT, "expected at least");
  EXPECT_OK(vitquant_model_open_memory(example->bytes, example->size, &lent, &error));
  changed.weight_bytes = 1 << 30;
  refuse(lent, changed, VITQUANT_ERROR_ARGUMENT, "weight_bytes");
  vitquant_model_close(lent);
}

static void check_session_arguments(const example *example, const vitquant_model *model) {
  const vitquant_model_info *info = &example->info;
  vitquant_error error;
  vitquant_session *session = NULL;
  size_t size = 0;
  char *arena;
  int32_t logit;
  float number;
  uint32_t crc;
  EXPECT_OK(vitquant_arena_size(model, NULL, &size, &error));
  arena = allocate(size + 64);
  EXPECT_ERROR(
      vitquant_session_create(model, NULL, arena, size - 1, &session, &error), VITQUANT_ERROR_ARGUMENT,
      "expected at least");
  EXPECT_ERROR(vitquant_session_create(model, NULL, arena, 0, &session, &error), VITQUANT_ERROR_ARGUMENT, "0 bytes");
  EXPECT_ERROR(
      vitquant_session_create(model, NULL, arena + 16, size, &session, &error), VITQUANT_ERROR_ARGUMENT,
      "16 bytes after a multiple of 64");
  EXPECT_ERROR(
      vitquant_session_create(NULL, NULL, NULL, 0, &session, &error), VITQUANT_ERROR_ARGUMENT, "NULL as model");
  EXPECT_ERROR(vitquant_session_create(model, NULL, NULL, 0, NULL, &error), VITQUANT_ERROR_ARGUMENT, "NULL as session");
  EXPECT_OK(vitquant_session_create(model, NULL, arena, size, &session, &error));

  EXPECT_ERROR(vitquant_session_crc32(session, &crc, &error), VITQUANT_ERROR_NO_RESULT, "expected a run before");
  EXPECT_ERROR(vitquant_session_logits(session, &logit, 1, NULL, &error), VITQUANT_ERROR_NO_RESULT, "no result yet");
  EXPECT_ERROR(
      vitquant_session_run(NULL, example->pixels, info->pixel_count, &error), VITQUANT_ERROR_ARGUMENT,
      "NULL as session");
  EXPECT_ERROR(
      vitquant_session_run(session, NULL, info->pixel_count, &error), VITQUANT_ERROR_ARGUMENT, "NULL as pixels");
  EXPECT_ERROR(
      vitquant_session_run(session, example->pixels, info->pixel_count - 1, &error), VITQUANT_ERROR_ARGUMENT,
      "pixels as input");
  EXPECT_ERROR(
      vitquant_session_run(session, example->pixels, SIZE_MAX, &error), VITQUANT_ERROR_ARGUMENT, "pixels as input");
  EXPECT_OK(vitquant_session_run(session, example->pixels, info->pixel_count, &error));

  EXPECT_ERROR(vitquant_session_crc32(session, NULL, &error), VITQUANT_ERROR_ARGUMENT, "NULL as crc");
  EXPECT_ERROR(vitquant_session_crc32(NULL, &crc, &error), VITQUANT_ERROR_ARGUMENT, "NULL as session");
  if (info->class_count > 0) {
    const size_t count = info->class_count;
    EXPECT_ERROR(
        vitquant_session_logits(session, &logit, count + 1, NULL, &error), VITQUANT_ERROR_ARGUMENT, "expected");
    EXPECT_ERROR(
        vitquant_session_logits(session, NULL, count, NULL, &error), VITQUANT_ERROR_ARGUMENT, "NULL as logits");
    EXPECT_ERROR(vitquant_session_float_logits(session, NULL, count, &error), VITQUANT_ERROR_ARGUMENT, "NULL");
    EXPECT_ERROR(vitquant_session_probabilities(session, &number, 0, &error), VITQUANT_ERROR_ARGUMENT, "expected");
    EXPECT_ERROR(vitquant_session_embedding(session, &number, 1, &error), VITQUANT_ERROR_NO_RESULT, "without a head");
    EXPECT_ERROR(vitquant_session_tokens(session, &number, 1, &error), VITQUANT_ERROR_NO_RESULT, "without a head");
  } else {
    EXPECT_ERROR(vitquant_session_logits(session, &logit, 1, NULL, &error), VITQUANT_ERROR_NO_RESULT, "with a head");
    EXPECT_ERROR(vitquant_session_probabilities(session, &number, 1, &error), VITQUANT_ERROR_NO_RESULT, "with a head");
    EXPECT_ERROR(vitquant_session_embedding(session, &number, 1, &error), VITQUANT_ERROR_ARGUMENT, "expected");
    EXPECT_ERROR(vitquant_session_tokens(session, NULL, 0, &error), VITQUANT_ERROR_ARGUMENT, "expected");
  }
  vitquant_session_close(session);
  vitquant_session_close(NULL);
  EXPECT(vitquant_session_threads(NULL) == 0 && vitquant_session_instruction_set(NULL) == NULL);
  free(arena);
}

void check_arguments(const example *example) {
  vitquant_error error;
  vitquant_model *model = NULL;
  EXPECT_OK(vitquant_model_open_file(example->path, &model, &error));
  check_model_arguments(example, model);
  check_options(example, model);
  check_session_arguments(example, model);
  vitquant_model_close(model);
}
