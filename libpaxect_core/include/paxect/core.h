/* SPDX-License-Identifier: Apache-2.0
 *
 * paxect/core.h - make, check and read .freq v42 containers.  (format: FORMAT.md)
 *
 * Conventions
 *  1. Handles are opaque. Whoever creates one frees it; freeing NULL does nothing.
 *  2. Every function that can fail returns a paxect_status: 0 is success. Their values never change. A NULL
 *     handle, or NULL where a pointer is needed, gives PAXECT_ERROR_ARGUMENT, 0 or "", and an exception
 *     inside the library PAXECT_ERROR_INTERNAL or PAXECT_ERROR_MEMORY: "Errors:" below leaves these out.
 *  3. The text, byte offset and frame number of a failure are kept in the handle it happened on, never
 *     globally. The text is one line without its end, in English, and not to be parsed. When the work itself
 *     fails, the handle gives the same failure again until it is reset; a call that is refused (ARGUMENT,
 *     PARAMETER, SEQUENCE) changes nothing but the text.
 *  4. Threads: different handles may be used by different threads at once. One handle must not be used by
 *     two threads at a time; it may move from one thread to another between calls. A handle may run worker
 *     threads of its own (PAXECT_PARAM_THREADS); callbacks are only ever called on the thread that is inside
 *     a function of the handle. They must not call a function of that handle, nor leave by an exception or
 *     longjmp. After fork, the child may use only handles that it creates. "Any thread" marks functions that
 *     need no handle.
 *  5. Ownership: pointers passed in are read during the call only, except for callbacks with their `opaque`
 *     and the allocator, which must stay valid as long as the handle has them. Strings returned by a handle
 *     stay valid until the next call on it; other strings are static. Descriptors passed in stay the
 *     caller's and are never closed. Paths are bytes as the system takes them, ended by 0.
 *  6. Sizes and offsets are in bytes, counted from 0. Frame numbers count from 0 in the order in which frames
 *     stand in the container, extension frames included.
 *  7. Structures begin with `struct_size`, which the caller sets to sizeof the structure it knows; the
 *     library never writes past it. Reserved fields are 0.
 *  8. Options are set one by one with *_set_parameter and are checked at once against bounds that can be
 *     asked for. They last across reset.
 *  9. Nothing C++ crosses this border, no exception leaves it, and no function of it calls exit or abort.
 * 10. Signals: the library installs no handler and writes to no descriptor that it was not given. Where a
 *     signal interrupts reading or writing of a *_path function, the progress callback is asked at once
 *     whether to go on. A pipe without a reader raises SIGPIPE as ever: ignore it to get WRITE instead.
 */
#ifndef PAXECT_CORE_H
#define PAXECT_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PAXECT_CORE_API __attribute__((visibility("default")))
#else
#define PAXECT_CORE_API
#endif

/* ---- Versions ------------------------------------------------------------------------------------------ */

#define PAXECT_CORE_VERSION_MAJOR 1
#define PAXECT_CORE_VERSION_MINOR 0
#define PAXECT_CORE_VERSION_PATCH 0
/* MAJOR * 10000 + MINOR * 100 + PATCH, as paxect_core_version_number gives it for the library. */
#define PAXECT_CORE_VERSION_NUMBER \
  (PAXECT_CORE_VERSION_MAJOR * 10000 + PAXECT_CORE_VERSION_MINOR * 100 + PAXECT_CORE_VERSION_PATCH)

/* The version of the library that is loaded. Any thread. */
PAXECT_CORE_API uint32_t paxect_core_version_number(void);
/* The same as "MAJOR.MINOR.PATCH"; static. Any thread. */
PAXECT_CORE_API const char* paxect_core_version_string(void);
/* The version of the libzstd that is loaded, e.g. 10504 and "1.5.4"; static. It is part of what determines
 * the bytes of a container. Any thread. */
PAXECT_CORE_API uint32_t paxect_core_zstd_version_number(void);
PAXECT_CORE_API const char* paxect_core_zstd_version_string(void);

/* ---- Status -------------------------------------------------------------------------------------------- */

/* Values are pinned; the gaps are for later ones. A value not listed is to be treated as a failure. */
typedef int32_t paxect_status;
enum {
  PAXECT_OK = 0,

