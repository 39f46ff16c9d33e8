// A small C++17 wrapper of paxect/core.h, to copy and extend: handles that free themselves, exceptions for
// failures, any callable as a callback.
//
// An exception from a callback cancels the work, and run() throws it again. It never crosses the C ABI.
#pragma once

#include <paxect/core.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace paxect {

class Error : public std::runtime_error {
 public:
  Error(paxect_status code, const std::string& message, std::uint64_t at = 0, std::uint64_t in = 0)
      : std::runtime_error(message.empty() ? paxect_status_name(code) : message),
        status(code),
        offset(at),
        frame(in) {}

  paxect_status status;
  std::uint64_t offset;  // in the input
  std::uint64_t frame;
};

// Fills the buffer with up to `capacity` bytes and returns their number; 0 at the end of the data.
using Source = std::function<std::size_t(void* buffer, std::size_t capacity)>;
using Sink = std::function<void(const void* data, std::size_t size)>;
// Returns whether to continue.
using Progress = std::function<bool(std::uint64_t bytes_in, std::uint64_t bytes_out)>;

// The C functions of an encoder and of a decoder.
struct EncoderFunctions {
  using Handle = paxect_encoder;
  static constexpr auto create = paxect_encoder_create;
  static constexpr auto free = paxect_encoder_free;
  static constexpr auto reset = paxect_encoder_reset;
  static constexpr auto set_parameter = paxect_encoder_set_parameter;
  static constexpr auto set_sink = paxect_encoder_set_sink;
  static constexpr auto set_progress = paxect_encoder_set_progress;
  static constexpr auto run = paxect_encoder_run;
  static constexpr auto info = paxect_encoder_info;
  static constexpr auto error_message = paxect_encoder_error_message;
  static constexpr auto error_offset = paxect_encoder_error_offset;
  static constexpr auto error_frame = paxect_encoder_error_frame;
};
struct DecoderFunctions {
  using Handle = paxect_decoder;
  static constexpr auto create = paxect_decoder_create;
  static constexpr auto free = paxect_decoder_free;
  static constexpr auto reset = paxect_decoder_reset;
  static constexpr auto set_parameter = paxect_decoder_set_parameter;
  static constexpr auto set_sink = paxect_decoder_set_sink;
  static constexpr auto set_progress = paxect_decoder_set_progress;
  static constexpr auto run = paxect_decoder_run;
  static constexpr auto info = paxect_decoder_info;
  static constexpr auto error_message = paxect_decoder_error_message;
  static constexpr auto error_offset = paxect_decoder_error_offset;
  static constexpr auto error_frame = paxect_decoder_error_frame;
};

// One thread at a time may use it. It can be moved, and used again after a failure.
template <class Functions>
class Codec {
 public:
  Codec() {
    typename Functions::Handle* handle = nullptr;
    paxect_status status = Functions::create(nullptr, &handle);
    if (status != PAXECT_OK) throw Error(status, {});
    handle_.reset(handle);
  }

  void set(paxect_parameter parameter, std::int64_t value) {
    check(Functions::set_parameter(handle_.get(), parameter, value));
  }

  // Reads the source to its end. After a failure, the data that the sink has received is not verified.
  paxect_container_info run(const Source& source, const Sink& sink, const Progress& progress = {}) {
    Callbacks callbacks{source, sink, progress, {}};
    Functions::reset(handle_.get());
    Functions::set_sink(handle_.get(), &Callbacks::on_data, &callbacks);
    Functions::set_progress(handle_.get(), progress ? &Callbacks::on_progress : nullptr, &callbacks);
    paxect_status status = Functions::run(handle_.get(), &Callbacks::on_read, &callbacks);
    if (callbacks.thrown) std::rethrow_exception(callbacks.thrown);
    check(status);
    paxect_container_info info{};
    info.struct_size = sizeof info;
    check(Functions::info(handle_.get(), &info));
    return info;
  }

 private:
  struct Free {
    void operator()(typename Functions::Handle* handle) const { Functions::free(handle); }
  };

  struct Callbacks {
    const Source& source;
    const Sink& sink;
    const Progress& progress;
    std::exception_ptr thrown;

    template <class Work>
    static std::int32_t guarded(void* opaque, Work work) {
      auto& self = *static_cast<Callbacks*>(opaque);
      try {
        return work(self) ? 0 : 1;
      } catch (...) {
        self.thrown = std::current_exception();
        return 1;
      }
    }
    static std::int32_t on_read(void* opaque, void* buffer, std::size_t capacity, std::size_t* size) {
      return guarded(opaque, [&](Callbacks& self) {
        *size = self.source(buffer, capacity);
        return true;
      });
    }
    static std::int32_t on_data(void* opaque, const void* data, std::size_t size) {
      return guarded(opaque, [&](Callbacks& self) {
        self.sink(data, size);
        return true;
      });
    }
    static std::int32_t on_progress(void* opaque, std::uint64_t bytes_in, std::uint64_t bytes_out) {
      return guarded(opaque, [&](Callbacks& self) { return self.progress(bytes_in, bytes_out); });
    }
  };

  void check(paxect_status status) const {
    if (status == PAXECT_OK) return;
    throw Error(status, Functions::error_message(handle_.get()), Functions::error_offset(handle_.get()),
                Functions::error_frame(handle_.get()));
  }

  std::unique_ptr<typename Functions::Handle, Free> handle_;
};

using Encoder = Codec<EncoderFunctions>;
using Decoder = Codec<DecoderFunctions>;

}  // namespace paxect
