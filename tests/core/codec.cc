#include "codec.h"

#include <algorithm>

#include "support/catch.h"

namespace paxect::test {

namespace {

template <class Handle>
std::unique_ptr<Handle, FreeHandle> make(paxect_status (*create)(const paxect_allocator*, Handle**),
                                         paxect_status (*set)(Handle*, paxect_parameter, std::int64_t),
                                         const Parameters& parameters) {
  Handle* handle = nullptr;
  REQUIRE(create(nullptr, &handle) == PAXECT_OK);
  std::unique_ptr<Handle, FreeHandle> owner(handle);
  for (auto [parameter, value] : parameters) REQUIRE(set(handle, parameter, value) == PAXECT_OK);
  return owner;
}

}  // namespace

Encoder make_encoder(const Parameters& parameters) {
  return make(paxect_encoder_create, paxect_encoder_set_parameter, parameters);
}
Decoder make_decoder(const Parameters& parameters) {
  return make(paxect_decoder_create, paxect_decoder_set_parameter, parameters);
}
Reader make_reader(const Parameters& parameters) {
  return make(paxect_reader_create, paxect_reader_set_parameter, parameters);
}
Salvager make_salvager(const Parameters& parameters) {
  return make(paxect_salvager_create, paxect_salvager_set_parameter, parameters);
}

Repairer make_repairer(const Parameters& parameters) {
  return make(paxect_repairer_create, paxect_repairer_set_parameter, parameters);
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