  /* the call */
  PAXECT_ERROR_ARGUMENT = 10,         /* a NULL, a struct_size or a pointer that the function does not take */
  PAXECT_ERROR_PARAMETER = 11,        /* unknown parameter, or a value out of its bounds */
  PAXECT_ERROR_SEQUENCE = 12,         /* a call that is not possible now, such as write after finish */
  PAXECT_ERROR_BUFFER_TOO_SMALL = 13, /* the destination cannot hold the result */
  PAXECT_ERROR_MEMORY = 14,           /* out of memory */
  PAXECT_ERROR_CANCELLED = 15,        /* the progress callback asked to stop */
  PAXECT_ERROR_INTERNAL = 19,         /* a defect of this library */

  /* files, descriptors and callbacks */
  PAXECT_ERROR_OPEN = 30,      /* a file cannot be opened or created */
  PAXECT_ERROR_READ = 31,      /* reading failed */
  PAXECT_ERROR_WRITE = 32,     /* writing failed */
  PAXECT_ERROR_SAME_FILE = 33, /* input and output are one file */
  PAXECT_ERROR_SOURCE = 34,    /* the source callback failed */
  PAXECT_ERROR_SINK = 35,      /* the sink callback failed */

  /* structure of a container */
  PAXECT_ERROR_MAGIC = 50,        /* not a .freq container */
  PAXECT_ERROR_VERSION = 51,      /* a container of another version */
  PAXECT_ERROR_HEADER = 52,       /* a header field out of range */
  PAXECT_ERROR_TRUNCATED = 53,    /* the data ends too early */
  PAXECT_ERROR_FRAME_HEADER = 54, /* a frame header field out of range */
  PAXECT_ERROR_PAYLOAD = 55,      /* a payload that is not exactly one zstd frame of the declared length */
  PAXECT_ERROR_DECOMPRESS = 56,   /* a frame that does not decompress */
  PAXECT_ERROR_CRC = 57,          /* a frame whose CRC-32 differs */
  PAXECT_ERROR_COUNTS = 58,       /* the footer's totals differ from what was found */
  PAXECT_ERROR_TRAILING = 59,     /* data after the footer, such as a second container */
  PAXECT_ERROR_EXTENSION = 60,    /* an empty frame that is no well-formed extension frame */
  PAXECT_ERROR_LIMIT = 61,        /* a frame larger than PAXECT_PARAM_MAX_FRAME allows */
  PAXECT_ERROR_NOTHING = 68,      /* salvage found no frame of a container */

  /* the whole */
  PAXECT_ERROR_DIGEST = 70,    /* the SHA-256 of the data differs from the footer's */
  PAXECT_ERROR_DIFFERENT = 71, /* a file is not the original of the container it was compared with */
  PAXECT_ERROR_PARTIAL = 72    /* salvage wrote what there is, which is not whole, or not proven to be */
};

/* "PAXECT_ERROR_CRC" for PAXECT_ERROR_CRC; "PAXECT_ERROR_UNKNOWN" for a value not listed. Static. Any thread.
 */
PAXECT_CORE_API const char* paxect_status_name(paxect_status status);
/* The exit status that the paxect-core command gives for it: 0, 2 (the whole), 3 (files, callbacks, memory,
 * cancel), 4 (structure), 64 (argument, parameter) or 70 (internal). Any thread. */
PAXECT_CORE_API int32_t paxect_status_exit_code(paxect_status status);

/* ---- Memory -------------------------------------------------------------------------------------------- */

/* Where a handle takes its own state and its data buffers from. `allocate` returns memory aligned for any
 * object, or NULL, which becomes PAXECT_ERROR_MEMORY; `size` is at least 1. `release` is given what
 * `allocate` returned, and may be given NULL. Both are called from the handle's worker threads too, at the
 * same time. However a container lies, no request is larger than what of it has arrived and was checked can
 * need. What libzstd and libcrypto keep for themselves comes from malloc: their stable interfaces offer
 * nothing else. */
typedef struct paxect_allocator {
  size_t struct_size;
  void* opaque;
  void* (*allocate)(void* opaque, size_t size);
  void (*release)(void* opaque, void* memory);
} paxect_allocator;

/* ---- Callbacks ----------------------------------------------------------------------------------------- */

/* Takes all `size` bytes, at least 1; how the data is cut into calls means nothing. 0: go on; anything else:
 * stop with PAXECT_ERROR_SINK, and the sink is not called again. `data` is valid during the call only. */
typedef int32_t (*paxect_sink)(void* opaque, const void* data, size_t size);
/* Puts up to `capacity` bytes into `buffer` and their number into `*size`, as few as it likes; 0 bytes is the
 * end of the data. It may wait for data. 0: go on; anything else, or a size above the capacity: stop with
 * PAXECT_ERROR_SOURCE. */
