/* SPDX-License-Identifier: Apache-2.0
 *
 * paxect/core.h - create, verify, read, repair and salvage .freq containers, version 42.  (format: FORMAT.md)
 *
 * Handles. An encoder, a decoder, a reader, a salvager and a repairer are opaque; their creator frees them.
 * These functions do the same for each. *_create makes a handle with default parameters and no callbacks; it
 * copies the fields of the allocator, and NULL means malloc and free. *_free abandons an open stream, joins
 * the worker threads and frees everything; NULL does nothing. *_reset abandons an open or failed stream and
 * clears the results and the added copies; parameters, callbacks, buffers and threads stay, so that reusing
 * one handle is the fastest way to process many small inputs. *_set_parameter sets a parameter for the
 * following jobs; after PARAMETER (unknown, not for this handle, or out of bounds) the old value stays.
 * *_set_sink sets where jobs without another output write; discard what it received from a job that failed,
 * other than with PARTIAL. *_set_progress sets the progress callback of all jobs, or none with NULL. *_memory
 * is the maximum in bytes that the handle uses with its parameters, including that of libzstd.
 *
 * Jobs. A stream is any number of calls of write, of any size including 0, then finish; the data is copied.
 * The run of an encoder or decoder reads a source to its end and finishes; the source is not kept. *_path
 * does the same with files. The info of an encoder or decoder and each report describe the last job; before a
 * stream is finished and after a failure, what was processed so far, with a sha256 of zeros.
 *
 * States. An encoder or decoder is in one of four states; a new one is ready.
 *                    ready           stream open    stream failed   done           inside a callback
 *    write           opens stream    continues      same failure    SEQUENCE       SEQUENCE
 *    finish          done            done           same failure    SEQUENCE       SEQUENCE
 *    one-call job    done            SEQUENCE       done            done           SEQUENCE
 *    set_*           allowed         SEQUENCE       allowed         allowed        SEQUENCE
 *    reset           ready           ready          ready           ready          SEQUENCE
 *    info            allowed         allowed        allowed         allowed        SEQUENCE
 *    free            allowed         allowed        allowed         allowed        does nothing
 * One-call jobs are all but streams; they lead to done even when they fail. A reader needs an open container
 * except for create, free, set_* and open_*. A salvager and a repairer have no states. All treat calls inside
 * a callback as above. error_*, memory and bound are always allowed.
 *
 * Errors. A function that can fail returns a paxect_status, and PAXECT_OK is 0. A refused call (ARGUMENT,
 * PARAMETER, SEQUENCE) changes nothing but the error text. A failed job ends that call only: when it returns,
 * no worker thread uses the caller's memory or descriptors, no result of an earlier job remains, and the
 * handle accepts the next job. Only a failed stream (write, finish) repeats its failure until reset or a
 * one-call job. *_error_message, _offset and _frame describe the latest call on the handle that returned a
 * status, except the queries info (of encoders and decoders), report, each_* and input: "", 0 and 0 after
 * success, or the warning of a *_path function. The text is one line of English, not to be parsed. The offset
 * is in the input of an encoder, in the copy that a salvager's text names, for DIFFERENT in the original, and
 * else in the container. Every function returns ARGUMENT, 0 or "" when the handle or a required pointer is
 * NULL, MEMORY when memory runs out, CRYPTO when libcrypto has no SHA-256 for a job that needs it, INTERNAL
 * for a defect of the library. A job also returns SEQUENCE when its sink or its copies are missing, SOURCE,
 * SINK or CANCELLED when a callback ends it, and OPEN, READ, WRITE or SAME_FILE when its files cause that.
 * "Errors:" lists the other values.
 *
 * Files. "-" is standard input or output. A regular output file appears complete under its name or not at
 * all: on failure an existing file is unchanged and no temporary file remains. (With PAXECT_PARAM_SYNC, WRITE
 * is also returned when the complete file has its name but its directory could not be flushed.) A new file
 * has the permissions of the input, or those that the umask leaves when PAXECT_PARAM_KEEP_ATTRIBUTES is 0 or
 * the input has no name of its own. A file that replaces another keeps its owner, group, permissions (limited
 * to those of the input), access control list and extended attributes, without set-ID and sticky bits. Where
 * they cannot be kept the permissions are narrowed, and the call returns OK with an error text that says what
 * was lost. Symbolic links are followed. Devices, FIFOs and descriptors (/dev/stdout, /dev/fd/N) are written
 * directly, from where they are. SAME_FILE: the output is an input, or one is a block device that the other
 * lies on.
 *
 * Threads. Different threads may use different handles at the same time; a handle may be used by one thread
 * at a time. A handle may run worker threads (PAXECT_PARAM_THREADS; fewer where the system refuses them), but
 * calls back only on the thread that called it. After fork, the child may use only handles that it creates.
 * Functions without a handle may be called from any thread.
 *
 * Ownership. Pointers passed in are used during the call only, except callbacks, their `opaque` and the
 * allocator, which must stay valid while the handle has them. A string from a handle is valid until the next
 * call on it; other strings are static. Descriptors stay the caller's. Paths go to the system unchanged.
 *
 * Callbacks. They return 0 to continue. Any other value ends the call: with SOURCE from a source, CANCELLED
 * from a progress callback, PAXECT_OK from the callback of each_*, SINK from any other. They must not throw
 * or longjmp. Data and structures passed to them are valid during the call only.
 *
 * Structures. Each begins with `struct_size`, which the caller sets to the sizeof its own structure, for
 * input and for output. The library fills the fields that both know and sets those that only the caller knows
 * to 0. In a structure passed to a callback, struct_size is the library's. Reserved fields are 0.
 *
 * Numbers. Sizes and offsets are in bytes, from 0. Frames, extension frames too, and copies count from 0.
 *
 * Signals. The library installs no handler and writes to no descriptor but those it was given. While a *_path
 * function waits for a FIFO, a pipe, a socket or a terminal, it invokes the progress callback several times a
 * second, and at once when a signal interrupts it: a handler that sets a flag for the callback is enough to
 * end the wait. A pipe without a reader raises SIGPIPE; a program that ignores SIGPIPE gets WRITE.
 */
