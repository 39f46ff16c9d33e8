// Shared by the fuzz targets. A target is one source file with LLVMFuzzerTestOneInput, linked to libFuzzer,
// to AFL++'s driver, or to replay.cc, which runs it once on each file. A violated invariant aborts, which all
// three report.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "support/core_handles.h"
#include "support/memory_file.h"

#define FUZZ_REQUIRE(condition)                                                      \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: violated: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (0)

namespace paxect::fuzz {

// A fuzzed container needs no larger frames, and a decompression bomb of this size is cheap.
constexpr std::int64_t kMaxFrame = std::int64_t{1} << 20;

using test::Decoder;
using test::Encoder;
using test::MemoryFile;
using test::Reader;
using test::Repairer;
using test::Salvager;
using test::Source;

inline Encoder make_encoder() {
  paxect_encoder* handle = nullptr;
  FUZZ_REQUIRE(paxect_encoder_create(nullptr, &handle) == PAXECT_OK);
  return Encoder(handle);
}

inline Decoder make_decoder(std::int64_t threads) {
  paxect_decoder* handle = nullptr;
  FUZZ_REQUIRE(paxect_decoder_create(nullptr, &handle) == PAXECT_OK);
  Decoder decoder(handle);
  FUZZ_REQUIRE(paxect_decoder_set_parameter(handle, PAXECT_PARAM_THREADS, threads) == PAXECT_OK);
  FUZZ_REQUIRE(paxect_decoder_set_parameter(handle, PAXECT_PARAM_MAX_FRAME, kMaxFrame) == PAXECT_OK);
  return decoder;
}

// A sink that appends to a std::string, and is never called for nothing.
inline std::int32_t append(void* string, const void* data, std::size_t size) {
  FUZZ_REQUIRE(size != 0);
  return test::append(string, data, size);
}

// The input as the bytes of a container or a file.
inline std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The input decoded in one go.
struct Decoded {
  paxect_status status;
  std::string data;
};
inline Decoded decode(const std::uint8_t* data, std::size_t size) {
  Decoder decoder = make_decoder(1);
  Decoded decoded;
  paxect_decoder_set_sink(decoder.get(), append, &decoded.data);
  decoded.status = paxect_decoder_write(decoder.get(), data, size);
  if (decoded.status == PAXECT_OK) decoded.status = paxect_decoder_finish(decoder.get());
  return decoded;
}

// Chunk sizes that the input itself determines, so that a finding comes back when the file is run again.
class Chunks {
 public:
  Chunks(const std::uint8_t* data, std::size_t size) : state_(2166136261u) {
    for (std::size_t i = 0; i < size; ++i) state_ = (state_ ^ data[i]) * 16777619u;
  }
  // 1 to `most`, small ones as often as large ones.
  std::size_t next(std::size_t most) {
    state_ = state_ * 1664525u + 1013904223u;
    std::size_t limit = (state_ >> 28) < 8 ? 64 : 65536;
    std::size_t size = 1 + (state_ >> 8) % limit;
    return size < most ? size : most;
  }

 private:
  std::uint32_t state_;
};

}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
