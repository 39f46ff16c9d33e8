/* The library as a C program uses it: push, pull, memory, failure, reader. Exit status 0 when all of it
 * holds. */
#define _POSIX_C_SOURCE 200809L
#include <paxect/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                    \
  do {                                                                       \
    if (!(condition)) {                                                      \
      fprintf(stderr, "c_program.c:%d: not so: %s\n", __LINE__, #condition); \
      return 1;                                                              \
    }                                                                        \
  } while (0)

struct bytes {
  unsigned char data[4096];
  size_t size;
};

static int32_t collect(void* opaque, const void* data, size_t size) {
  struct bytes* bytes = opaque;
  if (size > sizeof bytes->data - bytes->size) return 1;
  memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
  return 0;
}

static int32_t once(void* opaque, void* buffer, size_t capacity, size_t* size) {
  struct bytes* bytes = opaque;
  *size = bytes->size < capacity ? bytes->size : capacity;
  memcpy(buffer, bytes->data, *size);
  bytes->size -= *size;
  return 0;
}

static int push_and_pull(void) {
  static const char text[] = "whole, once, from whom";
  struct bytes container = {{0}, 0};
  struct bytes back = {{0}, 0};
  paxect_encoder* encoder = NULL;
  paxect_decoder* decoder = NULL;
  paxect_container_info info = {.struct_size = sizeof info};

  EXPECT(paxect_encoder_create(NULL, &encoder) == PAXECT_OK);
  EXPECT(paxect_encoder_set_parameter(encoder, PAXECT_PARAM_FRAME_SIZE, 8) == PAXECT_OK);
  EXPECT(paxect_encoder_set_sink(encoder, collect, &container) == PAXECT_OK);
  EXPECT(paxect_encoder_write(encoder, text, sizeof text) == PAXECT_OK);
  EXPECT(paxect_encoder_finish(encoder) == PAXECT_OK);
  EXPECT(paxect_encoder_info(encoder, &info) == PAXECT_OK);
  EXPECT(info.total_frames == 3 && info.total_size == sizeof text && info.container_size == container.size);
  paxect_encoder_free(encoder);

  EXPECT(paxect_decoder_create(NULL, &decoder) == PAXECT_OK);
  EXPECT(paxect_decoder_set_sink(decoder, collect, &back) == PAXECT_OK);
  EXPECT(paxect_decoder_run(decoder, once, &container) == PAXECT_OK);
  EXPECT(back.size == sizeof text && memcmp(back.data, text, sizeof text) == 0);
  paxect_decoder_free(decoder);
  return 0;
}

static int memory_and_failure(void) {
  static const char text[] = "0123456789";
  unsigned char container[256];
  char back[sizeof text];
  size_t size = 0;
  size_t back_size = 0;
  paxect_encoder* encoder = NULL;
  paxect_decoder* decoder = NULL;

  EXPECT(paxect_encoder_create(NULL, &encoder) == PAXECT_OK);
  EXPECT(paxect_encoder_encode_buffer(encoder, text, sizeof text, container, sizeof container, &size) ==
         PAXECT_OK);
  paxect_encoder_free(encoder);

  EXPECT(paxect_decoder_create(NULL, &decoder) == PAXECT_OK);
  EXPECT(paxect_decoder_decode_buffer(decoder, container, size, back, sizeof back, &back_size) == PAXECT_OK);
  EXPECT(back_size == sizeof text && memcmp(back, text, sizeof text) == 0);
  container[size - 1] ^= 1;
  EXPECT(paxect_decoder_decode_buffer(decoder, container, size, back, sizeof back, &back_size) ==
         PAXECT_ERROR_DIGEST);
  EXPECT(strstr(paxect_decoder_error_message(decoder), "SHA-256") != NULL);
  EXPECT(paxect_decoder_error_offset(decoder) == size - 32);
  EXPECT(paxect_decoder_error_frame(decoder) == 1);
  paxect_decoder_free(decoder);
  return 0;
}

static int32_t count(void* opaque, const paxect_frame_info* frame) {
  uint64_t* next = opaque;
  if (frame->number != *next) return 1;
  *next += 1;
  return 0;
}

static int look_inside(void) {
  static const char text[] = "0123456789";
  unsigned char container[256];
  size_t size = 0;
  struct bytes part = {{0}, 0};
  uint64_t frames = 0;
  paxect_encoder* encoder = NULL;
  paxect_reader* reader = NULL;
  FILE* file = tmpfile();

  EXPECT(file != NULL);
  EXPECT(paxect_encoder_create(NULL, &encoder) == PAXECT_OK);
  EXPECT(paxect_encoder_set_parameter(encoder, PAXECT_PARAM_FRAME_SIZE, 4) == PAXECT_OK);
  EXPECT(paxect_encoder_encode_buffer(encoder, text, 10, container, sizeof container, &size) == PAXECT_OK);
  paxect_encoder_free(encoder);
  EXPECT(fwrite(container, 1, size, file) == size && fflush(file) == 0);

  EXPECT(paxect_reader_create(NULL, &reader) == PAXECT_OK);
  EXPECT(paxect_reader_open_fd(reader, fileno(file)) == PAXECT_OK);
  EXPECT(paxect_reader_frames(reader, count, &frames) == PAXECT_OK && frames == 3);
  EXPECT(paxect_reader_read(reader, 3, 6, collect, &part) == PAXECT_OK);
  EXPECT(part.size == 6 && memcmp(part.data, text + 3, 6) == 0);
  EXPECT(paxect_reader_read(reader, 3, 8, collect, &part) == PAXECT_ERROR_PARAMETER);
  EXPECT(strstr(paxect_reader_error_message(reader), "10 bytes") != NULL);
  paxect_reader_free(reader);
  fclose(file);
  return 0;
}

int main(void) { return push_and_pull() || memory_and_failure() || look_inside(); }