#ifndef PAXECT_CORE_H
#define PAXECT_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- Versions ------------------------------------------------------------------------------------------ */

#define PAXECT_CORE_VERSION_MAJOR 1
#define PAXECT_CORE_VERSION_MINOR 0
#define PAXECT_CORE_VERSION_PATCH 0
#define PAXECT_CORE_VERSION_NUMBER \
  (PAXECT_CORE_VERSION_MAJOR * 10000 + PAXECT_CORE_VERSION_MINOR * 100 + PAXECT_CORE_VERSION_PATCH)

/* Of the loaded library; of the loaded libzstd, on which the bytes of a container depend: 10504, "1.5.4". */
uint32_t paxect_core_version_number(void);
const char* paxect_core_version_string(void);
uint32_t paxect_core_zstd_version_number(void);
const char* paxect_core_zstd_version_string(void);

/* ---- Status -------------------------------------------------------------------------------------------- */

/* Values never change; the gaps are for later values. Treat a value not listed here as a failure. */
typedef int32_t paxect_status;
enum {
  PAXECT_OK = 0,
  /* the call */
  PAXECT_ERROR_ARGUMENT = 10,  /* a NULL, struct_size or descriptor that the function does not accept */
  PAXECT_ERROR_PARAMETER = 11, /* unknown parameter, or value out of bounds */
  PAXECT_ERROR_SEQUENCE = 12,  /* a call that the state does not allow, such as write after finish */
  PAXECT_ERROR_BUFFER_TOO_SMALL = 13, /* the result does not fit into the destination */
  PAXECT_ERROR_MEMORY = 14,           /* out of memory */
  PAXECT_ERROR_CANCELLED = 15,        /* the progress callback stopped the job */
  PAXECT_ERROR_CRYPTO = 16,           /* libcrypto offers no SHA-256; check its configuration */
  PAXECT_ERROR_INTERNAL = 19,         /* a defect of this library */

  /* files, descriptors and callbacks */
  PAXECT_ERROR_OPEN = 30,      /* a file cannot be opened or created */
  PAXECT_ERROR_READ = 31,      /* reading failed */
  PAXECT_ERROR_WRITE = 32,     /* writing failed */
  PAXECT_ERROR_SAME_FILE = 33, /* input and output are the same file */
  PAXECT_ERROR_SOURCE = 34,    /* the source callback failed */
  PAXECT_ERROR_SINK = 35,      /* the sink callback failed */

  /* structure of a container */
  PAXECT_ERROR_MAGIC = 50,         /* not a .freq container */
  PAXECT_ERROR_VERSION = 51,       /* a container of another version */
  PAXECT_ERROR_HEADER = 52,        /* a header field is out of range */
  PAXECT_ERROR_TRUNCATED = 53,     /* the container ends too early */
  PAXECT_ERROR_FRAME_HEADER = 54,  /* a frame header field is out of range */
  PAXECT_ERROR_PAYLOAD = 55,       /* a payload is not exactly one zstd frame of the declared length */
  PAXECT_ERROR_DECOMPRESS = 56,    /* a frame does not decompress */
  PAXECT_ERROR_CRC = 57,           /* the CRC-32 of a frame differs */
  PAXECT_ERROR_COUNTS = 58,        /* the footer's totals differ from those of the frames */
  PAXECT_ERROR_TRAILING = 59,      /* data follows the footer, such as a second container */
  PAXECT_ERROR_EXTENSION = 60,     /* an empty frame is not a well-formed extension frame */
  PAXECT_ERROR_LIMIT = 61,         /* a frame is larger than PAXECT_PARAM_MAX_FRAME */
  PAXECT_ERROR_NO_PROTECTION = 67, /* repair found nothing that protects the container */
  PAXECT_ERROR_NOTHING = 68,       /* salvage found no frame of a container */

