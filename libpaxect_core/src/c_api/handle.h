// What every handle of the C ABI has around the object that does its work: its state, its parameters, its
// last error; and the scope of a job, which lets no exception out. The files of this folder are the only ones
// that export anything.
#pragma once

#include <fcntl.h>

#include <cstddef>
#include <new>

#include "c_api/structures.h"
#include "callbacks.h"
#include "memory.h"
#include "parameters.h"
#include "paxect/core.h"
#include "status.h"

namespace paxect::core {

// The states of core.h. Readers and salvagers are never kStreaming or kStreamFailed.
enum class State { kReady, kStreaming, kStreamFailed, kDone };

// `codec` does the work: an Encoder, a Decoder, a ContainerReader, a Salvager.
template <class Codec, Role kRole>
struct Handle {
  explicit Handle(const Allocator& memory) : allocator(memory), codec(memory) {}

  Allocator allocator;
  Codec codec;
  Parameters parameters{kRole};
  Callbacks callbacks;
  MonotoneProgress progress;  // what `callbacks` report to
  State state = State::kReady;
  mutable bool busy = false;  // inside a call that may invoke a callback
  Status failure;             // of the last job or stream; OK when it succeeded
  Status refusal;             // of the last call that was refused
  // The one of both that the latest call returned; nullptr: it succeeded. A success with a text is a warning.
  const Status* last_error = nullptr;

  // The last job succeeded: its results are complete.
  bool complete() const { return state == State::kDone && failure.ok(); }
};

// Whether a function may use the handle at all. Errors: ARGUMENT; SEQUENCE inside a callback.
template <class H>
paxect_status admit(const H* handle) noexcept {
  if (handle == nullptr) return PAXECT_ERROR_ARGUMENT;
  return handle->busy ? PAXECT_ERROR_SEQUENCE : PAXECT_OK;
}

// Refuses a call: nothing changes but the error text. Requires: the handle is not busy.
template <class H>
paxect_status refuse(H& handle, Status&& refusal) noexcept {
  handle.refusal = std::move(refusal);
  handle.last_error = &handle.refusal;
  return handle.refusal.code;
}
template <class H>
paxect_status refuse(H& handle, paxect_status code, const char* message) noexcept {
  try {
    return refuse(handle, failure(code, message));
  } catch (...) {
    return refuse(handle, Status{code, 0, 0, {}});
  }
}

// admit(), and ARGUMENT when a pointer that the function needs is NULL.
template <class H>
paxect_status admit(H* handle, bool pointers_given) noexcept {
  paxect_status status = admit(handle);
  if (status != PAXECT_OK || pointers_given) return status;
  return refuse(*handle, PAXECT_ERROR_ARGUMENT, "a required pointer is NULL");
}

inline constexpr const char* kNotReadable = "the descriptor is not open for reading";

// Whether a descriptor is open for reading.
inline bool is_readable(int fd) noexcept {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_WRONLY;
}

// admit(), and ARGUMENT for a descriptor that is not open for reading.
template <class H>
paxect_status admit_descriptor(H* handle, int fd) noexcept {
  paxect_status status = admit(handle);
  if (status != PAXECT_OK || is_readable(fd)) return status;
  return refuse(*handle, PAXECT_ERROR_ARGUMENT, kNotReadable);
}

// One call of a handle that does work. While the scope exists the handle is busy, so that functions called
// from a callback are refused. At its end, whether the work returned, failed or threw, the worker threads
// have let go of everything that belongs to the caller.
template <class H>
class JobScope {
 public:
  // Requires: the handle is not busy.
  explicit JobScope(H& handle) noexcept : handle_(handle) {
    handle_.busy = true;
    handle_.last_error = nullptr;
  }
  ~JobScope() {
    if constexpr (requires { handle_.codec.abandon(); })
      if (!keep_workers_) handle_.codec.abandon();
    handle_.busy = false;
  }
  JobScope(const JobScope&) = delete;
  JobScope& operator=(const JobScope&) = delete;

  // For a stream that continues: workers go on with data that was copied.
  void keep_workers() noexcept { keep_workers_ = true; }