typedef int32_t (*paxect_source)(void* opaque, void* buffer, size_t capacity, size_t* size);
/* Called after about every frame and at the end with the bytes read and written so far; neither ever goes
 * back. 0: go on; anything else: stop with PAXECT_ERROR_CANCELLED. */
typedef int32_t (*paxect_progress)(void* opaque, uint64_t bytes_in, uint64_t bytes_out);

/* ---- Parameters ---------------------------------------------------------------------------------------- */

typedef int32_t paxect_parameter;
enum {
  /* encoder: these, with the libzstd version, determine the bytes of the container */
  PAXECT_PARAM_LEVEL = 100,      /* zstd level, -7 to 22; 5 */
  PAXECT_PARAM_FRAME_SIZE = 101, /* uncompressed bytes per frame, 1 to 4294967295; 1048576 */
  PAXECT_PARAM_CHANNELS = 102,   /* 1 to 8, or 0 for "auto", which means 4; 1 */
  PAXECT_PARAM_MAPPING = 103,    /* PAXECT_MAPPING_*, metadata only; 0 */
  PAXECT_PARAM_VERIFY = 104,     /* 0 or 1: sets the VERIFY flag, metadata only; 0 */

  /* encoder */
  PAXECT_PARAM_PARANOID = 110, /* 0 or 1: decompress each frame and compare it with its data before it is
                                  written; INTERNAL with frame and offset when it differs; 0 */

  /* decoder and reader; CONTAINER_SIZE: decoder */
  PAXECT_PARAM_MAX_FRAME = 200,      /* largest frame to accept, in uncompressed bytes; 1073741824 */
  PAXECT_PARAM_CONTAINER_SIZE = 201, /* size of the whole container when known, so that a length that runs out
                                        of it is refused where it is declared; 0: not known; 0 */
  PAXECT_PARAM_SPARSE = 202, /* 0 or 1: *_path leaves holes for runs of at least 64 KiB of zeros when it
                                writes a regular file; 1 */

  /* salvager, beside MAX_FRAME, SYNC and SPARSE */
  PAXECT_PARAM_FILL = 400, /* PAXECT_FILL_*: what stands where data is lost; 0 */

  /* all */
  PAXECT_PARAM_THREADS =
      300,                /* threads to work with, the caller's own included, 1 to 256; 0: one per core; 0 */
  PAXECT_PARAM_SYNC = 301 /* 0 or 1: *_path makes its output durable (fsync of file and directory) before it
                             returns; 0 */
};

enum { PAXECT_MAPPING_VIRTUAL = 0, PAXECT_MAPPING_U16 = 1 };
enum { PAXECT_CHANNELS_AUTO = 0 };
enum {
  PAXECT_FILL_ZERO = 0, /* zeros, so that all that is there stands at its own offset */
  PAXECT_FILL_SKIP = 1  /* nothing */
};
enum { PAXECT_FLAG_VERIFY = 1, PAXECT_FLAG_MULTICHANNEL = 2 };

/* Bounds and default of a parameter, inclusive. PAXECT_ERROR_PARAMETER when there is no such parameter. Any
 * of the pointers may be NULL. Any thread. */
PAXECT_CORE_API paxect_status paxect_parameter_bounds(paxect_parameter parameter, int64_t* minimum,
                                                      int64_t* maximum, int64_t* standard);

/* ---- Results ------------------------------------------------------------------------------------------- */

/* What a container says of itself, and what an encoder or decoder has handled. */
typedef struct paxect_container_info {
  size_t struct_size;
  /* header */
  uint32_t version; /* 42 */
  uint32_t flags;   /* PAXECT_FLAG_* and whatever other bits were set */
  uint32_t mapping;
  int32_t level;
  uint32_t frame_size;
  uint32_t channels;
  /* footer */
  uint64_t total_size;   /* bytes of original data */
  uint64_t total_frames; /* extension frames included */
  uint8_t sha256[32];    /* of the original data */
  /* whole */
  uint64_t container_size;
} paxect_container_info;

/* Reads header and footer of a container in a regular file without reading its frames. The header is checked
 * as a decoder does; whether the footer tells the truth is not known before decoding. The file offset does
 * not move. `fd` stays the caller's. `message`, if not NULL, receives up to `message_capacity` bytes of error
 * text, terminated. Any thread. Errors: ARGUMENT, READ, MAGIC, VERSION, HEADER, TRUNCATED. */
PAXECT_CORE_API paxect_status paxect_read_info_fd(int fd, paxect_container_info* info, char* message,
                                                  size_t message_capacity);

/* ---- Encoder ------------------------------------------------------------------------------------------- */