  /* the whole */
  PAXECT_ERROR_DIGEST = 70,    /* the SHA-256 of the data differs from the footer's */
  PAXECT_ERROR_DIFFERENT = 71, /* a file is not the original of the container it was compared with */
  PAXECT_ERROR_PARTIAL = 72,   /* salvage wrote data that is incomplete or not proven to be complete */
  PAXECT_ERROR_DAMAGED = 73    /* more of a container is damaged than its protection can restore */
};

/* "PAXECT_ERROR_CRC" for PAXECT_ERROR_CRC; "PAXECT_ERROR_UNKNOWN" for a value not listed. */
const char* paxect_status_name(paxect_status status);
/* The exit status of the paxect-core command for it: 0, 2 (the whole), 3 (files, callbacks, BUFFER_TOO_SMALL,
 * memory, cancel, libcrypto), 4 (structure), 64 (argument, parameter) or 70 (SEQUENCE, internal). */
int32_t paxect_status_exit_code(paxect_status status);

/* ---- Memory and callbacks ------------------------------------------------------------------------------ */

/* Where a handle takes itself and its data buffers from. libzstd and libcrypto use malloc; small objects,
 * error texts and threads of the library use operator new and, except in salvagers and repairers, do not grow
 * with the data. A length that a container merely claims causes no large request: above about 1 MiB, a
 * request is at most twice what the data received so far justifies. `allocate` returns memory aligned for any
 * object, or NULL (MEMORY); `size` is at least 1. `release` receives what `allocate` returned, never NULL.
 * Worker threads call both concurrently. Requires: neither calls a function of the handle, all fields are
 * set, and a field that only the caller knows is 0. */
typedef struct paxect_allocator {
  size_t struct_size;
  void* opaque;
  void* (*allocate)(void* opaque, size_t size);
  void (*release)(void* opaque, void* memory);
} paxect_allocator;

/* Takes all `size` bytes, at least 1; their division into calls has no meaning. A failure ends the calls. */
typedef int32_t (*paxect_sink)(void* opaque, const void* data, size_t size);
/* Stores 1 to `capacity` bytes in `buffer` and their number in `*size`, or 0 in `*size` at the end of the
 * data. It may block. A size above `capacity` is a failure. */
typedef int32_t (*paxect_source)(void* opaque, void* buffer, size_t capacity, size_t* size);
/* Called about once a frame, while a *_path function waits, and at the end, with the bytes that were read and
 * written so far. Neither number decreases during a job. While a *_path function waits, they include what its
 * files have taken and given since the last frame. */
typedef int32_t (*paxect_progress)(void* opaque, uint64_t bytes_in, uint64_t bytes_out);

/* ---- Parameters ---------------------------------------------------------------------------------------- */

typedef int32_t paxect_parameter;
enum {
  /* Encoder. All but PARANOID, and the libzstd version, determine the bytes of a container. */
  PAXECT_PARAM_LEVEL = 100,      /* zstd compression level, -7 to 22. Default: 5. */
  PAXECT_PARAM_FRAME_SIZE = 101, /* data bytes per frame, 1 to 4294967295. Default: 1048576. Data for
                                    a frame above 1 GiB, which decoders refuse by default, is refused. */
  PAXECT_PARAM_CHANNELS = 102,   /* 1 to 8, or PAXECT_CHANNELS_AUTO, which means 4. Default: 1. */
  PAXECT_PARAM_MAPPING = 103,    /* PAXECT_MAPPING_*, metadata only. Default: PAXECT_MAPPING_VIRTUAL. */
  PAXECT_PARAM_VERIFY = 104,     /* 1: set PAXECT_FLAG_VERIFY, metadata only. Default: 0. */
  PAXECT_PARAM_PARANOID = 110,   /* 1: decompress and compare each frame before it is written; a difference
                                    fails with INTERNAL. Default: 0. */
  PAXECT_PARAM_PROTECT = 111,    /* 1 to 50: a repairer restores any piece of about so many percent of the
                                    rest of the container, but at most of 16 MiB; FORMAT.md has the exact
                                    bound. 0: none. Default: 0. */

