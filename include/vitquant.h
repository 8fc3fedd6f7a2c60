/*
 * vitquant.h - runs int8 Vision Transformers, from C, C++ and every language that can call C.
 *
 *     vitquant_model *model;
 *     vitquant_session *session;
 *     vitquant_error error;
 *     float scale;
 *     int32_t logits[10];
 *     if (vitquant_model_open_file("model.gguf", &model, &error) != VITQUANT_OK ||
 *         vitquant_session_create(model, NULL, NULL, 0, &session, &error) != VITQUANT_OK ||
 *         vitquant_session_run(session, pixels, sizeof pixels, &error) != VITQUANT_OK ||
 *         vitquant_session_logits(session, logits, 10, &scale, &error) != VITQUANT_OK) {
 *       fprintf(stderr, "%s\n", error.message);
 *     }
 *     vitquant_session_close(session);
 *     vitquant_model_close(model);
 *
 * Errors: functions that can fail return a status and take a vitquant_error, where they put the status and a text; it
 * may be NULL. After a failure nothing was written but the error, and a handle that was asked for is NULL. Bad
 * arguments (NULL, a wrong count, memory that is too small) are failures like others. Handles must be those that this
 * library gave out and that were not closed; it has no way to recognise others.
 *
 * Threads: there is no global state to set up. A model never changes; any number of threads may use it and make
 * sessions of it at the same time. A session is used by one thread at a time.
 *
 * Memory: after a session was created, running it and reading its results allocate nothing. Counts are in elements of
 * the array that they belong to, sizes in bytes.
 *
 * Results: the same model and pixels give the same int32 logits on every processor, by every plan, with every number
 * of threads and every limit on the weights in memory.
 */
#ifndef VITQUANT_H
#define VITQUANT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a program that was compiled with an older header could not use the library any more. */
#define VITQUANT_ABI_VERSION 1

/* The VITQUANT_ABI_VERSION of the header that the library was built with; compare the two before other calls. */
uint32_t vitquant_abi_version(void);

/* Addresses that must be aligned are multiples of this. */
#define VITQUANT_ALIGNMENT 64

/* ------------------------------------------------------------------------------------------------------ errors */

typedef int32_t vitquant_status;

#define VITQUANT_OK 0
/* NULL, a count that is not the expected one, memory that is too small or not aligned, an unknown name. */
#define VITQUANT_ERROR_ARGUMENT 1
/* A file that cannot be opened or read, or a read callback that failed. */
#define VITQUANT_ERROR_READ 2
/* Bytes that are no valid model, or a damaged one. */
#define VITQUANT_ERROR_MODEL 3
/* An instruction set that this machine does not have, or whose kernels fail their comparison. */
#define VITQUANT_ERROR_UNAVAILABLE 4
/* A limit on memory that is too small; the text says the smallest that is enough. */
#define VITQUANT_ERROR_LIMIT 5
/* The system has not enough memory. */
#define VITQUANT_ERROR_MEMORY 6
/* A result that does not exist: before the first run, logits of a model without a head, an embedding of one with. */
#define VITQUANT_ERROR_NO_RESULT 7

/* Where a call puts its error; the caller's. */
typedef struct vitquant_error {
  /* What the call returned; VITQUANT_OK after success. */
  vitquant_status status;
  /* What was found, where, and what would be valid: one line of UTF-8 that ends with NUL, cut off where it is longer.
     Empty after success. */
  char message[508];
} vitquant_error;

/* ------------------------------------------------------------------------------------------------------- models */

/* A model, as `vit-quant calibrate` writes it. */
typedef struct vitquant_model vitquant_model;

/*
 * Maps the model file at a path, in UTF-8: nothing is copied, and pages are read when they are first used. While the
 * model exists the file must not be shortened, unless vitquant_guard_files was called; it may be replaced by another
 * (renamed) or deleted.
 */
vitquant_status vitquant_model_open_file(const char *path, vitquant_model **model, vitquant_error *error);

