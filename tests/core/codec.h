// The C API with strings as inputs and outputs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/core_handles.h"

namespace paxect::test {

// The bytes of an unsigned integer as a container has them, whatever the machine's order.
template <class Integer>
std::string little_endian(Integer value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> 8 * i & 0xff);
  return bytes;
}

using Parameters = std::vector<std::pair<paxect_parameter, std::int64_t>>;

Encoder make_encoder(const Parameters& parameters = {});
Decoder make_decoder(const Parameters& parameters = {});
Reader make_reader(const Parameters& parameters = {});
Salvager make_salvager(const Parameters& parameters = {});
Repairer make_repairer(const Parameters& parameters = {});

// A container of the data, pushed in chunks of `chunk` bytes; fails the test on any error.
std::string encode(const std::string& data, const Parameters& parameters = {}, std::size_t chunk = SIZE_MAX);

struct Decoded {
  paxect_status status = PAXECT_OK;
  std::string data;  // received by the sink, also before a failure
  std::string message;
  std::uint64_t offset = 0;
  std::uint64_t frame = 0;

  bool operator==(const Decoded&) const = default;
};
Decoded decode(const std::string& container, const Parameters& parameters = {}, std::size_t chunk = SIZE_MAX);
Decoded decode_with(paxect_decoder* decoder, const std::string& container, std::size_t chunk = SIZE_MAX);

}  // namespace paxect::test