typedef struct paxect_encoder paxect_encoder;

/* A new encoder with the default parameters and no callbacks. `allocator` may be NULL for malloc and free;
 * its fields are copied. Errors: ARGUMENT, MEMORY. */
PAXECT_CORE_API paxect_status paxect_encoder_create(const paxect_allocator* allocator, paxect_encoder** out);
/* Frees it with all it holds; work in progress is abandoned, its worker threads end before the return. */
PAXECT_CORE_API void paxect_encoder_free(paxect_encoder* encoder);
/* Makes the encoder ready for a new container, whatever state it is in. Parameters, callbacks, threads and
 * buffers stay: for many small inputs, one handle that is used again is the fast way. Errors: MEMORY. */
PAXECT_CORE_API paxect_status paxect_encoder_reset(paxect_encoder* encoder);
/* Takes effect with the next container. Errors: PARAMETER (unknown, not for this kind of handle, or out of
 * bounds), which leaves everything as it was and the handle usable; SEQUENCE between write and finish. */
PAXECT_CORE_API paxect_status paxect_encoder_set_parameter(paxect_encoder* encoder,
                                                           paxect_parameter parameter, int64_t value);
/* Where the container goes that write, finish and run make; what reached the sink before a failure is to be
 * thrown away. Errors: SEQUENCE between write and finish. */
PAXECT_CORE_API paxect_status paxect_encoder_set_sink(paxect_encoder* encoder, paxect_sink sink,
                                                      void* opaque);
/* Asked while any function of the handle works; NULL: none. Errors: SEQUENCE between write and finish. */
PAXECT_CORE_API paxect_status paxect_encoder_set_progress(paxect_encoder* encoder, paxect_progress progress,
                                                          void* opaque);
/* The most memory in bytes that the handle will use with its parameters for an input of `input_size` bytes
 * (UINT64_MAX: not known), what libzstd keeps for it included. */
PAXECT_CORE_API uint64_t paxect_encoder_memory(const paxect_encoder* encoder, uint64_t input_size);

/* Push: any number of writes of any size, 0 included, then finish. The data is copied, and written to the
 * sink in order as frames are done; a write may wait for that. Nothing is written to the sink before the
 * first call; finish alone makes a container of no data. PARAMETER: more than 4294967295 frames. Errors:
 * SEQUENCE (no sink, or after finish), SINK, CANCELLED, MEMORY, PARAMETER. */
PAXECT_CORE_API paxect_status paxect_encoder_write(paxect_encoder* encoder, const void* data, size_t size);
PAXECT_CORE_API paxect_status paxect_encoder_finish(paxect_encoder* encoder);
/* Pull: reads the source to its end and finishes. `source` is not kept. No write may have come before.
 * Errors: those of write, SOURCE. */
PAXECT_CORE_API paxect_status paxect_encoder_run(paxect_encoder* encoder, paxect_source source, void* opaque);

/* The size of the largest container that encode_buffer can make of `size` bytes with the encoder's
 * parameters; UINT64_MAX if that is more than 64 bits hold. */
PAXECT_CORE_API uint64_t paxect_encoder_bound(const paxect_encoder* encoder, uint64_t size);
/* Whole container in memory; resets the encoder first and leaves its sink as it was; afterwards the handle is
 * as after finish. A `capacity` of paxect_encoder_bound is always enough. `*container_size` is set on success
 * only; on failure the contents of `container` are unspecified. Errors: BUFFER_TOO_SMALL, CANCELLED, MEMORY,
 * PARAMETER. */
PAXECT_CORE_API paxect_status paxect_encoder_encode_buffer(paxect_encoder* encoder, const void* data,
                                                           size_t size, void* container, size_t capacity,
                                                           size_t* container_size);
/* Whole file; resets the encoder first and leaves its sink as it was; afterwards the handle is as after
 * finish. "-" is standard input or output. The output is atomic: it appears under its name complete or not at
 * all, what stood there before stays untouched on any failure, and no temporary file remains. It has the
 * permissions of the file that it replaces, a new one those of the umask; through symbolic links it is the
 * file at their end that is replaced. An output that exists and is no regular file (a device, a FIFO) is
 * written to directly. One failure comes later than that: with PAXECT_PARAM_SYNC, WRITE is also the answer
 * when the new file stands complete under its name, but its directory could not be flushed. Errors: OPEN,
 * READ, WRITE, SAME_FILE, CANCELLED, MEMORY, PARAMETER. */
PAXECT_CORE_API paxect_status paxect_encoder_encode_path(paxect_encoder* encoder, const char* input,
                                                         const char* output);