/*
 * Without it, a process that reads a part of a mapped file which is no longer there gets SIGBUS and ends. Afterwards,
 * for model files that are opened from then on, opening or running the model fails with VITQUANT_ERROR_READ instead.
 *
 * Installs a handler for SIGBUS, once in a process; a fault anywhere else goes to the handler that was there before. For
 * programs, not for libraries. On other systems than Linux it does nothing.
 */
void vitquant_guard_files(void);

/*
 * A model whose file lies in memory, read in place.
 *
 * bytes: at a multiple of VITQUANT_ALIGNMENT. They stay the caller's, who keeps them where they are, unchanged, until
 *   the model and all its sessions are closed.
 * size: of the whole file.
 */
vitquant_status vitquant_model_open_memory(
    const void *bytes, size_t size, vitquant_model **model, vitquant_error *error);

/*
 * Copies `count` bytes of the model file, from `offset` on, to `buffer`. Returns 0; any other number is a failure, and
 * opening the model fails with it in the text.
 */
typedef int (*vitquant_read)(void *context, uint64_t offset, void *buffer, size_t count);

/*
 * A model whose file is read by a function of the caller's, once from the beginning to the end, at most 1 MiB at a
 * time, on the calling thread. The bytes are kept in memory that belongs to the model.
 *
 * context: handed to each call of `read`; may be NULL. Neither is used after this function has returned.
 * size: of the whole file.
 */
vitquant_status vitquant_model_open_callback(
    vitquant_read read, void *context, uint64_t size, vitquant_model **model, vitquant_error *error);

/* Closes a model; NULL is ignored. Its sessions go on and keep what they need of it. */
void vitquant_model_close(vitquant_model *model);

/* Reads the whole model and compares its checksums: VITQUANT_ERROR_MODEL for one that was damaged after it was written.
   Opening checks structure and ranges, so that a damaged model gives wrong results but never does harm. */
vitquant_status vitquant_model_verify(const vitquant_model *model, vitquant_error *error);

/* The dimensions of a model. */
typedef struct vitquant_model_info {
  /* Of an image: 1 is gray, 3 are red, green and blue. */
  uint32_t channels;
  /* Of an image, in pixels. */
  uint32_t height;
  uint32_t width;
  /* channels x height x width. */
  uint32_t pixel_count;
  /* Logits; 0 for a model without a head. */
  uint32_t class_count;
  /* Numbers of the embedding; 0 for a model with a head. */
  uint32_t embedding_count;
  /* Rows of the residual stream: class token, registers and patches. */
  uint32_t token_count;
  /* Numbers of each token. */
  uint32_t token_width;
  /* Size of the model file. */
  uint64_t file_size;
} vitquant_model_info;

/* Writes the dimensions of a model. info_size: sizeof(vitquant_model_info). */
vitquant_status vitquant_model_get_info(
    const vitquant_model *model, vitquant_model_info *info, size_t info_size, vitquant_error *error);

/*
 * Writes the name of a class, in UTF-8 with NUL at its end; "class 7" where the model names none.
 *
 * index: 0 to class_count - 1.
 * capacity: of `text`, in bytes. Where it is too small, the error's text says what would be enough.
 */
vitquant_status vitquant_model_label(
    const vitquant_model *model, uint32_t index, char *text, size_t capacity, vitquant_error *error);

/* ----------------------------------------------------------------------------------------------------- sessions */

/* Runs one model on one image at a time: an arena and its threads. */
typedef struct vitquant_session vitquant_session;

/* The least time: every phase takes all tokens at once. */
#define VITQUANT_PLAN_FAST 0
/* About half of the memory, a little more time. */
#define VITQUANT_PLAN_LEAN 1

/* How a session runs. Set all to 0 and then struct_size to sizeof(vitquant_session_options): these are the defaults,
   which NULL in place of the options also means. */