  /* Decoder, reader, salvager and repairer; CONTAINER_SIZE: decoder. */
  PAXECT_PARAM_MAX_FRAME = 200,      /* largest frame to accept, 1 to 4294967295 bytes. Default: 1 GiB. */
  PAXECT_PARAM_CONTAINER_SIZE = 201, /* of the container, which saves copying. Default: 0, unknown. */
  PAXECT_PARAM_SPARSE = 202, /* 1: *_path leaves holes for runs of 64 KiB of zeros or more. Default: 1. */

  /* Encoder, decoder, reader and repairer; SYNC and KEEP_ATTRIBUTES: all handles. */
  PAXECT_PARAM_THREADS = 300, /* 1 to 256, the caller's included; 0: one per usable core. Default: 0. */
  PAXECT_PARAM_SYNC = 301, /* 1: *_path flushes file and directory to disk before it returns. Default: 0. */
  PAXECT_PARAM_KEEP_ATTRIBUTES = 302, /* 1: what *_path makes of regular files has the modification time of
                                         the first, and no permission that one of them lacks. Default: 1. */

  /* Salvager. */
  PAXECT_PARAM_FILL = 400 /* PAXECT_FILL_*, what replaces lost data. Default: PAXECT_FILL_ZERO. */
};

enum { PAXECT_MAPPING_VIRTUAL = 0, PAXECT_MAPPING_U16 = 1 };
enum { PAXECT_CHANNELS_AUTO = 0 };
enum { PAXECT_FILL_ZERO = 0, PAXECT_FILL_SKIP = 1 }; /* zeros keep the offsets of all other data */
enum { PAXECT_FLAG_VERIFY = 1, PAXECT_FLAG_MULTICHANNEL = 2 };

/* The inclusive bounds and the default, the initial value. Any pointer may be NULL. Errors: PARAMETER. */
paxect_status paxect_parameter_bounds(paxect_parameter id, int64_t* min, int64_t* max, int64_t* initial);

/* ---- Container info ------------------------------------------------------------------------------------ */

typedef struct paxect_container_info {
  size_t struct_size;
  uint32_t version; /* 42; 0, like all header fields, while no header was read or written */
  uint32_t flags;   /* PAXECT_FLAG_*, and unknown bits as stored */
  uint32_t mapping;
  int32_t level;
  uint32_t frame_size;
  uint32_t channels;     /* the last header field */
  uint64_t total_size;   /* bytes of original data, the first footer field */
  uint64_t total_frames; /* including extension frames */
  uint8_t sha256[32];    /* of the original data, the last footer field */
  uint64_t container_size;
  uint64_t protection_size; /* bytes of the frames that protect it; set by encoders and paxect_reader_info */
  uint32_t protection;      /* percent, as PAXECT_PARAM_PROTECT; 0: none, or not known as above */
  uint32_t reserved;
} paxect_container_info;

/* Reads header and footer of a container in a regular file, without its frames. The header is validated as a
 * decoder does; the footer's values are what the container claims. The file offset does not move. `message`,
 * if not NULL, receives up to `capacity` bytes of zero-terminated error text. On failure `info` is unchanged.
 * Errors: READ, MAGIC, VERSION, HEADER, TRUNCATED. */
paxect_status paxect_read_info_fd(int fd, paxect_container_info* info, char* message, size_t capacity);

/* ---- Encoder ------------------------------------------------------------------------------------------- */

typedef struct paxect_encoder paxect_encoder;
paxect_status paxect_encoder_create(const paxect_allocator* allocator, paxect_encoder** out);
void paxect_encoder_free(paxect_encoder* encoder);
paxect_status paxect_encoder_reset(paxect_encoder* encoder);
paxect_status paxect_encoder_set_parameter(paxect_encoder* encoder, paxect_parameter id, int64_t value);
paxect_status paxect_encoder_set_sink(paxect_encoder* encoder, paxect_sink sink, void* opaque);
paxect_status paxect_encoder_set_progress(paxect_encoder* encoder, paxect_progress progress, void* opaque);
/* For `input_size` bytes of data, or for an unknown size (UINT64_MAX). */
uint64_t paxect_encoder_memory(const paxect_encoder* encoder, uint64_t input_size);

/* Frames are written in order as they are compressed; write blocks while that takes longer than the data
 * arrives. No data makes a container too. Errors: PARAMETER (more than 4294967295 frames). */
paxect_status paxect_encoder_write(paxect_encoder* encoder, const void* data, size_t size);
paxect_status paxect_encoder_finish(paxect_encoder* encoder);
paxect_status paxect_encoder_run(paxect_encoder* encoder, paxect_source source, void* opaque);
paxect_status paxect_encoder_encode_path(paxect_encoder* encoder, const char* input, const char* output);
/* Memory to memory. On failure `container` is unspecified and `*container_size` unchanged. Errors: also
 * BUFFER_TOO_SMALL. */
