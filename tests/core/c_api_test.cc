#include <cstring>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

TEST_CASE("versions are those of the header and of libzstd") {
  CHECK(paxect_core_version_number() == PAXECT_CORE_VERSION_NUMBER);
  CHECK(std::string(paxect_core_version_string()) == "1.0.0");
  CHECK(paxect_core_zstd_version_number() >= 10500);
  CHECK(std::string(paxect_core_zstd_version_string()).substr(0, 2) == "1.");
}

TEST_CASE("status values never change") {
  CHECK(PAXECT_ERROR_CANCELLED == 15);
  CHECK(PAXECT_ERROR_SINK == 35);
  CHECK(PAXECT_ERROR_CRC == 57);
  CHECK(PAXECT_ERROR_DIGEST == 70);
  CHECK(std::string(paxect_status_name(PAXECT_ERROR_CRC)) == "PAXECT_ERROR_CRC");
  CHECK(std::string(paxect_status_name(-1)) == "PAXECT_ERROR_UNKNOWN");
  CHECK(paxect_status_exit_code(PAXECT_OK) == 0);
  CHECK(paxect_status_exit_code(PAXECT_ERROR_DIGEST) == 2);
  CHECK(paxect_status_exit_code(PAXECT_ERROR_WRITE) == 3);
  CHECK(paxect_status_exit_code(PAXECT_ERROR_LIMIT) == 4);
  CHECK(paxect_status_exit_code(PAXECT_ERROR_PARAMETER) == 64);
}

