#include <cstring>
#include <random>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "vectors.h"

namespace paxect::test {
namespace {

std::string small_container() {
  return encode(text(900),
                {{PAXECT_PARAM_FRAME_SIZE, 256}, {PAXECT_PARAM_CHANNELS, 2}, {PAXECT_PARAM_THREADS, 1}});
}

// One container of each kind, small enough to be damaged at every byte.
std::vector<std::string> containers() {
  std::string extension = {"\x28\xb5\x2f\xfd\x20\0\1\0\0\x50\x2a\x4d\x18\4\0\0\0note", 21};
  std::string extended = encode(text(300), {{PAXECT_PARAM_FRAME_SIZE, 100}, {PAXECT_PARAM_CHANNELS, 2}});
  extended.insert(24, std::string("\0\0\x15\0\0\0\0\0\0\0\0\0\0\0", 14) + extension);
  std::size_t frames_at = extended.size() - 44 + 8;
  extended[frames_at] = static_cast<char>(extended[frames_at] + 1);
  REQUIRE(decode(extended).data == text(300));
  return {small_container(),
          extended,
          encode(""),
          encode("x"),
          encode(noise(300), {{PAXECT_PARAM_FRAME_SIZE, 50}, {PAXECT_PARAM_CHANNELS, 8}}),
          encode(std::string(5000, '\0'), {{PAXECT_PARAM_FRAME_SIZE, 1000}, {PAXECT_PARAM_LEVEL, 19}})};
}

Decoded decode_at_once(paxect_decoder* decoder, const std::string& container, std::size_t capacity) {
  Decoded result;
  result.data.resize(capacity);
  std::size_t size = 0;
  result.status = paxect_decoder_decode_buffer(decoder, container.data(), container.size(),
                                               result.data.data(), capacity, &size);
  result.data.resize(size);
  return result;
}

TEST_CASE("every truncation is refused, pushed or in memory") {
  Decoder pushed = make_decoder({{PAXECT_PARAM_THREADS, 2}});
  Decoder at_once = make_decoder({{PAXECT_PARAM_THREADS, 1}});
  for (const std::string& container : containers()) {
    std::size_t capacity = decode(container).data.size();
    for (std::size_t size = 0; size < container.size(); ++size) {
      INFO("cut to " << size << " of " << container.size());
      int code = paxect_status_exit_code(decode_with(pushed.get(), container.substr(0, size), 100).status);
      // Truncated at the end of a frame, the last bytes of that frame take the place of the footer: the
      // SHA-256 differs.
      CHECK((code == 4 || code == 2));
      CHECK(decode_at_once(at_once.get(), container.substr(0, size), capacity).status != PAXECT_OK);
    }
  }
}

TEST_CASE("no single-byte change ever yields other data with status 0") {
  Decoder pushed = make_decoder({{PAXECT_PARAM_THREADS, 1}});
  Decoder at_once = make_decoder({{PAXECT_PARAM_THREADS, 1}});
  for (const std::string& container : containers()) {
    std::string data = decode(container).data;
    bool all =
        container == small_container();  // 255 changes of each byte; of the others, each bit and all bits
    int passed = 0;
    for (std::size_t at = 0; at < container.size(); ++at) {
      for (int change = 1; change < 256; ++change) {
        if (!all && change != 255 && (change & (change - 1)) != 0) continue;
        std::string changed = container;
        changed[at] = static_cast<char>(changed[at] ^ change);
        INFO("byte " << at << " changed by " << change);
        Decoded result = decode_with(pushed.get(), changed);
        bool good = result.status == PAXECT_OK;
        if (good) REQUIRE(result.data == data);
        REQUIRE((decode_at_once(at_once.get(), changed, data.size()).status == PAXECT_OK) == good);
        passed += good ? 1 : 0;
      }
    }
    CHECK(passed >= 10 * 9);  // flags, level and reserved bytes carry no data
  }
}

TEST_CASE("random damage has the same outcome for all chunk sizes and threads, and never gives other data") {
  std::string data = text(60'000) + noise(20'000) + std::string(20'000, '\0');
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 8192}, {PAXECT_PARAM_CHANNELS, 3}});
  Decoder one = make_decoder({{PAXECT_PARAM_THREADS, 1}});
  Decoder two = make_decoder({{PAXECT_PARAM_THREADS, 2}});
  Decoder eight = make_decoder({{PAXECT_PARAM_THREADS, 8}});
  std::mt19937 random(42);
  int whole_frames = 0;
  for (int round = 0; round < 1000; ++round) {
    INFO("round " << round);
    std::string damaged = container;
    // Even rounds damage 1 % of the bytes. Odd rounds damage 0.01 %, so that the decoder also reaches late
    // frames.
    std::size_t changes = round % 2 == 0 ? container.size() / 100 : 1 + container.size() / 10'000;
    for (std::size_t i = 0; i < changes; ++i)
      damaged[random() % damaged.size()] = static_cast<char>(random() & 0xff);
    Decoded expected = decode_with(one.get(), damaged);
    if (expected.status == PAXECT_OK) REQUIRE(expected.data == data);
    REQUIRE(data.compare(0, expected.data.size(), expected.data) == 0);
    whole_frames += expected.data.empty() ? 0 : 1;
    std::size_t odd = 1 + 2 * (random() % 700);
    REQUIRE(decode_with(one.get(), damaged, damaged.size() / 2) == expected);
    REQUIRE(decode_with(one.get(), damaged, odd) == expected);
    REQUIRE(decode_with(two.get(), damaged, odd) == expected);
    REQUIRE(decode_with(eight.get(), damaged) == expected);
  }
  CHECK(whole_frames > 100);
}

