#include "vectors.h"

#include <bit>

#include "codec.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

TEST_CASE("every vector decodes to what its index says, for any chunks and threads") {
  for (const Vector& vector : load_vectors()) {
    for (std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{45}, std::size_t{4097}}) {
      for (int threads : {1, 2, 8}) {
        INFO(vector.name << " in chunks of " << chunk << " with " << threads << " threads");
        Decoded result = decode(vector.container, {{PAXECT_PARAM_THREADS, threads}}, chunk);
        INFO(result.message);
        CHECK(paxect_status_exit_code(result.status) == vector.exit);
        CHECK(result.message.empty() == (vector.exit == 0));
        if (vector.exit == 0) CHECK(result.data == vector.data);
      }
    }
  }
}

TEST_CASE("every vector in memory gives the same, and the same failure as by pushing") {
  for (const Vector& vector : load_vectors()) {
    INFO(vector.name);
    Decoder decoder = make_decoder();
    std::string data(1 << 20, '\0');
    std::size_t size = 0;
    paxect_status status = paxect_decoder_decode_buffer(
        decoder.get(), vector.container.data(), vector.container.size(), data.data(), data.size(), &size);
    CHECK(paxect_status_exit_code(status) == vector.exit);
    if (vector.exit == 0) CHECK(data.substr(0, size) == vector.data);
  }
}

TEST_CASE("encoding a vector's data gives the vector's bytes, for any chunks and threads") {
  // On a big-endian machine libzstd finds other matches for some levels and sizes.
  const bool same_bytes =
      paxect_core_zstd_version_number() == 10504 && std::endian::native == std::endian::little;
  if (!same_bytes)
    WARN("the vectors' bytes are those of libzstd 1.5.4 on a little-endian machine, not of "
         << paxect_core_zstd_version_string() << " here");
  for (const Vector& vector : load_vectors()) {
    if (vector.exit != 0 || vector.decode_only) continue;
    for (int threads : {1, 2, 8}) {
      for (std::size_t chunk : {SIZE_MAX, std::size_t{1000}}) {
        INFO(vector.name << " in chunks of " << chunk << " with " << threads << " threads");
        std::string container = encode(vector.data,
                                       {{PAXECT_PARAM_LEVEL, vector.level},
                                        {PAXECT_PARAM_FRAME_SIZE, vector.frame},
                                        {PAXECT_PARAM_CHANNELS, vector.channels},
                                        {PAXECT_PARAM_MAPPING, vector.u16 ? 1 : 0},
                                        {PAXECT_PARAM_VERIFY, vector.verify ? 1 : 0},
                                        {PAXECT_PARAM_THREADS, threads}},
                                       chunk);
        if (same_bytes)
          CHECK(container == vector.container);
        else
          CHECK(decode(container).data == vector.data);
      }
    }
  }
}

}  // namespace
}  // namespace paxect::test