paxect_status paxect_encoder_encode_buffer(paxect_encoder* encoder, const void* data, size_t size,
                                           void* container, size_t capacity, size_t* container_size);
/* A `capacity` that suffices for any `size` bytes with the handle's parameters; UINT64_MAX: above 64 bits. */
uint64_t paxect_encoder_bound(const paxect_encoder* encoder, uint64_t size);

paxect_status paxect_encoder_info(const paxect_encoder* encoder, paxect_container_info* info);
const char* paxect_encoder_error_message(const paxect_encoder* encoder);
uint64_t paxect_encoder_error_offset(const paxect_encoder* encoder);
uint64_t paxect_encoder_error_frame(const paxect_encoder* encoder);

/* ---- Decoder ------------------------------------------------------------------------------------------- */

/* Makes every check of FORMAT.md; the VERIFY flag changes nothing. The reported failure is the first one in
 * the container, with the same status, offset and frame number for every number of threads and every way of
 * passing the container. Frames reach the sink in order, each after its CRC-32 was verified. Only PAXECT_OK
 * from finish or a one-call job means that the data is the original; until then do not use the output. */
typedef struct paxect_decoder paxect_decoder;
paxect_status paxect_decoder_create(const paxect_allocator* allocator, paxect_decoder** out);
void paxect_decoder_free(paxect_decoder* decoder);
paxect_status paxect_decoder_reset(paxect_decoder* decoder);
paxect_status paxect_decoder_set_parameter(paxect_decoder* decoder, paxect_parameter id, int64_t value);
paxect_status paxect_decoder_set_sink(paxect_decoder* decoder, paxect_sink sink, void* opaque);
paxect_status paxect_decoder_set_progress(paxect_decoder* decoder, paxect_progress progress, void* opaque);
/* For containers of this frame size (the header field). PAXECT_PARAM_MAX_FRAME bounds it for any others. */
uint64_t paxect_decoder_memory(const paxect_decoder* decoder, uint32_t frame_size);

/* The latest 44 bytes are always held back; finish verifies them as the footer. A regular output file appears
 * after every check, other outputs receive frames as they are verified. Errors: MAGIC to LIMIT, DIGEST. */
paxect_status paxect_decoder_write(paxect_decoder* decoder, const void* data, size_t size);
paxect_status paxect_decoder_finish(paxect_decoder* decoder);
paxect_status paxect_decoder_run(paxect_decoder* decoder, paxect_source source, void* opaque);
paxect_status paxect_decoder_decode_path(paxect_decoder* decoder, const char* input, const char* output);
/* Memory to memory. A sound container needs a capacity of the total_size of its footer. On failure
 * `data` is unspecified and `*size` unchanged. Errors: also BUFFER_TOO_SMALL. */
paxect_status paxect_decoder_decode_buffer(paxect_decoder* decoder, const void* container,
                                           size_t container_size, void* data, size_t capacity, size_t* size);

paxect_status paxect_decoder_info(const paxect_decoder* decoder, paxect_container_info* info);
const char* paxect_decoder_error_message(const paxect_decoder* decoder);
uint64_t paxect_decoder_error_offset(const paxect_decoder* decoder);
uint64_t paxect_decoder_error_frame(const paxect_decoder* decoder);

/* ---- Reader -------------------------------------------------------------------------------------------- */

/* Random access to a container in a regular file: its header and footer, its frames, a range of its data, and
 * whether a file is its original. Frame headers and the frames that are decompressed are validated as a
 * decoder does. The first of info, read and compare reads the headers of all frames, compares each length
 * with the content size in the payload and the sums with the footer; without that, a damaged length would
 * move data. What is read is therefore at its offset; only the SHA-256 proves the order of the frames. A file
 * that changes its size while it is open gives READ or TRUNCATED. */
typedef struct paxect_reader paxect_reader;

typedef struct paxect_frame_info {
  size_t struct_size;
  uint64_t number;
  uint64_t offset;      /* of the frame header in the container; the payload follows after 14 bytes */
  uint64_t data_offset; /* of the frame's data in the original */
  uint32_t clen;        /* bytes of payload */
  uint32_t ulen;        /* bytes of data */
  uint32_t crc;         /* CRC-32 of the data */
  uint32_t channel;
  uint32_t extension; /* 1: an extension frame, which holds no data */
  uint32_t reserved;
} paxect_frame_info;
typedef int32_t (*paxect_frame_callback)(void* opaque, const paxect_frame_info* frame);

