// What encoders and decoders have in common beside their handles: streams, which are written to, and run,
// which reads a source.
#pragma once

#include <cstddef>
#include <cstdint>

#include "c_api/handle.h"

namespace paxect::core {

// One call of a stream, which leads to the state `next` unless it fails. The first call begins the container.
template <class H, class Work>
paxect_status stream_call(H* handle, bool pointers_given, State next, Work work) noexcept {
  paxect_status status = admit(handle, pointers_given);
  if (status != PAXECT_OK) return status;
  if (handle->state == State::kStreamFailed) {
    handle->last_error = &handle->failure;
    return handle->failure.code;
  }
  if (handle->state == State::kDone)
    return refuse(*handle, PAXECT_ERROR_SEQUENCE, "the last job is done: reset first");
  if (handle->callbacks.sink == nullptr) return refuse(*handle, PAXECT_ERROR_SEQUENCE, "set a sink first");
  JobScope scope(*handle);
  status = scope.run([&]() -> Status {
    if (handle->state == State::kReady) {
      handle->progress.restart();
      handle->codec.begin(handle->parameters, handle->callbacks);
    }
    return work(handle->codec);
  });
  handle->state = status == PAXECT_OK ? next : State::kStreamFailed;
  if (handle->state == State::kStreaming) scope.keep_workers();
  return status;
}

template <class H>
paxect_status write(H* handle, const void* data, std::size_t size) noexcept {
  return stream_call(handle, data != nullptr || size == 0, State::kStreaming, [&](auto& codec) {
    return codec.write({static_cast<const std::uint8_t*>(data), size});
  });
}

template <class H>
paxect_status finish(H* handle) noexcept {
  return stream_call(handle, true, State::kDone, [](auto& codec) { return codec.finish(); });
}

template <class H>
paxect_status run(H* handle, paxect_source source, void* opaque) noexcept {
  paxect_status status = admit(handle, source != nullptr);
  if (status != PAXECT_OK) return status;
  if (handle->callbacks.sink == nullptr) return refuse(*handle, PAXECT_ERROR_SEQUENCE, "set a sink first");
  return one_call_job(handle, true, [&]() -> Status {
    handle->codec.begin(handle->parameters, handle->callbacks);
    Status result = handle->codec.read_from(source, opaque);
    return result.ok() ? handle->codec.finish() : result;
  });
}

}  // namespace paxect::core
