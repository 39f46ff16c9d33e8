// Encodes any data with any options: a stream in chunks and a single call give the same bytes, which decode
// to the data. The first six bytes of the input select the options, the rest is the data.
#include <algorithm>
#include <vector>

#include "fuzz.h"

namespace paxect::fuzz {
namespace {

constexpr std::size_t kOptionBytes = 6;

void set_options(paxect_encoder* encoder, const std::uint8_t* options, std::int64_t threads) {
  auto set = [&](paxect_parameter parameter, std::int64_t value) {
    FUZZ_REQUIRE(paxect_encoder_set_parameter(encoder, parameter, value) == PAXECT_OK);
  };
  constexpr std::int64_t kLevels = 17;  // -7 to 9: slower levels differ only inside libzstd
  set(PAXECT_PARAM_LEVEL, options[0] % kLevels - 7);
  set(PAXECT_PARAM_CHANNELS, options[1] % 9);
  set(PAXECT_PARAM_MAPPING, options[1] >> 7);
  set(PAXECT_PARAM_VERIFY, options[1] >> 6 & 1);
  set(PAXECT_PARAM_FRAME_SIZE, 1 + (options[2] | options[3] << 8));
  set(PAXECT_PARAM_THREADS, threads);
}

std::string push(const std::uint8_t* options, const std::uint8_t* data, std::size_t size) {
  Encoder encoder = make_encoder();
  set_options(encoder.get(), options,
              1 + options[4] % 16 / 15);  // rarely with threads, which are slow to start
  std::string container;
  FUZZ_REQUIRE(paxect_encoder_set_sink(encoder.get(), append, &container) == PAXECT_OK);
  Chunks chunks(options, kOptionBytes);
  while (size != 0) {
    std::size_t part = chunks.next(size);
    std::vector<std::uint8_t> chunk(data, data + part);
    FUZZ_REQUIRE(paxect_encoder_write(encoder.get(), chunk.data(), part) == PAXECT_OK);
    data += part;
    size -= part;
  }
  FUZZ_REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);
  return container;
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paxect::fuzz;
  if (size < kOptionBytes) return 0;
  const std::uint8_t* options = data;
  data += kOptionBytes;
  size -= kOptionBytes;
  std::string pushed = push(options, data, size);

  Encoder encoder = make_encoder();
  set_options(encoder.get(), options, 1);
  std::uint64_t bound = paxect_encoder_bound(encoder.get(), size);
  FUZZ_REQUIRE(pushed.size() <= bound);
  std::vector<std::uint8_t> container(pushed.size());
  std::size_t container_size = 0;
  FUZZ_REQUIRE(paxect_encoder_encode_buffer(encoder.get(), data, size, container.data(), container.size(),
                                            &container_size) == PAXECT_OK);
  FUZZ_REQUIRE(container_size == pushed.size());
  FUZZ_REQUIRE(std::equal(container.begin(), container.end(), pushed.begin(),
                          [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }));
  FUZZ_REQUIRE(paxect_encoder_encode_buffer(encoder.get(), data, size, container.data(), container.size() - 1,
                                            &container_size) == PAXECT_ERROR_BUFFER_TOO_SMALL);

  Decoder decoder = make_decoder(1);
  std::vector<std::uint8_t> back(size);
  std::size_t back_size = 0;
  FUZZ_REQUIRE(paxect_decoder_decode_buffer(decoder.get(), container.data(), container.size(), back.data(),
                                            back.size(), &back_size) == PAXECT_OK);
  FUZZ_REQUIRE(back_size == size && std::equal(back.begin(), back.end(), data));
  return 0;
}
