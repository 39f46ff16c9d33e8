// What every handle of the C ABI has around the object that does its work: its stage, its options, its
// failure; and the border that lets no exception out. The files of this folder are the only ones that export
// anything.
//
// A call that the stage does not allow, or an argument that is wrong, is refused and changes nothing but the
// error text; a failure of the work itself stays until reset.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "callbacks.h"
#include "format.h"
#include "memory.h"
#include "parameters.h"
#include "paxect/core.h"
#include "status.h"

namespace paxect::core {

enum class Stage { kFresh, kWriting, kFinished, kFailed };

// `codec` does the work: an Encoder, a Decoder, a ContainerReader, a Salvager.
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

inline Status caught() {
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

// Fills as much of the caller's structure as it says it has.
template <class Structure>
paxect_status give(const Structure& full, Structure* out) noexcept {
  constexpr std::size_t kBegin = sizeof full.struct_size;
  if (out == nullptr || out->struct_size < kBegin) return PAXECT_ERROR_ARGUMENT;
  std::memcpy(reinterpret_cast<char*>(out) + kBegin, reinterpret_cast<const char*>(&full) + kBegin,
              std::min(out->struct_size, sizeof full) - kBegin);
  return PAXECT_OK;
}

inline paxect_container_info describe(const Header& header, const Footer& footer,
                                      std::uint64_t container_size) {
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

}  // namespace paxect::core