typedef struct vitquant_session_options {
  size_t struct_size;
  /* VITQUANT_PLAN_FAST or VITQUANT_PLAN_LEAN. */
  uint32_t plan;
  /* Threads that work on an image together, the caller's included: 1 to 256; 0 means 1. */
  uint32_t threads;
  /* Bytes of the weights that may be in memory at a time, at least what vitquant_minimum_weight_bytes says; the others
     are read again for each image. 0 for all. Only for models that were opened with vitquant_model_open_file; the
     weights of others are in memory for good. */
  uint64_t weight_bytes;
  /* The kernels to use, such as "avx2", "neon" or "portable"; NULL for the fastest that this machine has. Not used
     after the call. */
  const char *instruction_set;
} vitquant_session_options;

/* Writes the size of the arena that a session needs. The pixels and the results are not part of it. */
vitquant_status vitquant_arena_size(
    const vitquant_model *model, const vitquant_session_options *options, size_t *size, vitquant_error *error);

/* Writes the smallest `weight_bytes` with which a session of so many threads (1 to 256; 0 means 1) can run. */
vitquant_status vitquant_minimum_weight_bytes(
    const vitquant_model *model, uint32_t threads, uint64_t *size, vitquant_error *error);

/*
 * Makes a session: starts its threads and sets the arena up.
 *
 * options: NULL for the defaults.
 * arena: at a multiple of VITQUANT_ALIGNMENT. It stays the caller's, who leaves it alone until the session is closed.
 *   NULL: the session allocates its own.
 * arena_size: at least what vitquant_arena_size says; ignored without an arena.
 */
vitquant_status vitquant_session_create(
    const vitquant_model *model, const vitquant_session_options *options, void *arena, size_t arena_size,
    vitquant_session **session, vitquant_error *error);

/* Closes a session and ends its threads; NULL is ignored. */
void vitquant_session_close(vitquant_session *session);

/* Threads that work on an image; fewer than asked for where the system had no more to give. 0 for NULL. */
uint32_t vitquant_session_threads(const vitquant_session *session);

/* The name of the kernels that run; it stays valid for good. NULL for NULL. */
const char *vitquant_session_instruction_set(const vitquant_session *session);

/*
 * Runs the model on an image.
 *
 * pixels: of an image that has the model's size, 8 bits each, not normalised; plane by plane (red, green, blue), each
 *   row by row from the top left. Photos must be resized or cropped before; this library does not do it.
 * count: the model's pixel_count.
 */
vitquant_status vitquant_session_run(
    vitquant_session *session, const uint8_t *pixels, size_t count, vitquant_error *error);

/* ------------------------------------------------------------------------------------- results of the last run */

/* Copies the logits as integers: logit = integer * scale. count: class_count. scale: may be NULL. */
vitquant_status vitquant_session_logits(
    const vitquant_session *session, int32_t *logits, size_t count, float *scale, vitquant_error *error);

/* Copies the logits as numbers. count: class_count. */
vitquant_status vitquant_session_float_logits(
    const vitquant_session *session, float *logits, size_t count, vitquant_error *error);

/* Writes the softmax of the logits: 0 to 1 for each class, together 1. count: class_count. */
vitquant_status vitquant_session_probabilities(
    const vitquant_session *session, float *probabilities, size_t count, vitquant_error *error);

/* Copies what a model without a head says of the whole image: its projection, its pooler's output, or the pooled vector,
   such as the class token after the final norm. count: embedding_count. */
vitquant_status vitquant_session_embedding(
    const vitquant_session *session, float *embedding, size_t count, vitquant_error *error);

/* Copies the tokens after the final norm (in CLIP: before it), token by token, of a model without a head. count: token_count x
   token_width. */
vitquant_status vitquant_session_tokens(
    const vitquant_session *session, float *tokens, size_t count, vitquant_error *error);

/* The CRC-32 (IEEE 802.3) of the integer logits as little-endian int32; of a model without a head, of the tokens'
   integers. What `vit-quant run --json` calls logits_crc32. */
vitquant_status vitquant_session_crc32(const vitquant_session *session, uint32_t *crc, vitquant_error *error);

#ifdef __cplusplus
}
#endif

#endif
