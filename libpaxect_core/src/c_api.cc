// The C ABI: the only file that exports anything. It checks arguments, keeps the state of a handle between
// calls, and lets no exception out; all the work is done elsewhere.
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>

#include "decoder.h"
#include "encoder.h"
#include "file_jobs.h"
#include "paxect/core.h"

namespace paxect::core {
namespace {

enum class Stage { kFresh, kWriting, kFinished, kFailed };

// What both kinds of handle have around their codec.
template <class Codec, Role kRole>
struct Handle {
  explicit Handle(const Allocator& memory) : allocator(memory), codec(memory) {}

  Allocator allocator;
  Codec codec;
  Parameters parameters{kRole};
  Callbacks callbacks;
  Stage stage = Stage::kFresh;
  Status status;
};

Status caught() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {PAXECT_ERROR_MEMORY, 0, 0, "out of memory"};
  } catch (const std::exception& error) {
    return {PAXECT_ERROR_INTERNAL, 0, 0, std::string("internal error: ") + error.what()};
  } catch (...) {
    return {PAXECT_ERROR_INTERNAL, 0, 0, "internal error"};
  }
}

// Runs a step of a handle's work and remembers its failure.
template <class H, class Work>
paxect_status guarded(H& handle, Stage success, Work work) noexcept {
  try {
    handle.status = work();
  } catch (...) {
    try {
      handle.status = caught();
    } catch (...) {
      handle.status.code = PAXECT_ERROR_MEMORY;
    }
  }
  handle.stage = handle.status.ok() ? success : Stage::kFailed;
  return handle.status.code;
}

// A call that the state of the handle does not allow, or an argument that is wrong, changes nothing.
template <class H>
paxect_status refused(H& handle, paxect_status code, const char* message) noexcept {
  try {
    if (handle.stage != Stage::kFailed) handle.status = failure(code, message);
  } catch (...) {
    handle.status.code = code;
  }
  return code;
}

template <class H>
paxect_status create(const paxect_allocator* functions, H** out) noexcept {
  if (out == nullptr) return PAXECT_ERROR_ARGUMENT;
  *out = nullptr;
  Allocator allocator;
  if (functions != nullptr) {
    if (functions->struct_size < sizeof *functions || functions->allocate == nullptr ||
        functions->release == nullptr)
      return PAXECT_ERROR_ARGUMENT;
    allocator = Allocator(*functions);
  }
  void* memory = allocator.allocate(sizeof(H));
  if (memory == nullptr) return PAXECT_ERROR_MEMORY;
  try {
    *out = new (memory) H(allocator);
    return PAXECT_OK;
  } catch (...) {
    allocator.release(memory);
    return PAXECT_ERROR_MEMORY;
  }
}

template <class H>
void destroy(H* handle) noexcept {
  if (handle == nullptr) return;
  Allocator allocator = handle->allocator;
  handle->~H();
  allocator.release(handle);
}

template <class H>
paxect_status reset(H* handle) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  handle->status = {};
  handle->stage = Stage::kFresh;
  return guarded(*handle, Stage::kFresh, [&]() -> Status {
    handle->codec.begin(handle->parameters, handle->callbacks);
    return {};
  });
}

template <class H>
paxect_status set_parameter(H* handle, paxect_parameter parameter, int64_t value) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (handle->stage == Stage::kWriting)
    return refused(*handle, PAXECT_ERROR_SEQUENCE, "parameters cannot change inside a container");
  try {
    Status status = handle->parameters.set(parameter, value);
    if (!status.ok() && handle->stage != Stage::kFailed) handle->status = status;
    return status.code;
  } catch (...) {
    return PAXECT_ERROR_MEMORY;
  }
}

