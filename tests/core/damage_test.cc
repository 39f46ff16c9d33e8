#include <catch2/catch.hpp>

#include "codec.h"
#include "support/files.h"
#include "vectors.h"

namespace paxect::test {
namespace {

std::string small_container() {
  return encode(text(900),
                {{PAXECT_PARAM_FRAME_SIZE, 256}, {PAXECT_PARAM_CHANNELS, 2}, {PAXECT_PARAM_THREADS, 1}});
}

TEST_CASE("every truncation of a small container is refused") {
  std::string container = small_container();
  Decoder decoder = make_decoder({{PAXECT_PARAM_THREADS, 2}});
  for (std::size_t size = 0; size < container.size(); ++size) {
    INFO("cut to " << size << " of " << container.size());
    Decoded result = decode_with(decoder.get(), container.substr(0, size), 100);
    int code = paxect_status_exit_code(result.status);
    // Cut at a frame's end, the last bytes of a frame stand where the footer is looked for: its digest is
    // wrong.
    CHECK((code == 4 || code == 2));
  }
}

TEST_CASE("no single-byte change ever yields other data with status 0") {
  std::string container = small_container();
  std::string data = decode(container).data;
  Decoder decoder = make_decoder({{PAXECT_PARAM_THREADS, 1}});
  int passed = 0;
  for (std::size_t at = 0; at < container.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string changed = container;
      changed[at] = static_cast<char>(changed[at] ^ change);
      Decoded result = decode_with(decoder.get(), changed);
      if (result.status != PAXECT_OK) continue;
      INFO("byte " << at << " changed by " << change);
      REQUIRE(result.data == data);
      ++passed;
    }
  }
  CHECK(passed > 0);  // flags, level and reserved bytes carry no data
}

TEST_CASE("the first failure in the container is the one reported, for any number of threads") {
  std::string data = text(200'000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 10'000}});
  std::string damaged = container;
  std::size_t late = container.size() - 200;
  damaged[late] = static_cast<char>(damaged[late] ^ 1);
  damaged[container.size() / 2] = static_cast<char>(damaged[container.size() / 2] ^ 1);
  Decoded expected = decode(damaged, {{PAXECT_PARAM_THREADS, 1}});
  REQUIRE(expected.status != PAXECT_OK);
  CHECK(expected.frame > 5);
  CHECK(expected.frame < 15);
  for (int threads : {2, 8}) {
    Decoded result = decode(damaged, {{PAXECT_PARAM_THREADS, threads}});
    CHECK(result.status == expected.status);
    CHECK(result.frame == expected.frame);
    CHECK(result.offset == expected.offset);
    CHECK(result.message == expected.message);
    CHECK(result.data == expected.data);
  }
}

TEST_CASE("two containers in one file are an error that says so") {
  std::string first = small_container();
  for (const std::string& container : {first + first, first + encode(""), encode("") + first, first + "x"}) {
    Decoded result = decode(container);
    CHECK(result.status == PAXECT_ERROR_TRAILING);
    CHECK(result.message.find("a second container") != std::string::npos);
  }
  CHECK(decode(first + first).offset == first.size());
}

TEST_CASE("a failure names the offset and the frame") {
  std::string container = small_container();
  container[24] = 7;  // channel of frame 0
  Decoded result = decode(container);
  CHECK(result.status == PAXECT_ERROR_FRAME_HEADER);
  CHECK(result.offset == 24);
  CHECK(result.frame == 0);
  CHECK(result.message == "frame says channel 7 of 2");
}

TEST_CASE("a frame above the caller's limit is refused before it is read") {
  std::string container = encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 4096}});
  CHECK(decode(container, {{PAXECT_PARAM_MAX_FRAME, 4095}}).status == PAXECT_ERROR_LIMIT);
  CHECK(decode(container, {{PAXECT_PARAM_MAX_FRAME, 4096}}).status == PAXECT_OK);
}

TEST_CASE("a length that the container cannot hold is refused where it is declared when its size is known") {
  std::string container = small_container();
  std::string longer = container;
  longer[24 + 2 + 1] = 2;  // clen of frame 0 grows by 512: still possible for its data, but not in this file
  container.resize(24 + 14 + 100 + 44);
  longer.resize(container.size());
  auto size = static_cast<std::int64_t>(longer.size());
  CHECK(decode(longer, {{PAXECT_PARAM_CONTAINER_SIZE, size}}).status == PAXECT_ERROR_TRUNCATED);
}

TEST_CASE("a container that is shorter or longer than it was said to be is refused") {
  std::string container = small_container();
  auto size = static_cast<std::int64_t>(container.size());
  CHECK(decode(container, {{PAXECT_PARAM_CONTAINER_SIZE, size}}, 7).status == PAXECT_OK);
  CHECK(decode(container, {{PAXECT_PARAM_CONTAINER_SIZE, size + 1}}).status == PAXECT_ERROR_TRUNCATED);
  CHECK(decode(container, {{PAXECT_PARAM_CONTAINER_SIZE, size + 100}}).status == PAXECT_ERROR_TRAILING);
  CHECK(decode(container + "x", {{PAXECT_PARAM_CONTAINER_SIZE, size}}).status == PAXECT_ERROR_TRAILING);
  CHECK(decode(container, {{PAXECT_PARAM_CONTAINER_SIZE, 1}}).status != PAXECT_OK);
}

}  // namespace
}  // namespace paxect::test
