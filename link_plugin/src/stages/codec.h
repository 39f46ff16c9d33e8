// Turns file data into a container and back, through core's C ABI, hashing as the bytes go by.
//
// One Codec per thread; its handles are reused from file to file. Descriptors are read from their start and
// stay the caller's.
#pragma once

#include <paxect/core.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/blocks.h"
#include "base/status.h"
#include "settings/link_config.h"

namespace paxect::link {

class Codec {
 public:
  // Takes the next bytes of the output.
  using Write = std::function<Status(const void* data, std::size_t size)>;
  // Looked at about once a frame.
  using Stop = link::Stop;

  struct Result {
    std::string data_digest;       // hexadecimal SHA-256
    std::string container_digest;  // likewise; complete also when decoding failed, unless reading did
    std::uint64_t data_size = 0;
    std::uint64_t container_size = 0;
    int read_error = 0;  // that ended the reading of the source
  };

  // What a repair found.
  struct Repair {
    std::uint64_t cells = 0;    // of the container, data and parity
    std::uint64_t damaged = 0;  // of these
  };

  // `stop` stays with the codec.
  explicit Codec(Stop stop, const Encoding& encoding = {});
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  // A further reason to stop, of the file in hand; {} for none.
  void stop_also(Stop stop) { also_ = std::move(stop); }

  // Adds the bytes that are read from now on of what encode() and decode() get; NULL for nobody. Other
  // threads may read the counter.
  void count_reads(std::atomic<std::uint64_t>* counter) { counter_ = counter; }

  // Data -> container, the bytes that `paxect-core encode` makes with the same options. `path` is for
  // messages, `size` what is expected.
  Status encode(int source, const std::string& path, std::uint64_t size, const Write& write, Result* result);
  // Container -> data, strictly checked. The data is to be trusted only after success. `size` is that of the
  // container, `max_bytes` the maximum of data to let out: beyond it the fault is kBlocked, with the size so
  // far in `result`.
  Status decode(int container, const std::string& path, std::uint64_t size, std::uint64_t max_bytes,
                const Write& write, Result* result);

  // Repairs a damaged container by its protection and decodes it: `container` receives its bytes as they were
  // before the damage, `data` its data, both to be trusted only after success, and `result` is of these. What
  // cannot be read of the source counts as damaged. kIntegrity: it cannot be repaired; the event is
  // kUnprotected when it has no protection, and else the message says what is missing. `max_bytes` as above.
  Status repair(int damaged, const std::string& path, std::uint64_t size, std::uint64_t max_bytes,
                const Write& container, const Write& data, Result* result, Repair* repair);
  static constexpr const char* kUnprotected = "unprotected";

  const Stop& stop() const { return stop_; }

  // What the footer says, unverified. kIntegrity when it is no container. One that cannot be read says
  // nothing: size 0.
  struct FooterInfo {
    std::uint64_t size = 0;
    std::string digest;  // hexadecimal SHA-256 of the data
  };
  // A size up to `believed` is taken as it is: decoding will show whether it is true. A larger one is
  // compared with the frames, which takes a read for each of them.
  static Status read_footer(int container, std::uint64_t believed, FooterInfo* footer);

 private:
  template <auto Release>
  struct Free {
    template <class Handle>
    void operator()(Handle* handle) const {
      Release(handle);
    }
  };

  Status ready() const;
  static unsigned threads_for(std::uint64_t size);
  paxect_decoder* begin_decoder(std::uint64_t size, std::uint64_t container_size, void* sink);

  Stop also_;
  Stop stop_;
  std::atomic<std::uint64_t>* counter_ = nullptr;
  std::unique_ptr<paxect_encoder, Free<paxect_encoder_free>> encoder_;
  std::unique_ptr<paxect_decoder, Free<paxect_decoder_free>> decoder_;
};

}  // namespace paxect::link