/* DATA: the frame's CRC-32 differs. MISSING: the original ends before the container's data. EXTRA: behind. */
enum { PAXECT_DIFFERENCE_DATA = 1, PAXECT_DIFFERENCE_MISSING = 2, PAXECT_DIFFERENCE_EXTRA = 3 };
typedef struct paxect_difference {
  size_t struct_size;
  uint32_t kind; /* PAXECT_DIFFERENCE_* */
  uint32_t reserved;
  uint64_t frame;  /* MISSING: the frame in which the original ends; EXTRA: the number of frames */
  uint64_t offset; /* in the original; DATA: of the frame */
  uint64_t length; /* in bytes; DATA: of the frame; EXTRA: at least, unless the original is a regular file */
} paxect_difference;
typedef int32_t (*paxect_difference_callback)(void* opaque, const paxect_difference* difference);

/* Progress counts the bytes of the container that were processed, and the bytes of data that were written or
 * compared. The memory is that of paxect_decoder_memory. */
paxect_status paxect_reader_create(const paxect_allocator* allocator, paxect_reader** out);
void paxect_reader_free(paxect_reader* reader);
paxect_status paxect_reader_set_parameter(paxect_reader* reader, paxect_parameter id, int64_t value);
paxect_status paxect_reader_set_progress(paxect_reader* reader, paxect_progress progress, void* opaque);
uint64_t paxect_reader_memory(const paxect_reader* reader, uint32_t frame_size);

/* Closes the open container, opens the one behind `fd` or `path`, a regular file, and validates its header.
 * After a failure no container is open. Requires: `fd` stays open and the file unchanged while it is the
 * reader's container. The file offset of `fd` is not used or moved. Errors: those of paxect_read_info_fd. */
paxect_status paxect_reader_open_fd(paxect_reader* reader, int fd);
paxect_status paxect_reader_open_path(paxect_reader* reader, const char* path);
/* Header and footer; the totals were compared with the frames, the SHA-256 is what the container claims. When
 * the comparison fails, `info` receives the claims. Errors: those of paxect_reader_frames. */
paxect_status paxect_reader_info(paxect_reader* reader, paxect_container_info* info);

/* Visits the frames by their headers, without decompressing, and compares their totals with the footer's.
 * Errors: READ, TRUNCATED, FRAME_HEADER, PAYLOAD, EXTENSION, COUNTS, TRAILING. */
paxect_status paxect_reader_frames(paxect_reader* reader, paxect_frame_callback callback, void* opaque);

/* Writes `length` bytes of the data from `offset`, each frame after its CRC-32 was verified; a length of
 * UINT64_MAX means to the end. Reads the payloads of the range only. Verifies the SHA-256 after all of the
 * data. Errors: PARAMETER (the range exceeds the data), those of a decoder, those of paxect_reader_frames. */
paxect_status paxect_reader_read(paxect_reader* reader, uint64_t offset, uint64_t length, paxect_sink sink,
                                 void* opaque);
paxect_status paxect_reader_read_path(paxect_reader* reader, uint64_t offset, uint64_t length,
                                      const char* output);

/* Reads a file, up to where it exceeds the container's data, and compares it with that data without
 * decompressing: by the length and CRC-32 of each frame, and by the SHA-256. Reports each difference to the
 * callback, which may be NULL, then returns DIFFERENT with the offset in the original and the frame of the
 * first. Returns DIGEST when only the SHA-256 differs, CRC when only CRC-32 fields of the container differ.
 * Does not read the payloads. Errors: those of paxect_reader_frames. */
paxect_status paxect_reader_compare(paxect_reader* reader, paxect_source source, void* source_opaque,
                                    paxect_difference_callback callback, void* opaque);
paxect_status paxect_reader_compare_path(paxect_reader* reader, const char* original,
                                         paxect_difference_callback callback, void* opaque);
const char* paxect_reader_error_message(const paxect_reader* reader);
uint64_t paxect_reader_error_offset(const paxect_reader* reader);
uint64_t paxect_reader_error_frame(const paxect_reader* reader);

/* ---- Salvager ------------------------------------------------------------------------------------------ */

/* Recovers the data of damaged copies of a container: add the copies, run, read the report. FORMAT.md has the
 * rules. Works on the calling thread, holds one frame at a time in memory of the allocator, and takes up to
 * about 250 bytes from operator new for each frame found in each copy. Progress counts the bytes of every
 * copy for the search, and the bytes that are used once more. */
typedef struct paxect_salvager paxect_salvager;
paxect_status paxect_salvager_create(const paxect_allocator* allocator, paxect_salvager** out);
void paxect_salvager_free(paxect_salvager* salvager);
paxect_status paxect_salvager_reset(paxect_salvager* salvager);
paxect_status paxect_salvager_set_parameter(paxect_salvager* salvager, paxect_parameter id, int64_t value);
paxect_status paxect_salvager_set_sink(paxect_salvager* salvager, paxect_sink sink, void* opaque);
paxect_status paxect_salvager_set_progress(paxect_salvager* salvager, paxect_progress progress, void* opaque);