/* What was made: complete after finish, else what stands so far (sha256 then is zeros). */
PAXECT_CORE_API paxect_status paxect_encoder_info(const paxect_encoder* encoder, paxect_container_info* info);
/* The failure that the encoder is in, or the refusal of its last call; "", 0, 0 when there is none. The
 * offset is in the input. */
PAXECT_CORE_API const char* paxect_encoder_error_message(const paxect_encoder* encoder);
PAXECT_CORE_API uint64_t paxect_encoder_error_offset(const paxect_encoder* encoder);
PAXECT_CORE_API uint64_t paxect_encoder_error_frame(const paxect_encoder* encoder);

/* ---- Decoder ------------------------------------------------------------------------------------------- */

/* Every check of FORMAT.md is made, always: the VERIFY flag changes nothing. The failure reported is the
 * first in the container, for any number of threads and however the data is cut into writes. Frames reach the
 * sink in order, each one after its own CRC-32 was checked; that the data as a whole is right is known only
 * when finish (or run, or a one-call function) returns PAXECT_OK, and until then the output must not be
 * trusted. */
typedef struct paxect_decoder paxect_decoder;

/* As for the encoder, each of them. */
PAXECT_CORE_API paxect_status paxect_decoder_create(const paxect_allocator* allocator, paxect_decoder** out);
PAXECT_CORE_API void paxect_decoder_free(paxect_decoder* decoder);
PAXECT_CORE_API paxect_status paxect_decoder_reset(paxect_decoder* decoder);
PAXECT_CORE_API paxect_status paxect_decoder_set_parameter(paxect_decoder* decoder,
                                                           paxect_parameter parameter, int64_t value);
PAXECT_CORE_API paxect_status paxect_decoder_set_sink(paxect_decoder* decoder, paxect_sink sink,
                                                      void* opaque);
PAXECT_CORE_API paxect_status paxect_decoder_set_progress(paxect_decoder* decoder, paxect_progress progress,
                                                          void* opaque);
/* The most memory in bytes that the handle will use for containers of this frame size (header field; see
 * paxect_read_info_fd), what libzstd keeps for it included. PAXECT_PARAM_MAX_FRAME bounds it for containers
 * that nobody has looked at. */
PAXECT_CORE_API uint64_t paxect_decoder_memory(const paxect_decoder* decoder, uint32_t frame_size);

/* Push: any number of writes of any size, 0 included, then finish, which checks the footer: the last 44 bytes
 * are not looked at before. Errors: SEQUENCE (no sink, or after finish), SINK, CANCELLED, MEMORY, and MAGIC
 * to LIMIT and DIGEST, the structure and the whole. */
PAXECT_CORE_API paxect_status paxect_decoder_write(paxect_decoder* decoder, const void* data, size_t size);
PAXECT_CORE_API paxect_status paxect_decoder_finish(paxect_decoder* decoder);
/* Pull: reads the source to its end and finishes. `source` is not kept. No write may have come before.
 * Errors: those of write, SOURCE. */
PAXECT_CORE_API paxect_status paxect_decoder_run(paxect_decoder* decoder, paxect_source source, void* opaque);

/* Whole container in memory to whole data in memory; resets first; afterwards the handle is as after finish.
 * How much room the data needs is the footer's first 8 bytes. On failure the contents of `data` are
 * unspecified and must not be used. `*size` is set on success only. Errors: BUFFER_TOO_SMALL, as soon as a
 * frame does not fit, and those of write. */
PAXECT_CORE_API paxect_status paxect_decoder_decode_buffer(paxect_decoder* decoder, const void* container,
                                                           size_t container_size, void* data, size_t capacity,
                                                           size_t* size);
/* Whole file; resets first; "-" and the output as for paxect_encoder_encode_path, so that nothing stands
 * under the output's name before everything was checked. Standard output, a device and a FIFO receive frames
 * as they are checked. Errors: those of write, OPEN, READ, WRITE, SAME_FILE. */
PAXECT_CORE_API paxect_status paxect_decoder_decode_path(paxect_decoder* decoder, const char* input,
                                                         const char* output);

/* Header and, after finish, footer of the container; totals so far before that. */
PAXECT_CORE_API paxect_status paxect_decoder_info(const paxect_decoder* decoder, paxect_container_info* info);
/* The failure that the decoder is in, or the refusal of its last call; "", 0, 0 when there is none. The
 * offset is in the container, of the field, payload or frame that is wrong. */