// Other ways of passing a container to a decoder.
Decoded run_on(const std::string& container, std::int64_t threads) {
  Decoder decoder = make_decoder({{PAXECT_PARAM_THREADS, threads}});
  Decoded result;
  Source source{container};
  paxect_decoder_set_sink(decoder.get(), append, &result.data);
  result.status = paxect_decoder_run(decoder.get(), Source::read, &source);
  result.message = paxect_decoder_error_message(decoder.get());
  result.offset = paxect_decoder_error_offset(decoder.get());
  result.frame = paxect_decoder_error_frame(decoder.get());
  return result;
}
Decoded with_known_size(const std::string& container, std::int64_t threads, std::size_t chunk) {
  auto size = static_cast<std::int64_t>(container.size());
  return decode(container, {{PAXECT_PARAM_THREADS, threads}, {PAXECT_PARAM_CONTAINER_SIZE, size}}, chunk);
}

// Frame headers that differ from a valid one in more than one byte.
std::vector<std::string> rewritten_lengths(const std::string& container, std::size_t frame_at) {
  std::vector<std::string> all;
  for (std::uint32_t clen : {0u, 16u, 17u, 18u, 40u, 1000u, 0x7fffffffu, 0xffffffffu})
    for (std::uint32_t ulen : {0u, 1u, 100u, 0xffffffffu})
      for (std::uint32_t channel : {0u, 1u, 9u}) {
        std::string changed = container;
        std::memcpy(&changed[frame_at], &channel, 2);
        std::memcpy(&changed[frame_at + 2], &clen, 4);
        std::memcpy(&changed[frame_at + 6], &ulen, 4);
        all.push_back(changed);
        if (ulen != 0) continue;
        std::memset(&changed[frame_at + 10], 0, 4);
        all.push_back(changed);
      }
  return all;
}

TEST_CASE("the failure is the same for every way of passing a container, its text included") {
  std::vector<std::string> damaged;
  for (const std::string& container : containers()) {
    for (std::size_t size = 0; size < container.size(); ++size) damaged.push_back(container.substr(0, size));
    for (std::size_t at = 0; at < container.size(); ++at)
      for (int change : {1, 16, 128, 255}) {
        damaged.push_back(container);
        damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ change);
      }
    if (container.size() < 200) continue;
    for (const std::string& changed : rewritten_lengths(container, 24)) damaged.push_back(changed);
    damaged.push_back(container + container);
    damaged.push_back(container + "x");
    damaged.push_back(container.substr(0, container.size() - 44) + container);
  }
  for (const std::string& container : damaged) {
    Decoded expected = decode(container, {{PAXECT_PARAM_THREADS, 1}});
    INFO(expected.message << " (byte " << expected.offset << ", frame " << expected.frame << ")");
    REQUIRE(decode(container, {{PAXECT_PARAM_THREADS, 1}}, 7) == expected);
    REQUIRE(run_on(container, 1) == expected);
    REQUIRE(with_known_size(container, 1, 13) == expected);
    REQUIRE(with_known_size(container, 3, SIZE_MAX) == expected);
    if (container.empty()) continue;
    Decoded at_once = decode_at_once(make_decoder({{PAXECT_PARAM_THREADS, 2}}).get(), container, 1 << 20);
    REQUIRE(at_once.status == expected.status);
  }
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
    CHECK(result == expected);
  }
}