/* Adds a copy, up to 64 of them: a regular file or a block device, read with pread. `name` is for messages.
 * Requires: `fd` stays open until reset or free. Parts that the medium cannot read (EIO) count as damaged. A
 * copy of another container is left out and reported as not used. Errors: ARGUMENT (also: too many), READ. */
paxect_status paxect_salvager_add_fd(paxect_salvager* salvager, int fd, const char* name);

/* Writes the data of the copies. PAXECT_OK: all of it, proven by the SHA-256. PARTIAL: everything that was
 * found, also to a file; the report says what is missing. May be repeated, with more copies or other
 * parameters. Errors: PARTIAL, NOTHING (nothing was written), READ. */
paxect_status paxect_salvager_run(paxect_salvager* salvager);
paxect_status paxect_salvager_run_path(paxect_salvager* salvager, const char* output);

typedef struct paxect_salvage_report {
  size_t struct_size;
  uint32_t proven;      /* 1: complete, proven by the SHA-256 */
  uint32_t frame_size;  /* from a header, or from the frames if no header is valid */
  uint32_t channels;    /* likewise */
  int32_t header_input; /* number of the first copy with a valid header, or -1 */
  int32_t footer_input; /* number of the first copy whose footer was used, or -1 */
  uint32_t size_known;  /* 1: `size` and `frames` are the footer's; 0: estimates from what was found */
  uint64_t size;        /* bytes of the data */
  uint64_t frames;      /* data frames */
  uint64_t confirmed;   /* frames confirmed by their CRC-32 or by the SHA-256 */
  uint64_t unconfirmed; /* frames that decompress but whose CRC-32 differs or is disputed */
  uint64_t lost;        /* frames */
  uint64_t lost_size;   /* bytes of data */
  uint64_t written;     /* bytes */
  uint64_t over_limit;  /* frames skipped because they exceed PAXECT_PARAM_MAX_FRAME */
  uint64_t ranges;      /* for paxect_salvager_each_range */
  uint32_t inputs;      /* copies */
  uint32_t limited;     /* 1: the search was limited because of many false matches; frames may be missing */
  uint8_t sha256[32];   /* of the written bytes */
  uint64_t foreign;     /* frames of other containers in the copies, such as a container in the data */
  uint64_t foreign_offset; /* of the first of these containers, in the copy foreign_input */
  int32_t foreign_input;   /* number of the first copy that has some, or -1 */
  uint32_t contested;      /* 1: another container in the copies, or unexplained bytes around the one that was
                              found, have the same claim to be the original: nothing is proven */
} paxect_salvage_report;
paxect_status paxect_salvager_report(const paxect_salvager* salvager, paxect_salvage_report* report);

/* Data [start, end) that is lost or unconfirmed, in order. Data on both sides of an exact lost range is at
 * its place, provided that nothing was inserted into the copies or moved in them, and that no frames, a
 * multiple of the channels, were cut out elsewhere from one frame boundary to another, which leaves no trace.
 * Data between two lost ranges that are not exact may be at another place than in the original. start == end:
 * nothing is missing here, but it is not certain that the data is at its place. */
typedef struct paxect_salvage_range {
  size_t struct_size;
  uint64_t start;  /* in the original data */
  uint64_t end;    /* UINT64_MAX: unknown */
  uint64_t frames; /* 0: unknown */
  uint32_t kind;   /* PAXECT_RANGE_* */
  uint32_t exact;  /* 0: the position is an estimate */
} paxect_salvage_range;
enum { PAXECT_RANGE_LOST = 0, PAXECT_RANGE_UNCONFIRMED = 1 }; /* unconfirmed: written, may be damaged */
typedef int32_t (*paxect_salvage_range_callback)(void* opaque, const paxect_salvage_range* range);
paxect_status paxect_salvager_each_range(const paxect_salvager* salvager,
                                         paxect_salvage_range_callback callback, void* opaque);

/* What the last run found in one copy. */
typedef struct paxect_salvage_input {
  size_t struct_size;
  uint64_t size;      /* bytes of the file */
  uint64_t confirmed; /* frames found in it */
  uint64_t unconfirmed;
  uint64_t ruined;     /* frames of which only the position was found */
  uint64_t unreadable; /* bytes that the medium could not read */
  uint32_t used;       /* 0: left out: it contradicts the other copies, or holds nothing of the container */
  uint32_t header;     /* 1: it has a valid header */
} paxect_salvage_input;
/* Errors: ARGUMENT (no such copy in the last run). */
paxect_status paxect_salvager_input(const paxect_salvager* salvager, uint32_t number,
                                    paxect_salvage_input* input);