PAXECT_CORE_API const char* paxect_decoder_error_message(const paxect_decoder* decoder);
PAXECT_CORE_API uint64_t paxect_decoder_error_offset(const paxect_decoder* decoder);
PAXECT_CORE_API uint64_t paxect_decoder_error_frame(const paxect_decoder* decoder);

/* ---- Reader -------------------------------------------------------------------------------------------- */

/* Looks into a container in a regular file: what it says of itself, where its frames stand, any range of its
 * data, and whether a file is its original. Nothing is read or decompressed but what that needs. Frame
 * headers are checked as a decoder checks them, and so is every frame that is decompressed; only a decoder
 * can say that the whole is right, since the SHA-256 needs all of the data.
 *
 * Instead of convention 3's second sentence: a failure of open leaves nothing open; one of another function
 * ends that call alone, so that what is sound in a damaged container can still be read. Text, offset and
 * frame stay until the next call. Every function but create, free, set and error gives SEQUENCE while nothing
 * is open. */
typedef struct paxect_reader paxect_reader;

/* A frame as its header describes it. */
typedef struct paxect_frame_info {
  size_t struct_size;
  uint64_t number;
  uint64_t offset;      /* of the frame header in the container; the payload follows it after 14 bytes */
  uint64_t data_offset; /* of the frame's data in the original */
  uint32_t clen;        /* bytes of payload */
  uint32_t ulen;        /* bytes of data */
  uint32_t crc;         /* CRC-32 of the data */
  uint32_t channel;
  uint32_t extension; /* 1: an extension frame, which holds no data */
  uint32_t reserved;
} paxect_frame_info;
/* Called for each frame in order; `frame` is valid during the call only. 0: go on; anything else: stop with
 * PAXECT_ERROR_SINK. */
typedef int32_t (*paxect_frame_callback)(void* opaque, const paxect_frame_info* frame);

enum {
  PAXECT_DIFFERENCE_DATA = 1,    /* the frame's CRC-32 is not that of the original's bytes there */
  PAXECT_DIFFERENCE_MISSING = 2, /* the original ends here; these bytes of the container are not in it */
  PAXECT_DIFFERENCE_EXTRA = 3 /* the container's data ends here; these bytes of the original are not in it */
};
/* Where a container and its supposed original differ. */
typedef struct paxect_difference {
  size_t struct_size;
  uint32_t kind; /* PAXECT_DIFFERENCE_* */
  uint32_t reserved;
  uint64_t
      frame; /* the frame; for MISSING the one in which the original ends, for EXTRA the number of frames */
  uint64_t offset; /* in the original; for DATA that of the frame */
  uint64_t length; /* bytes; for DATA those of the frame */
} paxect_difference;
/* As paxect_frame_callback. */
typedef int32_t (*paxect_difference_callback)(void* opaque, const paxect_difference* difference);

/* As for the encoder. Parameters: MAX_FRAME, for frames that are decompressed; THREADS, SYNC, SPARSE for
 * read_path. */
PAXECT_CORE_API paxect_status paxect_reader_create(const paxect_allocator* allocator, paxect_reader** out);
PAXECT_CORE_API void paxect_reader_free(paxect_reader* reader);
PAXECT_CORE_API paxect_status paxect_reader_set_parameter(paxect_reader* reader, paxect_parameter parameter,
                                                          int64_t value);
/* Called with the bytes of the container that are done with and the bytes of data given out or compared. */
PAXECT_CORE_API paxect_status paxect_reader_set_progress(paxect_reader* reader, paxect_progress progress,
                                                         void* opaque);
/* The most memory in bytes that the handle will use for containers of this frame size, as
 * paxect_decoder_memory. */
PAXECT_CORE_API uint64_t paxect_reader_memory(const paxect_reader* reader, uint32_t frame_size);

/* Opens the container behind a descriptor and checks its header; what was open before is closed. `fd` stays
 * the caller's and must stay open and unchanged as long as the reader uses it; its file offset is neither
 * used nor moved. Errors: ARGUMENT and those of paxect_read_info_fd. */
PAXECT_CORE_API paxect_status paxect_reader_open_fd(paxect_reader* reader, int fd);
/* The same for a path; "-" is standard input, which must be a regular file. Errors: also OPEN. */
PAXECT_CORE_API paxect_status paxect_reader_open_path(paxect_reader* reader, const char* path);
/* What header and footer say; whether the footer tells the truth is not known. Errors: ARGUMENT, SEQUENCE. */
PAXECT_CORE_API paxect_status paxect_reader_info(const paxect_reader* reader, paxect_container_info* info);

