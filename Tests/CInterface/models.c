/* Ways to open a model, and what it says of itself. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

/* A file that lies in memory, and how it was read. */
typedef struct source {
  const example *example;
  uint64_t next;
  int in_order;
  /* Of the first read that fails; none does where it is beyond the file. */
  uint64_t failing_offset;
} source;

static int read_source(void *context, uint64_t offset, void *buffer, size_t count) {
  source *source = context;
  if (offset != source->next || count > (1 << 20)) source->in_order = 0;
  source->next = offset + count;
  if (offset >= source->failing_offset) return 17;
  memcpy(buffer, (const char *)source->example->bytes + offset, count);
  return 0;
}

/* A model gives the expected bits, also when it is closed before its session is. */
static void check_model(vitquant_model *model, const example *example) {
  vitquant_error error;
  vitquant_session *session = NULL;
  uint32_t crc = 0;
  EXPECT_OK(vitquant_model_verify(model, &error));
  EXPECT_OK(vitquant_session_create(model, NULL, NULL, 0, &session, &error));
  vitquant_model_close(model);
  EXPECT_OK(vitquant_session_run(session, example->pixels, example->info.pixel_count, &error));
  EXPECT_OK(vitquant_session_crc32(session, &crc, &error));
  EXPECT(crc == example->crc);
  vitquant_session_close(session);
}

static void check_damage(const example *example) {
  vitquant_error error;
  vitquant_model *model = NULL;
  size_t size;
  char *bytes = allocate(example->size);
  memcpy(bytes, example->bytes, example->size);
  /* Cut off anywhere: an error, and no handle. */
  for (size = 0; size < example->size; size += 1 + example->size / 50) {
    model = (vitquant_model *)bytes;
    EXPECT_ERROR(vitquant_model_open_memory(bytes, size, &model, &error), VITQUANT_ERROR_MODEL, "expected");
    EXPECT(model == NULL);
  }
  /* Another byte among the weights of the last tensor: found by the checksums. */
  bytes[example->size - 65] ^= 1;
  if (vitquant_model_open_memory(bytes, example->size, &model, &error) == VITQUANT_OK) {
    EXPECT_ERROR(vitquant_model_verify(model, &error), VITQUANT_ERROR_MODEL, "");
    vitquant_model_close(model);
  }
  free(bytes);
}

static void check_description(const vitquant_model *model, const vitquant_model_info *info) {
  vitquant_error error;
  char text[256];
  uint32_t index;
  EXPECT(info->pixel_count == info->channels * info->height * info->width);
  EXPECT((info->class_count == 0) == (info->embedding_count == info->token_width));
  for (index = 0; index < info->class_count; index++) {
    EXPECT_OK(vitquant_model_label(model, index, text, sizeof text, &error));
    EXPECT(strlen(text) > 0);
    EXPECT_OK(vitquant_model_label(model, index, text, strlen(text) + 1, &error));
    EXPECT_ERROR(
        vitquant_model_label(model, index, text, strlen(text), &error), VITQUANT_ERROR_ARGUMENT, "expected at least");
  }
  EXPECT_ERROR(
      vitquant_model_label(model, info->class_count, text, sizeof text, &error), VITQUANT_ERROR_ARGUMENT, "expected");
}

void check_models(const example *example) {
  vitquant_error error;
  vitquant_model *model = NULL;
  source source = {0};

  EXPECT_OK(vitquant_model_open_file(example->path, &model, &error));
  EXPECT(example->info.file_size == example->size);
  check_description(model, &example->info);
  check_model(model, example);

  EXPECT_OK(vitquant_model_open_memory(example->bytes, example->size, &model, &error));
  check_model(model, example);

  source.example = example;
  source.in_order = 1;
  source.failing_offset = UINT64_MAX;
  EXPECT_OK(vitquant_model_open_callback(read_source, &source, example->size, &model, &error));
  EXPECT(source.in_order && source.next == example->size);
  check_model(model, example);

  source.failing_offset = 0;
  EXPECT_ERROR(
      vitquant_model_open_callback(read_source, &source, example->size, &model, &error), VITQUANT_ERROR_READ, "17");
  EXPECT(model == NULL);
  /* More memory than any machine has. */
  EXPECT_ERROR(
      vitquant_model_open_callback(read_source, &source, (uint64_t)1 << 60, &model, &error), VITQUANT_ERROR_MEMORY,
      "1152921504606846976");
  EXPECT_ERROR(
      vitquant_model_open_callback(read_source, &source, UINT64_MAX, &model, &error), VITQUANT_ERROR_ARGUMENT, "size");
  EXPECT_ERROR(vitquant_model_open_callback(read_source, &source, 0, &model, &error), VITQUANT_ERROR_MODEL, "offset 0");
  check_damage(example);
}