TEST_CASE("NULL handles are refused, and freeing NULL does nothing") {
  paxect_encoder_free(nullptr);
  paxect_decoder_free(nullptr);
  CHECK(paxect_encoder_create(nullptr, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_encoder_write(nullptr, "x", 1) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_encoder_finish(nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_decoder_write(nullptr, "x", 1) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_decoder_reset(nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_decoder_info(nullptr, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(std::string(paxect_decoder_error_message(nullptr)).empty());
}

TEST_CASE("parameters have bounds, and values outside them change nothing") {
  std::int64_t minimum = 0, maximum = 0, default_value = 0;
  REQUIRE(paxect_parameter_bounds(PAXECT_PARAM_LEVEL, &minimum, &maximum, &default_value) == PAXECT_OK);
  CHECK(minimum == -7);
  CHECK(maximum == 22);
  CHECK(default_value == 5);
  CHECK(paxect_parameter_bounds(12345, nullptr, nullptr, nullptr) == PAXECT_ERROR_PARAMETER);

  Encoder encoder = make_encoder({{PAXECT_PARAM_LEVEL, 1}});
  CHECK(paxect_encoder_set_parameter(encoder.get(), PAXECT_PARAM_LEVEL, 23) == PAXECT_ERROR_PARAMETER);
  CHECK(std::string(paxect_encoder_error_message(encoder.get())).find("-7 to 22") != std::string::npos);
  CHECK(paxect_encoder_set_parameter(encoder.get(), PAXECT_PARAM_MAX_FRAME, 5) == PAXECT_ERROR_PARAMETER);
  std::string container;
  paxect_encoder_set_sink(encoder.get(), append, &container);
  REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);
  CHECK(container[11] == 1);
}

TEST_CASE("the progress callback can cancel with any number of threads, and the handle stays usable") {
  struct Cancel {
    std::uint64_t at;
    static std::int32_t look(void* opaque, std::uint64_t in, std::uint64_t) {
      return in >= static_cast<Cancel*>(opaque)->at ? 1 : 0;
    }
  };
  std::string data = text(1'000'000);
  for (int threads : {1, 2, 8}) {
    Cancel cancel{500'000};
    Encoder encoder = make_encoder({{PAXECT_PARAM_FRAME_SIZE, 10'000}, {PAXECT_PARAM_THREADS, threads}});
    std::string container;
    paxect_encoder_set_sink(encoder.get(), append, &container);
    paxect_encoder_set_progress(encoder.get(), Cancel::look, &cancel);
    paxect_status status = PAXECT_OK;
    for (std::size_t at = 0; at < data.size() && status == PAXECT_OK; at += 1000)
      status = paxect_encoder_write(encoder.get(), data.data() + at, 1000);
    CHECK(status == PAXECT_ERROR_CANCELLED);
    CHECK(container.size() < data.size());

    cancel.at = UINT64_MAX;
    REQUIRE(paxect_encoder_reset(encoder.get()) == PAXECT_OK);
    container.clear();
    REQUIRE(paxect_encoder_write(encoder.get(), data.data(), data.size()) == PAXECT_OK);
    REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);

    cancel.at = 1;
    Decoder decoder = make_decoder({{PAXECT_PARAM_THREADS, threads}});
    std::string back;
    paxect_decoder_set_sink(decoder.get(), append, &back);
    paxect_decoder_set_progress(decoder.get(), Cancel::look, &cancel);
    status = paxect_decoder_write(decoder.get(), container.data(), container.size());
    CHECK(status == PAXECT_ERROR_CANCELLED);
  }
}

TEST_CASE("a destination that is too small is an error, one of the bound's size never is") {
  std::string data = noise(100'000);
  for (std::int64_t frame : {1, 1000, 1 << 20}) {
    Encoder encoder = make_encoder({{PAXECT_PARAM_FRAME_SIZE, frame}});
    std::string out(paxect_encoder_bound(encoder.get(), data.size()), '\0');
    std::size_t size = 0;
    REQUIRE(paxect_encoder_encode_buffer(encoder.get(), data.data(), data.size(), out.data(), out.size(),
                                         &size) == PAXECT_OK);
    std::size_t ignored = 77;
    CHECK(paxect_encoder_encode_buffer(encoder.get(), data.data(), data.size(), out.data(), size - 1,
                                       &ignored) == PAXECT_ERROR_BUFFER_TOO_SMALL);
    CHECK(ignored == 77);
    REQUIRE(paxect_encoder_encode_buffer(encoder.get(), data.data(), data.size(), out.data(), size, &size) ==
            PAXECT_OK);

    Decoder decoder = make_decoder();
    std::string back(data.size(), '\0');
    CHECK(paxect_decoder_decode_buffer(decoder.get(), out.data(), size, back.data(), back.size() - 1,
                                       &ignored) == PAXECT_ERROR_BUFFER_TOO_SMALL);
    REQUIRE(paxect_decoder_decode_buffer(decoder.get(), out.data(), size, back.data(), back.size(),
                                         &ignored) == PAXECT_OK);
    CHECK(ignored == data.size());
    CHECK(back == data);
  }
  Encoder encoder = make_encoder({{PAXECT_PARAM_FRAME_SIZE, 1}});
  CHECK(paxect_encoder_bound(encoder.get(), UINT64_MAX) == UINT64_MAX);
  // It never falls as the data grows, whatever is added to it.
  for (std::int64_t percent : {0, 1, 6, 25, 50}) {
    INFO("protection of " << percent << " percent");
    Encoder protecting = make_encoder({{PAXECT_PARAM_PROTECT, percent}});
    std::uint64_t before = 0;
    for (unsigned shift = 0; shift < 256; ++shift) {
      std::uint64_t size = ((std::uint64_t{4} + shift % 4) << 61) >> (63 - shift / 4);
      std::uint64_t bound = paxect_encoder_bound(protecting.get(), size);
      INFO("size " << size);
      CHECK(bound > size - (size == UINT64_MAX));
      CHECK(bound >= before);
      before = bound;
    }
    CHECK(paxect_encoder_bound(protecting.get(), UINT64_MAX) == UINT64_MAX);
  }
}

TEST_CASE("info has header, footer and sizes") {
  std::string data = text(5000);
  Parameters parameters{
      {PAXECT_PARAM_FRAME_SIZE, 1000}, {PAXECT_PARAM_CHANNELS, 3}, {PAXECT_PARAM_VERIFY, 1}};
  std::string container = encode(data, parameters);
  Decoder decoder = make_decoder();
  REQUIRE(decode_with(decoder.get(), container).status == PAXECT_OK);
  paxect_container_info info{};
  info.struct_size = sizeof info;
  REQUIRE(paxect_decoder_info(decoder.get(), &info) == PAXECT_OK);
  CHECK(info.version == 42);
  CHECK(info.flags == (PAXECT_FLAG_VERIFY | PAXECT_FLAG_MULTICHANNEL));
  CHECK(info.level == 5);
  CHECK(info.frame_size == 1000);
  CHECK(info.channels == 3);
  CHECK(info.total_size == 5000);
  CHECK(info.total_frames == 5);
  CHECK(info.container_size == container.size());
  CHECK(std::memcmp(info.sha256, container.data() + container.size() - 32, 32) == 0);
}

}  // namespace
}  // namespace paxect::test