  // Does the work, a function that returns a Status, and records its failure.
  template <class Work>
  paxect_status run(Work work) noexcept {
    try {
      handle_.failure = work();
    } catch (...) {
      handle_.failure = caught();
    }
    bool warning = handle_.failure.ok() && !handle_.failure.message.empty();
    if (!handle_.failure.ok() || warning) handle_.last_error = &handle_.failure;
    return handle_.failure.code;
  }

 private:
  H& handle_;
  bool keep_workers_ = false;
};

// A job that one call begins and ends. Results of earlier jobs are cleared before the work begins.
template <class H, class Work>
paxect_status one_call_job(H* handle, bool pointers_given, Work work) noexcept {
  paxect_status status = admit(handle, pointers_given);
  if (status != PAXECT_OK) return status;
  if (handle->state == State::kStreaming)
    return refuse(*handle, PAXECT_ERROR_SEQUENCE, "a stream is open: finish or reset it first");
  JobScope scope(*handle);
  handle->progress.restart();
  handle->codec.clear();
  handle->state = State::kDone;
  return scope.run(work);
}

template <class H>
paxect_status create(const paxect_allocator* functions, H** out) noexcept {
  if (out == nullptr) return PAXECT_ERROR_ARGUMENT;
  *out = nullptr;
  Allocator allocator;
  if (functions != nullptr) {
    paxect_allocator known{};
    if (!take_structure(*functions, kAllocatorRequired, known) || known.allocate == nullptr ||
        known.release == nullptr)
      return PAXECT_ERROR_ARGUMENT;
    allocator = Allocator(known);
  }
  void* memory = allocator.allocate(sizeof(H));
  if (memory == nullptr) return PAXECT_ERROR_MEMORY;
  try {
    *out = new (memory) H(allocator);
    return PAXECT_OK;
  } catch (...) {
    allocator.release(memory);
    return caught().code;
  }
}

template <class H>
void destroy(H* handle) noexcept {
  if (handle == nullptr || handle->busy) return;
  Allocator allocator = handle->allocator;
  handle->~H();
  allocator.release(handle);
}

template <class H>
paxect_status reset(H* handle) noexcept {
  paxect_status status = admit(handle);
  if (status != PAXECT_OK) return status;
  handle->codec.reset();
  handle->state = State::kReady;
  handle->failure = {};
  handle->last_error = nullptr;
  return PAXECT_OK;
}

// Changes what jobs begin with. Refused while a stream is open.
template <class H, class Change>
paxect_status set(H* handle, Change change) noexcept {
  paxect_status status = admit(handle);
  if (status != PAXECT_OK) return status;
  if (handle->state == State::kStreaming)
    return refuse(*handle, PAXECT_ERROR_SEQUENCE, "a stream is open: finish or reset it first");
  try {
    Status changed = change(*handle);
    if (!changed.ok()) return refuse(*handle, std::move(changed));
  } catch (...) {
    return refuse(*handle, caught());
  }
  handle->last_error = nullptr;
  return PAXECT_OK;
}

template <class H>
paxect_status set_parameter(H* handle, paxect_parameter parameter, std::int64_t value) noexcept {
  return set(handle, [&](H& to) { return to.parameters.set(parameter, value); });
}

template <class H>
paxect_status set_sink(H* handle, paxect_sink sink, void* opaque) noexcept {
  return set(handle, [&](H& to) -> Status {
    to.callbacks.sink = sink;
    to.callbacks.sink_opaque = opaque;
    return {};
  });
}

template <class H>
paxect_status set_progress(H* handle, paxect_progress progress, void* opaque) noexcept {
  return set(handle, [&](H& to) -> Status {
    to.progress.set(progress, opaque);
    to.progress.attach_to(to.callbacks);
    return {};
  });
}

template <class H>
const char* error_message(const H* handle) noexcept {
  return handle == nullptr || handle->last_error == nullptr ? "" : text_of(*handle->last_error);
}
template <class H>
std::uint64_t error_offset(const H* handle) noexcept {
  return handle == nullptr || handle->last_error == nullptr ? 0 : handle->last_error->offset;
}
template <class H>
std::uint64_t error_frame(const H* handle) noexcept {
  return handle == nullptr || handle->last_error == nullptr ? 0 : handle->last_error->frame;
}

}  // namespace paxect::core