/* Goes through all frames by their headers, decompressing nothing, and compares the footer's totals with what
 * was found at the end. Errors: READ, TRUNCATED, FRAME_HEADER, EXTENSION, COUNTS, TRAILING, SINK, CANCELLED,
 * MEMORY. */
PAXECT_CORE_API paxect_status paxect_reader_frames(paxect_reader* reader, paxect_frame_callback callback,
                                                   void* opaque);

/* Gives `length` bytes of the data from `offset` on to the sink, UINT64_MAX: all from there; in order, each
 * frame after its CRC-32 was checked. Headers are read up to the last frame needed, from a place
 * that an earlier call came by where there is one; payloads of the frames needed alone. A range that does not
 * lie in the data, as large as the footer says it is, is refused with PARAMETER before anything is read. The
 * SHA-256 is not checked. Errors: those of paxect_decoder_write, READ.
 */
PAXECT_CORE_API paxect_status paxect_reader_read(paxect_reader* reader, uint64_t offset, uint64_t length,
                                                 paxect_sink sink, void* opaque);
/* The same into a file, as paxect_encoder_encode_path writes it. Errors: also OPEN, WRITE, SAME_FILE. */
PAXECT_CORE_API paxect_status paxect_reader_read_path(paxect_reader* reader, uint64_t offset, uint64_t length,
                                                      const char* output);

/* Reads a file to its end and says where it differs from the container's data, frame by frame, without
 * decompressing: by length and CRC-32 of each frame, and by the SHA-256 when those agree. DIFFERENT when it
 * does, after every difference was given to the callback, which may be NULL; the failure's offset and frame
 * are those of the first. DIGEST when only the SHA-256 tells. What the payloads hold is not looked at: that
 * is a decoder's work. Errors: also SOURCE, and those of paxect_reader_frames. */
PAXECT_CORE_API paxect_status paxect_reader_compare(paxect_reader* reader, paxect_source source,
                                                    void* source_opaque, paxect_difference_callback callback,
                                                    void* opaque);
/* The same for a path; "-" is standard input. Errors: also OPEN. */
PAXECT_CORE_API paxect_status paxect_reader_compare_path(paxect_reader* reader, const char* original,
                                                         paxect_difference_callback callback, void* opaque);

/* The failure of the last call; "", 0, 0 when there was none. The offset is in the container, but for
 * DIFFERENT, where it is in the original. */
PAXECT_CORE_API const char* paxect_reader_error_message(const paxect_reader* reader);
PAXECT_CORE_API uint64_t paxect_reader_error_offset(const paxect_reader* reader);
PAXECT_CORE_API uint64_t paxect_reader_error_frame(const paxect_reader* reader);

/* ---- Salvage ------------------------------------------------------------------------------------------- */

/* Gets out of damaged copies of a container what is in them. Every frame is looked for, in every copy, and
 * taken where its CRC-32 agrees, or else where it decompresses; FORMAT.md tells what is rebuilt from what.
 * The order of calls: add the copies, run, ask for the report. Data is held one frame at a time, in memory of
 * the allocator. The list of what was found takes at most some 250 bytes for each frame of each copy, and
 * these come from the C++ heap; when there is no more, that is PAXECT_ERROR_MEMORY. It works on the calling
 * thread alone. */
typedef struct paxect_salvager paxect_salvager;

/* As for the encoder; reset forgets the copies too. Parameters: MAX_FRAME, FILL, SYNC, SPARSE. Progress
 * counts the bytes of all copies, each once for the search, and once more the part that is used. */
PAXECT_CORE_API paxect_status paxect_salvager_create(const paxect_allocator* allocator,
                                                     paxect_salvager** out);
PAXECT_CORE_API void paxect_salvager_free(paxect_salvager* salvager);
PAXECT_CORE_API paxect_status paxect_salvager_reset(paxect_salvager* salvager);
PAXECT_CORE_API paxect_status paxect_salvager_set_parameter(paxect_salvager* salvager,
                                                            paxect_parameter parameter, int64_t value);
PAXECT_CORE_API paxect_status paxect_salvager_set_sink(paxect_salvager* salvager, paxect_sink sink,
                                                       void* opaque);
PAXECT_CORE_API paxect_status paxect_salvager_set_progress(paxect_salvager* salvager,
                                                           paxect_progress progress, void* opaque);

/* One more damaged copy, up to 64: a regular file or a block device, read by pread alone, which stays the
 * caller's and must stay open until the handle is reset or freed. `name` is for messages. Where the medium
 * cannot be read (EIO), the copy counts as damaged, not as failed. Copies of different containers are told
 * apart: the odd ones are left out, and the report says so. Errors: ARGUMENT, READ, SEQUENCE after run. */
