
#include "codec.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

TEST_CASE("data of every size around frame boundaries decodes to itself") {
  for (std::int64_t frame : {1, 7, 4096, 65536}) {
    std::size_t unit = static_cast<std::size_t>(frame);
    for (std::size_t size :
         {std::size_t{0}, std::size_t{1}, unit - 1, unit, unit + 1, 3 * unit, 9 * unit + 5}) {
      for (int threads : {1, 2, 5}) {
        INFO(size << " bytes in frames of " << frame << " with " << threads << " threads");
        std::string data = text(size);
        Parameters parameters{{PAXECT_PARAM_FRAME_SIZE, frame}, {PAXECT_PARAM_THREADS, threads}};
        std::string container = encode(data, parameters, 1 + size / 3);
        Decoded result = decode(container, {{PAXECT_PARAM_THREADS, threads}}, 1 + container.size() / 5);
        CHECK(result.status == PAXECT_OK);
        CHECK(result.data == data);
      }
    }
  }
}

TEST_CASE("the bytes of a container do not depend on threads, chunks or the way of passing the data") {
  std::string data = text(3'000'000) + noise(500'000) + std::string(700'000, '\0');
  Parameters parameters{{PAXECT_PARAM_FRAME_SIZE, 100'000}, {PAXECT_PARAM_CHANNELS, PAXECT_CHANNELS_AUTO}};
  std::string expected = encode(
      data, {{PAXECT_PARAM_FRAME_SIZE, 100'000}, {PAXECT_PARAM_CHANNELS, 4}, {PAXECT_PARAM_THREADS, 1}});
  for (int threads : {1, 2, 3, 8}) {
    parameters.push_back({PAXECT_PARAM_THREADS, threads});
    CHECK(encode(data, parameters) == expected);
    CHECK(encode(data, parameters, 4096) == expected);

    Encoder encoder = make_encoder(parameters);
    std::string out(paxect_encoder_bound(encoder.get(), data.size()), '\0');
    std::size_t size = 0;
    REQUIRE(paxect_encoder_encode_buffer(encoder.get(), data.data(), data.size(), out.data(), out.size(),
                                         &size) == PAXECT_OK);
    CHECK(out.substr(0, size) == expected);
    parameters.pop_back();
  }
}

TEST_CASE("a pulled source gives the same bytes as pushed data") {
  std::string data = text(5'000'000);
  for (std::int64_t frame : {1 << 20, 3 << 20, 10'000}) {
    for (std::size_t step : {std::size_t{1} << 20, std::size_t{99'999}}) {
      Parameters parameters{{PAXECT_PARAM_FRAME_SIZE, frame}};
      std::string pushed = encode(data, parameters);
      Encoder encoder = make_encoder(parameters);
      std::string pulled;
      paxect_encoder_set_sink(encoder.get(), append, &pulled);
      Source source{data, step};
      REQUIRE(paxect_encoder_run(encoder.get(), Source::read, &source) == PAXECT_OK);
      CHECK(pulled == pushed);

      Decoder decoder = make_decoder();
      std::string back;
      paxect_decoder_set_sink(decoder.get(), append, &back);
      Source container{pulled, step};
      REQUIRE(paxect_decoder_run(decoder.get(), Source::read, &container) == PAXECT_OK);
      CHECK(back == data);
    }
  }
}

TEST_CASE("a handle that is reused for another container keeps nothing of the last one") {
  Encoder encoder = make_encoder();
  std::string first;
  for (std::size_t size : {100'000u, 5u, 3'000'000u, 0u}) {
    std::string data = text(size, static_cast<std::uint32_t>(size + 1));
    std::string container;
    REQUIRE(paxect_encoder_reset(encoder.get()) == PAXECT_OK);
    paxect_encoder_set_sink(encoder.get(), append, &container);
    REQUIRE(paxect_encoder_write(encoder.get(), data.data(), data.size()) == PAXECT_OK);
    REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);
    CHECK(container == encode(data));
  }
}

TEST_CASE("every level makes a container that decodes") {
  std::string data = text(40'000);
  for (int level = -7; level <= 22; ++level) {
    INFO("level " << level);
    CHECK(decode(encode(data, {{PAXECT_PARAM_LEVEL, level}})).data == data);
  }
}

}  // namespace
}  // namespace paxect::test