const char* paxect_salvager_error_message(const paxect_salvager* salvager);
uint64_t paxect_salvager_error_offset(const paxect_salvager* salvager);

/* ---- Repairer ------------------------------------------------------------------------------------------ */

/* Restores a container that was encoded with PAXECT_PARAM_PROTECT from damaged copies of it, byte for byte:
 * add the copies, run, read the report. FORMAT.md, Protection, has the rules. Memory: a window, which is 16
 * MiB or one frame if that is larger; the parity of three windows, each about PROTECT percent of one; what a
 * decoder takes; and, from operator new, up to 200 bytes for each record of protection found in each copy and
 * 300 for each window. With several threads, up to four more windows with the parity of two each, if all of
 * them take at most 128 MiB.
 */
typedef struct paxect_repairer paxect_repairer;
paxect_status paxect_repairer_create(const paxect_allocator* allocator, paxect_repairer** out);
void paxect_repairer_free(paxect_repairer* repairer);
paxect_status paxect_repairer_reset(paxect_repairer* repairer);
paxect_status paxect_repairer_set_parameter(paxect_repairer* repairer, paxect_parameter id, int64_t value);
paxect_status paxect_repairer_set_sink(paxect_repairer* repairer, paxect_sink sink, void* opaque);
paxect_status paxect_repairer_set_progress(paxect_repairer* repairer, paxect_progress progress, void* opaque);
/* As paxect_salvager_add_fd. What one copy has lost is taken from another one that has it. */
paxect_status paxect_repairer_add_fd(paxect_repairer* repairer, int fd, const char* name);

/* check does everything but writing. PAXECT_OK from check: the container can be repaired, and the report says
 * with how much in reserve; from run and run_path: it was written completely, decoded, and verified by its
 * SHA-256. Errors: DAMAGED, NO_PROTECTION, READ, LIMIT. */
paxect_status paxect_repairer_check(paxect_repairer* repairer);
paxect_status paxect_repairer_run(paxect_repairer* repairer);
paxect_status paxect_repairer_run_path(paxect_repairer* repairer, const char* output);

/* Why DAMAGED is not for lack of cells, where something else helps than to salvage. */
enum {
  PAXECT_REPAIR_DIFFERENT_COPIES =
      1,                        /* the text names two copies of different containers: repair each alone */
  PAXECT_REPAIR_DATA_PROVEN = 2 /* the data of a copy, proven by its own footer, is not what is protected */
};

typedef struct paxect_repair_report {
  size_t struct_size;
  uint32_t proven;         /* 1: complete, proven by the SHA-256 */
  uint32_t protection;     /* percent; 0: none was found */
  uint64_t container_size; /* bytes of the original container; 0: unknown */
  uint64_t total_size;     /* bytes of its data, and their SHA-256, as its footer has them */
  uint8_t sha256[32];
  uint64_t windows;
  uint64_t damaged_windows; /* for paxect_repairer_each_window */
  uint64_t cells;           /* data and parity */
  uint64_t damaged;         /* of these, those that no copy has */
  uint64_t damaged_data;    /* of these, those of data */
  uint64_t lacking;         /* cells that cannot be restored; 0: none */
  uint32_t spare;           /* parity cells that are left in the code word that has the fewest */
  uint32_t parity;          /* parity cells of that code word */
  uint32_t reason;          /* PAXECT_REPAIR_*; 0: none of them */
  uint32_t reserved;
} paxect_repair_report;
paxect_status paxect_repairer_report(const paxect_repairer* repairer, paxect_repair_report* report);

/* A window in which something is damaged in every copy, in order. Offsets are in the container. */
typedef struct paxect_repair_window {
  size_t struct_size;
  uint64_t number;
  uint64_t offset;
  uint64_t length;
  uint64_t cells;        /* data and parity */
  uint64_t damaged;      /* of these */
  uint64_t damaged_data; /* of these, those of data */
  uint64_t start;        /* of the first damaged data cell */
  uint64_t end;          /* of the last one */
  uint64_t lacking;      /* cells that cannot be restored; 0: the window is restored */
} paxect_repair_window;
typedef int32_t (*paxect_repair_window_callback)(void* opaque, const paxect_repair_window* window);
paxect_status paxect_repairer_each_window(const paxect_repairer* repairer,
                                          paxect_repair_window_callback callback, void* opaque);
const char* paxect_repairer_error_message(const paxect_repairer* repairer);
uint64_t paxect_repairer_error_offset(const paxect_repairer* repairer);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif /* PAXECT_CORE_H */