PAXECT_CORE_API paxect_status paxect_salvager_add_fd(paxect_salvager* salvager, int fd, const char* name);

/* Writes the data to the sink. PAXECT_OK: it is whole, which the SHA-256 proves. PAXECT_ERROR_PARTIAL: all
 * that was found is written, the report says what is missing; the handle is not in a failure that keeps it
 * from being asked. Errors: PARTIAL, NOTHING (the sink saw nothing), SEQUENCE (no sink, no copy, or run
 * before), READ, SINK, CANCELLED, MEMORY. */
PAXECT_CORE_API paxect_status paxect_salvager_run(paxect_salvager* salvager);
/* The same into a file, "-" being standard output: it appears under its name only when all was written, after
 * PAXECT_ERROR_PARTIAL too. Errors: those of run, OPEN, WRITE, SAME_FILE. */
PAXECT_CORE_API paxect_status paxect_salvager_run_path(paxect_salvager* salvager, const char* output);

/* The result of a run that ended with OK or PARTIAL. */
typedef struct paxect_salvage_report {
  size_t struct_size;
  uint32_t proven;      /* 1: whole, by the SHA-256 */
  uint32_t frame_size;  /* by the header, or by the frames where no header is right */
  uint32_t channels;    /* likewise */
  int32_t header_input; /* number of the first copy whose header is right, or -1 */
  int32_t footer_input; /* number of the first copy whose footer was used, or -1 */
  uint32_t size_known;  /* 1: `size` and `frames` are the footer's; 0: as far as was found */
  uint64_t size;        /* bytes of data in all */
  uint64_t frames;      /* of data, in all */
  uint64_t confirmed;   /* frames whose CRC-32 or whole SHA-256 agrees */
  uint64_t unconfirmed; /* frames that decompress, but whose CRC-32 differs or is disputed */
  uint64_t lost;        /* frames */
  uint64_t lost_size;   /* bytes of data */
  uint64_t written;     /* bytes */
  uint64_t over_limit;  /* frames passed over because they are larger than PAXECT_PARAM_MAX_FRAME */
  uint64_t ranges;      /* for paxect_salvager_each_range */
  uint32_t inputs;      /* copies added */
  uint32_t limited;     /* 1: so many false traces that frames may have been passed over */
  uint8_t sha256[32];   /* of what was written */
} paxect_salvage_report;
PAXECT_CORE_API paxect_status paxect_salvager_report(const paxect_salvager* salvager,
                                                     paxect_salvage_report* report);

/* Data [start, end) that is lost or not confirmed, in order. */
typedef struct paxect_salvage_range {
  size_t struct_size;
  uint64_t start;  /* in the original data */
  uint64_t end;    /* UINT64_MAX: not known */
  uint64_t frames; /* 0: not known */
  uint32_t kind;   /* PAXECT_RANGE_* */
  uint32_t exact;  /* 0: how many frames are missing where is an estimate */
} paxect_salvage_range;
enum {
  PAXECT_RANGE_LOST = 0,
  PAXECT_RANGE_UNCONFIRMED = 1 /* the data is there, and may be damaged */
};
/* 0: go on; anything else: stop, which is no failure. */
typedef int32_t (*paxect_salvage_range_callback)(void* opaque, const paxect_salvage_range* range);
PAXECT_CORE_API paxect_status paxect_salvager_each_range(const paxect_salvager* salvager,
                                                         paxect_salvage_range_callback callback,
                                                         void* opaque);

/* What became of a copy. */
typedef struct paxect_salvage_input {
  size_t struct_size;
  uint64_t size;      /* bytes of the file */
  uint64_t confirmed; /* frames found in it */
  uint64_t unconfirmed;
  uint64_t ruined;     /* frames of which only the place was found */
  uint64_t unreadable; /* bytes that the medium did not deliver */
  uint32_t used;       /* 0: it contradicts the other copies and was left out */
  uint32_t header;     /* 1: it has a header that reads like one */
} paxect_salvage_input;
/* Copies count from 0 in the order in which they were added. Errors: ARGUMENT. */
PAXECT_CORE_API paxect_status paxect_salvager_input(const paxect_salvager* salvager, uint32_t number,
                                                    paxect_salvage_input* input);

PAXECT_CORE_API const char* paxect_salvager_error_message(const paxect_salvager* salvager);
PAXECT_CORE_API uint64_t paxect_salvager_error_offset(const paxect_salvager* salvager);

#ifdef __cplusplus
}
#endif

#endif /* PAXECT_CORE_H */
