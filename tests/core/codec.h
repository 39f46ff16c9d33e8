// The C ABI as tests like to use it: strings in, strings out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "paxect/core.h"

namespace paxect::test {

using Parameters = std::vector<std::pair<paxect_parameter, std::int64_t>>;

struct FreeHandle {
  void operator()(paxect_encoder* handle) const { paxect_encoder_free(handle); }
  void operator()(paxect_decoder* handle) const { paxect_decoder_free(handle); }
  void operator()(paxect_reader* handle) const { paxect_reader_free(handle); }
};
using Encoder = std::unique_ptr<paxect_encoder, FreeHandle>;
using Decoder = std::unique_ptr<paxect_decoder, FreeHandle>;
using Reader = std::unique_ptr<paxect_reader, FreeHandle>;

Encoder make_encoder(const Parameters& parameters = {});
Decoder make_decoder(const Parameters& parameters = {});
Reader make_reader(const Parameters& parameters = {});

// A sink that appends to a std::string.
std::int32_t append(void* string, const void* data, std::size_t size);

// A container of the data, pushed in chunks of `chunk` bytes; fails the test on any error.
std::string encode(const std::string& data, const Parameters& parameters = {}, std::size_t chunk = SIZE_MAX);

struct Decoded {
  paxect_status status = PAXECT_OK;
  std::string data;  // what came out, also before a failure
  std::string message;
  std::uint64_t offset = 0;
  std::uint64_t frame = 0;

  bool operator==(const Decoded&) const = default;
};
Decoded decode(const std::string& container, const Parameters& parameters = {}, std::size_t chunk = SIZE_MAX);
Decoded decode_with(paxect_decoder* decoder, const std::string& container, std::size_t chunk = SIZE_MAX);

}  // namespace paxect::test