// Begins the container at the first call that needs one.
template <class H>
paxect_status begin(H& handle) noexcept {
  if (handle.stage == Stage::kFailed) return handle.status.code;
  if (handle.stage == Stage::kFinished)
    return refused(handle, PAXECT_ERROR_SEQUENCE, "the container is finished: reset first");
  if (handle.callbacks.sink == nullptr) return refused(handle, PAXECT_ERROR_SEQUENCE, "set a sink first");
  if (handle.stage == Stage::kWriting) return PAXECT_OK;
  return guarded(handle, Stage::kWriting, [&]() -> Status {
    handle.codec.begin(handle.parameters, handle.callbacks);
    return {};
  });
}

template <class H>
paxect_status write(H* handle, const void* data, size_t size) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (data == nullptr && size != 0) return refused(*handle, PAXECT_ERROR_ARGUMENT, "data is NULL");
  paxect_status code = begin(*handle);
  if (code != PAXECT_OK) return code;
  return guarded(*handle, Stage::kWriting, [&] {
    return handle->codec.write({static_cast<const std::uint8_t*>(data), size});
  });
}

template <class H>
paxect_status finish(H* handle) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  paxect_status code = begin(*handle);
  if (code != PAXECT_OK) return code;
  return guarded(*handle, Stage::kFinished, [&] { return handle->codec.finish(); });
}

template <class H>
paxect_status run(H* handle, paxect_source source, void* opaque) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (source == nullptr) return refused(*handle, PAXECT_ERROR_ARGUMENT, "source is NULL");
  if (handle->stage == Stage::kWriting)
    return refused(*handle, PAXECT_ERROR_SEQUENCE, "run after write: use one or the other");
  paxect_status code = begin(*handle);
  if (code != PAXECT_OK) return code;
  return guarded(*handle, Stage::kFinished, [&] {
    Status status = handle->codec.read_from(source, opaque);
    return status.ok() ? handle->codec.finish() : status;
  });
}

template <class H>
paxect_status set_sink(H* handle, paxect_sink sink, void* opaque) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (handle->stage == Stage::kWriting)
    return refused(*handle, PAXECT_ERROR_SEQUENCE, "the sink cannot change inside a container");
  handle->callbacks.sink = sink;
  handle->callbacks.sink_opaque = opaque;
  return PAXECT_OK;
}

template <class H>
paxect_status set_progress(H* handle, paxect_progress progress, void* opaque) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (handle->stage == Stage::kWriting)
    return refused(*handle, PAXECT_ERROR_SEQUENCE, "callbacks cannot change inside a container");
  handle->callbacks.progress = progress;
  handle->callbacks.progress_opaque = opaque;
  return PAXECT_OK;
}

// Where encode_buffer writes to.
struct MemorySink {
  std::uint8_t* data;
  std::size_t capacity;
  std::size_t size = 0;
  bool full = false;

  static std::int32_t write(void* opaque, const void* bytes, std::size_t count) {
    auto& self = *static_cast<MemorySink*>(opaque);
    self.full = self.full || count > self.capacity - self.size;
    if (self.full) return 1;
    std::memcpy(self.data + self.size, bytes, count);
    self.size += count;
    return 0;
  }
};

// Fills what the caller's structure has room for.
paxect_status give(const paxect_container_info& full, paxect_container_info* info) noexcept {
  constexpr std::size_t kSmallest = sizeof(std::size_t) + sizeof(std::uint32_t);
  if (info == nullptr || info->struct_size < kSmallest) return PAXECT_ERROR_ARGUMENT;
  std::size_t size = std::min(info->struct_size, sizeof full);
  std::memcpy(reinterpret_cast<char*>(info) + sizeof info->struct_size,
              reinterpret_cast<const char*>(&full) + sizeof full.struct_size, size - sizeof full.struct_size);
  return PAXECT_OK;
}

paxect_container_info describe(const Header& header, const Footer& footer, std::uint64_t container_size) {
  paxect_container_info info{};
  info.version = kVersion;
  info.flags = header.flags;
  info.mapping = header.mapping;
  info.level = header.level;
  info.frame_size = header.frame_size;
  info.channels = header.channels;
  info.total_size = footer.total_size;
  info.total_frames = footer.total_frames;
  std::copy(footer.digest.begin(), footer.digest.end(), info.sha256);
  info.container_size = container_size;
  return info;
}

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::uint64_t>::max() : sum;
}

}  // namespace
}  // namespace paxect::core

