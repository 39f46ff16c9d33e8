// Owners of the C ABI's handles, and callbacks, for tests and fuzz targets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "paxect/core.h"

namespace paxect::test {

struct FreeHandle {
  void operator()(paxect_encoder* handle) const { paxect_encoder_free(handle); }
  void operator()(paxect_decoder* handle) const { paxect_decoder_free(handle); }
  void operator()(paxect_reader* handle) const { paxect_reader_free(handle); }
  void operator()(paxect_salvager* handle) const { paxect_salvager_free(handle); }
  void operator()(paxect_repairer* handle) const { paxect_repairer_free(handle); }
};
using Encoder = std::unique_ptr<paxect_encoder, FreeHandle>;
using Decoder = std::unique_ptr<paxect_decoder, FreeHandle>;
using Reader = std::unique_ptr<paxect_reader, FreeHandle>;
using Salvager = std::unique_ptr<paxect_salvager, FreeHandle>;
using Repairer = std::unique_ptr<paxect_repairer, FreeHandle>;

// A sink that appends to a std::string.
inline std::int32_t append(void* string, const void* data, std::size_t size) {
  static_cast<std::string*>(string)->append(static_cast<const char*>(data), size);
  return 0;
}

// A source that returns at most `piece` bytes of `data` at a time.
struct Source {
  std::string_view data;
  std::size_t piece = 4096;

  static std::int32_t read(void* opaque, void* buffer, std::size_t capacity, std::size_t* size) {
    auto& self = *static_cast<Source*>(opaque);
    *size = std::min({capacity, self.data.size(), self.piece});
    std::memcpy(buffer, self.data.data(), *size);
    self.data.remove_prefix(*size);
    return 0;
  }
};

}  // namespace paxect::test
