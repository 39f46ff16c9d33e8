#include "codec.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace paxect::test {

Encoder make_encoder(const Parameters& parameters) {
  paxect_encoder* handle = nullptr;
  REQUIRE(paxect_encoder_create(nullptr, &handle) == PAXECT_OK);
  Encoder encoder(handle);
  for (auto [parameter, value] : parameters)
    REQUIRE(paxect_encoder_set_parameter(handle, parameter, value) == PAXECT_OK);
  return encoder;
}

Decoder make_decoder(const Parameters& parameters) {
  paxect_decoder* handle = nullptr;
  REQUIRE(paxect_decoder_create(nullptr, &handle) == PAXECT_OK);
  Decoder decoder(handle);
  for (auto [parameter, value] : parameters)
    REQUIRE(paxect_decoder_set_parameter(handle, parameter, value) == PAXECT_OK);
  return decoder;
}

Reader make_reader(const Parameters& parameters) {
  paxect_reader* handle = nullptr;
  REQUIRE(paxect_reader_create(nullptr, &handle) == PAXECT_OK);
  Reader reader(handle);
  for (auto [parameter, value] : parameters)
    REQUIRE(paxect_reader_set_parameter(handle, parameter, value) == PAXECT_OK);
  return reader;
}

std::int32_t append(void* string, const void* data, std::size_t size) {
  static_cast<std::string*>(string)->append(static_cast<const char*>(data), size);
  return 0;
}

std::string encode(const std::string& data, const Parameters& parameters, std::size_t chunk) {
  Encoder encoder = make_encoder(parameters);
  std::string container;
  REQUIRE(paxect_encoder_set_sink(encoder.get(), append, &container) == PAXECT_OK);
  for (std::size_t at = 0; at < data.size(); at += std::min(chunk, data.size() - at))
    REQUIRE(paxect_encoder_write(encoder.get(), data.data() + at, std::min(chunk, data.size() - at)) ==
            PAXECT_OK);
  REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);
  return container;
}

Decoded decode_with(paxect_decoder* decoder, const std::string& container, std::size_t chunk) {
  Decoded result;
  paxect_decoder_reset(decoder);
  paxect_decoder_set_sink(decoder, append, &result.data);
  for (std::size_t at = 0; at < container.size() && result.status == PAXECT_OK;
       at += std::min(chunk, container.size() - at))
    result.status =
        paxect_decoder_write(decoder, container.data() + at, std::min(chunk, container.size() - at));
  if (result.status == PAXECT_OK) result.status = paxect_decoder_finish(decoder);
  result.message = paxect_decoder_error_message(decoder);
  result.offset = paxect_decoder_error_offset(decoder);
  result.frame = paxect_decoder_error_frame(decoder);
  return result;
}

Decoded decode(const std::string& container, const Parameters& parameters, std::size_t chunk) {
  return decode_with(make_decoder(parameters).get(), container, chunk);
}

}  // namespace paxect::test