using paxect::core::Role;

struct paxect_encoder : paxect::core::Handle<paxect::core::Encoder, Role::kEncoder> {
  using Handle::Handle;
};
struct paxect_decoder : paxect::core::Handle<paxect::core::Decoder, Role::kDecoder> {
  using Handle::Handle;
};

namespace core = paxect::core;

extern "C" {

uint32_t paxect_core_version_number(void) { return PAXECT_CORE_VERSION_NUMBER; }
const char* paxect_core_version_string(void) {
#define PAXECT_TEXT_OF(x) #x
#define PAXECT_TEXT(x) PAXECT_TEXT_OF(x)
  return PAXECT_TEXT(PAXECT_CORE_VERSION_MAJOR) "." PAXECT_TEXT(PAXECT_CORE_VERSION_MINOR) "." PAXECT_TEXT(
      PAXECT_CORE_VERSION_PATCH);
}
uint32_t paxect_core_zstd_version_number(void) { return ZSTD_versionNumber(); }
const char* paxect_core_zstd_version_string(void) { return ZSTD_versionString(); }

const char* paxect_status_name(paxect_status status) { return core::status_name(status); }
int32_t paxect_status_exit_code(paxect_status status) { return core::status_exit_code(status); }

paxect_status paxect_parameter_bounds(paxect_parameter parameter, int64_t* minimum, int64_t* maximum,
                                      int64_t* standard) {
  const core::ParameterBounds* bounds = core::parameter_bounds(parameter);
  if (bounds == nullptr) return PAXECT_ERROR_PARAMETER;
  if (minimum != nullptr) *minimum = bounds->minimum;
  if (maximum != nullptr) *maximum = bounds->maximum;
  if (standard != nullptr) *standard = bounds->standard;
  return PAXECT_OK;
}

paxect_status paxect_read_info_fd(int fd, paxect_container_info* info, char* message,
                                  size_t message_capacity) {
  if (info == nullptr) return PAXECT_ERROR_ARGUMENT;
  core::Status status;
  try {
    core::ContainerEnds ends;
    status = core::read_ends(fd, ends);
    if (status.ok())
      status.code = core::give(core::describe(ends.header, ends.footer, ends.container_size), info);
  } catch (...) {
    status.code = PAXECT_ERROR_MEMORY;
  }
  if (message != nullptr && message_capacity != 0) {
    std::size_t size = std::min(status.message.size(), message_capacity - 1);
    std::memcpy(message, status.message.data(), size);
    message[size] = '\0';
  }
  return status.code;
}

/* ---- encoder */

paxect_status paxect_encoder_create(const paxect_allocator* allocator, paxect_encoder** out) {
  return core::create(allocator, out);
}
void paxect_encoder_free(paxect_encoder* encoder) { core::destroy(encoder); }
paxect_status paxect_encoder_reset(paxect_encoder* encoder) { return core::reset(encoder); }
paxect_status paxect_encoder_set_parameter(paxect_encoder* encoder, paxect_parameter parameter,
                                           int64_t value) {
  return core::set_parameter(encoder, parameter, value);
}
paxect_status paxect_encoder_set_sink(paxect_encoder* encoder, paxect_sink sink, void* opaque) {
  return core::set_sink(encoder, sink, opaque);
}
paxect_status paxect_encoder_set_progress(paxect_encoder* encoder, paxect_progress progress, void* opaque) {
  return core::set_progress(encoder, progress, opaque);
}

uint64_t paxect_encoder_memory(const paxect_encoder* encoder, uint64_t input_size) {
  return encoder == nullptr ? 0 : core::Encoder::memory(encoder->parameters, input_size);
}

paxect_status paxect_encoder_write(paxect_encoder* encoder, const void* data, size_t size) {
  return core::write(encoder, data, size);
}
paxect_status paxect_encoder_finish(paxect_encoder* encoder) { return core::finish(encoder); }
paxect_status paxect_encoder_run(paxect_encoder* encoder, paxect_source source, void* opaque) {
  return core::run(encoder, source, opaque);
}

uint64_t paxect_encoder_bound(const paxect_encoder* encoder, uint64_t size) {
  if (encoder == nullptr) return 0;
  uint64_t frame_size = encoder->parameters.header().frame_size;
  uint64_t per_frame = core::kFrameHeaderSize + core::payload_bound(frame_size);
  uint64_t whole = 0;
  if (__builtin_mul_overflow(size / frame_size, per_frame, &whole)) return UINT64_MAX;
  uint64_t rest = size % frame_size;
  if (rest != 0) whole = core::saturating_add(whole, core::kFrameHeaderSize + core::payload_bound(rest));
  return core::saturating_add(whole, core::kHeaderSize + core::kFooterSize);
}

paxect_status paxect_encoder_encode_buffer(paxect_encoder* encoder, const void* data, size_t size,
                                           void* container, size_t capacity, size_t* container_size) {
  if (encoder == nullptr) return PAXECT_ERROR_ARGUMENT;
  if ((data == nullptr && size != 0) || container == nullptr || container_size == nullptr)
    return core::refused(*encoder, PAXECT_ERROR_ARGUMENT, "a pointer is NULL");
  return core::guarded(*encoder, core::Stage::kFinished, [&] {
    core::MemorySink memory{static_cast<uint8_t*>(container), capacity};
    core::Callbacks callbacks = encoder->callbacks;
    callbacks.sink = &core::MemorySink::write;
    callbacks.sink_opaque = &memory;
    encoder->codec.begin(encoder->parameters, callbacks);
    core::Status status = encoder->codec.write_borrowed({static_cast<const uint8_t*>(data), size});
    if (status.ok()) status = encoder->codec.finish();
    if (status.ok()) *container_size = memory.size;
    if (memory.full)
      status =
          core::failure(PAXECT_ERROR_BUFFER_TOO_SMALL, "the container does not fit into the " +
                                                           std::to_string(capacity) + " bytes given for it");
    if (!status.ok()) encoder->codec.abandon();  // workers let go of the caller's data
    return status;
  });
}

paxect_status paxect_encoder_encode_path(paxect_encoder* encoder, const char* input, const char* output) {
  if (encoder == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (input == nullptr || output == nullptr)
    return core::refused(*encoder, PAXECT_ERROR_ARGUMENT, "a path is NULL");
  return core::guarded(*encoder, core::Stage::kFinished, [&] {
    return core::encode_file(encoder->codec, encoder->parameters, encoder->callbacks, input, output);
  });
}

paxect_status paxect_encoder_info(const paxect_encoder* encoder, paxect_container_info* info) {
  if (encoder == nullptr) return PAXECT_ERROR_ARGUMENT;
  return core::give(
      core::describe(encoder->codec.header(), encoder->codec.footer(), encoder->codec.bytes_out()), info);
}
const char* paxect_encoder_error_message(const paxect_encoder* encoder) {
  return encoder == nullptr ? "" : encoder->status.message.c_str();
}
uint64_t paxect_encoder_error_offset(const paxect_encoder* encoder) {
  return encoder == nullptr ? 0 : encoder->status.offset;
}
uint64_t paxect_encoder_error_frame(const paxect_encoder* encoder) {
  return encoder == nullptr ? 0 : encoder->status.frame;
}

/* ---- decoder */

paxect_status paxect_decoder_create(const paxect_allocator* allocator, paxect_decoder** out) {
  return core::create(allocator, out);
}
void paxect_decoder_free(paxect_decoder* decoder) { core::destroy(decoder); }
paxect_status paxect_decoder_reset(paxect_decoder* decoder) { return core::reset(decoder); }
paxect_status paxect_decoder_set_parameter(paxect_decoder* decoder, paxect_parameter parameter,
                                           int64_t value) {
  return core::set_parameter(decoder, parameter, value);
}
paxect_status paxect_decoder_set_sink(paxect_decoder* decoder, paxect_sink sink, void* opaque) {
  return core::set_sink(decoder, sink, opaque);
}
paxect_status paxect_decoder_set_progress(paxect_decoder* decoder, paxect_progress progress, void* opaque) {
  return core::set_progress(decoder, progress, opaque);
}

uint64_t paxect_decoder_memory(const paxect_decoder* decoder, uint32_t frame_size) {
  return decoder == nullptr ? 0 : core::Decoder::memory(decoder->parameters, frame_size);
}

paxect_status paxect_decoder_write(paxect_decoder* decoder, const void* data, size_t size) {
  return core::write(decoder, data, size);
}
paxect_status paxect_decoder_finish(paxect_decoder* decoder) { return core::finish(decoder); }
paxect_status paxect_decoder_run(paxect_decoder* decoder, paxect_source source, void* opaque) {
  return core::run(decoder, source, opaque);
}

paxect_status paxect_decoder_decode_buffer(paxect_decoder* decoder, const void* container,
                                           size_t container_size, void* data, size_t capacity, size_t* size) {
  if (decoder == nullptr) return PAXECT_ERROR_ARGUMENT;
  if ((container == nullptr && container_size != 0) || (data == nullptr && capacity != 0) || size == nullptr)
    return core::refused(*decoder, PAXECT_ERROR_ARGUMENT, "a pointer is NULL");
  return core::guarded(*decoder, core::Stage::kFinished, [&] {
    core::Parameters parameters = decoder->parameters;
    core::Status status = parameters.set(PAXECT_PARAM_CONTAINER_SIZE, static_cast<int64_t>(container_size));
    if (!status.ok()) return status;
    decoder->codec.begin_in_memory(parameters, decoder->callbacks, {static_cast<uint8_t*>(data), capacity});
    status = decoder->codec.write({static_cast<const uint8_t*>(container), container_size});
    if (status.ok()) status = decoder->codec.finish();
    if (status.ok()) *size = decoder->codec.bytes_out();
    if (!status.ok()) decoder->codec.abandon();  // workers let go of the caller's memory
    return status;
  });
}

paxect_status paxect_decoder_decode_path(paxect_decoder* decoder, const char* input, const char* output) {
  if (decoder == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (input == nullptr || output == nullptr)
    return core::refused(*decoder, PAXECT_ERROR_ARGUMENT, "a path is NULL");
  return core::guarded(*decoder, core::Stage::kFinished, [&] {
    return core::decode_file(decoder->codec, decoder->parameters, decoder->callbacks, input, output);
  });
}

paxect_status paxect_decoder_info(const paxect_decoder* decoder, paxect_container_info* info) {
  if (decoder == nullptr) return PAXECT_ERROR_ARGUMENT;
  core::Footer footer = decoder->codec.footer();
  if (decoder->stage != core::Stage::kFinished) {
    footer.total_size = decoder->codec.bytes_out();
    footer.total_frames = static_cast<uint32_t>(decoder->codec.frames());
  }
  return core::give(core::describe(decoder->codec.header(), footer, decoder->codec.bytes_in()), info);
}
const char* paxect_decoder_error_message(const paxect_decoder* decoder) {
  return decoder == nullptr ? "" : decoder->status.message.c_str();
}
uint64_t paxect_decoder_error_offset(const paxect_decoder* decoder) {
  return decoder == nullptr ? 0 : decoder->status.offset;
}
uint64_t paxect_decoder_error_frame(const paxect_decoder* decoder) {
  return decoder == nullptr ? 0 : decoder->status.frame;
}

}  // extern "C"
