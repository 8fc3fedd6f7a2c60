/* A model file that becomes shorter while the model is open. */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* Writes a copy of the model file and puts its path behind the template, which ends in XXXXXX. */
static void copy_file(const example *example, char *path) {
  const int file = mkstemp(path);
  if (file < 0 || write(file, example->bytes, example->size) != (ssize_t)example->size || close(file) != 0) exit(2);
}

/* Opens the file, cuts it off, runs the model: the status of the run in the low bits, 8 if the error has no text. */
static int run_shortened(const example *example, const char *path) {
  vitquant_error error;
  vitquant_model *model = NULL;
  vitquant_session *session = NULL;
  vitquant_status status;
  if (vitquant_model_open_file(path, &model, &error) != VITQUANT_OK) return 64;
  if (vitquant_session_create(model, NULL, NULL, 0, &session, &error) != VITQUANT_OK) return 65;
  if (truncate(path, 4096) != 0) return 66;
  status = vitquant_session_run(session, example->pixels, example->info.pixel_count, &error);
  vitquant_session_close(session);
  vitquant_model_close(model);
  return (int)status | (error.message[0] == '\0' ? 8 : 0);
}

/* In a process of its own, since a fault may end it. */
static int status_of_run(const example *example, int guarded) {
  char path[] = "/tmp/vitquant-shortened-XXXXXX";
  int status = 0;
  pid_t child;
  copy_file(example, path);
  child = fork();
  if (child < 0) exit(2);
  if (child == 0) {
    if (guarded) {
      vitquant_guard_files();
      vitquant_guard_files();
    }
    _exit(run_shortened(example, path));
  }
  if (waitpid(child, &status, 0) != child) exit(2);
  unlink(path);
  return status;
}

void check_guard(const example *example) {
#ifdef __linux__
  int status = status_of_run(example, 0);
  /* What the guard is for: without it the process ends. */
  EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
  status = status_of_run(example, 1);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == VITQUANT_ERROR_READ);
#else
  (void)example;
#endif
}
