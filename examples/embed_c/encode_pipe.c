/* Encodes standard input to standard output and shows progress: encode_pipe [MAX_BYTES]
 * Ctrl-C, or more than MAX_BYTES of input, cancels it. */
#include <errno.h>
#include <inttypes.h>
#include <paxect/core.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

/* Returns the bytes that are available and does not wait for a full buffer. */
static int32_t read_stdin(void* opaque, void* buffer, size_t capacity, size_t* size) {
  ssize_t got;
  (void)opaque;
  do got = read(STDIN_FILENO, buffer, capacity);
  while (got < 0 && errno == EINTR && !interrupted);
  if (got < 0) return 1;
  *size = (size_t)got;
  return 0;
}

static int32_t write_stdout(void* opaque, const void* data, size_t size) {
  (void)opaque;
  return fwrite(data, 1, size, stdout) == size ? 0 : 1;
}

struct limit {
  uint64_t max_bytes;
};

/* Called about once for each frame; a result other than 0 cancels. */
static int32_t show_progress(void* opaque, uint64_t bytes_in, uint64_t bytes_out) {
  const struct limit* limit = opaque;
  fprintf(stderr, "\r%" PRIu64 " bytes in, %" PRIu64 " out", bytes_in, bytes_out);
  return interrupted || bytes_in > limit->max_bytes;
}

int main(int argc, char** argv) {
  struct limit limit = {argc > 1 ? strtoull(argv[1], NULL, 10) : UINT64_MAX};
  struct sigaction action = {0};
  action.sa_handler = on_signal; /* without SA_RESTART, so that a blocked read returns */
  sigaction(SIGINT, &action, NULL);

  paxect_encoder* encoder = NULL;
  paxect_status status = paxect_encoder_create(NULL, &encoder);
  if (status != PAXECT_OK) {
    fprintf(stderr, "encode_pipe: %s\n", paxect_status_name(status));
    return paxect_status_exit_code(status);
  }
  paxect_encoder_set_parameter(encoder, PAXECT_PARAM_FRAME_SIZE, 256 * 1024);
  paxect_encoder_set_sink(encoder, write_stdout, NULL);
  paxect_encoder_set_progress(encoder, show_progress, &limit);

  status = paxect_encoder_run(encoder, read_stdin, NULL);
  fprintf(stderr, "\n");
  if (status != PAXECT_OK) fprintf(stderr, "encode_pipe: %s\n", paxect_encoder_error_message(encoder));
  paxect_encoder_free(encoder);
  if (status == PAXECT_OK && fflush(stdout) != 0) {
    perror("encode_pipe: standard output");
    return 3;
  }
  return paxect_status_exit_code(status);
}