TEST_CASE("a second container in a file is an error that names it") {
  std::string first = small_container();
  for (const std::string& container : {first + first, first + encode(""), encode("") + first, first + "x"}) {
    Decoded result = decode(container);
    CHECK(result.status == PAXECT_ERROR_TRAILING);
    CHECK(result.message.find("a second container") != std::string::npos);
  }
  CHECK(decode(first + first).offset == first.size());
}

TEST_CASE("a failure has the offset and the frame") {
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

TEST_CASE("with a known size, a length beyond the end of the container is refused at its frame header") {
  std::string longer = small_container();
  longer[24 + 2] = 44;  // clen of frame 0 is 300: possible for its 256 bytes of data, but not in this file
  longer[24 + 2 + 1] = 1;
  longer.resize(24 + 14 + 100 + 44);
  auto size = static_cast<std::int64_t>(longer.size());
  Decoder decoder = make_decoder({{PAXECT_PARAM_CONTAINER_SIZE, size}});
  std::string data;
  paxect_decoder_set_sink(decoder.get(), append, &data);
  CHECK(paxect_decoder_write(decoder.get(), longer.data(), 24 + 14) == PAXECT_ERROR_TRUNCATED);
}

TEST_CASE("a container that is shorter or longer than its declared size is refused") {
  std::string container = small_container();
  auto size = static_cast<std::int64_t>(container.size());
  CHECK(decode(container, {{PAXECT_PARAM_CONTAINER_SIZE, size}}, 7).status == PAXECT_OK);
  CHECK(decode(container + "x", {{PAXECT_PARAM_CONTAINER_SIZE, size}}).status == PAXECT_ERROR_TRAILING);
  CHECK(decode(container, {{PAXECT_PARAM_CONTAINER_SIZE, 1}}).status != PAXECT_OK);
}

TEST_CASE("a container that ends before its declared size is truncated, by whatever number of bytes") {
  // The footer of the second one reads like the header of a frame.
  std::string first_frame_like = encode(std::string(1 << 20, '\0'));
  for (const std::string& container : {small_container(), first_frame_like}) {
    auto size = static_cast<std::int64_t>(container.size());
    for (std::int64_t more : {1, 13, 14, 15, 29, 30, 43, 44, 45, 58, 100, 5000}) {
      for (std::size_t chunk : {std::size_t{1}, std::size_t{7}, container.size() - 44, SIZE_MAX}) {
        CAPTURE(size, more, chunk);
        Parameters declared = {{PAXECT_PARAM_CONTAINER_SIZE, size + more}};
        CHECK(decode(container, declared, chunk).status == PAXECT_ERROR_TRUNCATED);
        if (more > 44)  // bytes follow, so that this was a footer of another container
          CHECK(decode(container + "x", declared, chunk).status == PAXECT_ERROR_TRAILING);
      }
    }
  }
}

TEST_CASE("in memory, a wrong length of the last frame is the failure that a stream reports") {
  std::string container = small_container();
  std::string data = decode(container).data;
  std::size_t last = container.size();
  for (std::size_t at = 24; at + 44 < container.size();) {
    last = at;
    std::uint32_t clen = 0;
    std::memcpy(&clen, &container[at + 2], sizeof clen);
    at += 14 + clen;
  }
  for (int bit = 0; bit < 32; ++bit) {
    CAPTURE(bit);
    std::string wrong = container;
    wrong[last + 6 + static_cast<std::size_t>(bit / 8)] ^= static_cast<char>(1 << bit % 8);
    std::string out(data.size(), '\0');
    std::size_t size = 0;
    Decoder decoder = make_decoder();
    paxect_status status = paxect_decoder_decode_buffer(decoder.get(), wrong.data(), wrong.size(), out.data(),
                                                        out.size(), &size);
    Decoded streamed = decode(wrong);
    CHECK(status == streamed.status);
    CHECK(paxect_decoder_error_message(decoder.get()) == streamed.message);
  }
}

}  // namespace
}  // namespace paxect::test
