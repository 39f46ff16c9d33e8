// Decoders that write through WriteAt. The tests of the C ABI cover the other outputs.
#include "decoder.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <string>

#include "encoder.h"
#include "support/catch.h"

namespace paxect::core {
namespace {

constexpr std::size_t kFrameSize = std::size_t{256} << 10;
constexpr std::size_t kFrames = 10;

std::span<const std::uint8_t> bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string make_data() {
  std::mt19937 random(1);
  std::string data(kFrames * kFrameSize - 1000, '\0');
  std::generate(data.begin(), data.end(), [&] { return static_cast<char>(random() % 16); });
  return data;
}

// The sink of a std::string.
std::int32_t append(void* text, const void* data, std::size_t size) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(data), size);
  return 0;
}

std::string encode(const std::string& data, std::size_t frame_size = kFrameSize) {
  std::string container;
  Callbacks callbacks;
  callbacks.sink = append;
  callbacks.sink_opaque = &container;
  Parameters parameters(Role::kEncoder);
  REQUIRE(parameters.set(PAXECT_PARAM_FRAME_SIZE, static_cast<std::int64_t>(frame_size)).ok());
  Encoder encoder{Allocator()};
  encoder.begin(parameters, callbacks);
  REQUIRE(encoder.write(bytes(data)).ok());
  REQUIRE(encoder.finish().ok());
  return container;
}

// Where frame `number` begins.
std::size_t offset_of(const std::string& container, std::size_t number) {
  std::size_t offset = kHeaderSize;
  for (; number != 0; --number)
    offset +=
        kFrameHeaderSize + read_frame_header(bytes(container).subspan(offset).first<kFrameHeaderSize>()).clen;
  return offset;
}

std::string damaged_in(std::string container, std::size_t frame) {
  std::size_t at = offset_of(container, frame + 1) - 100;
  container[at] = static_cast<char>(container[at] ^ 1);
  return container;
}

struct Output {
  std::string data;
  std::string sunk;                         // what went to the sink instead
  std::size_t failing_frame = kFrames + 1;  // cannot be written
  Status status;
};

void decode(const std::string& container, unsigned threads, Output& output) {
  std::mutex mutex;
  WriteAt write_at = [&](std::uint64_t offset, std::span<const std::uint8_t> data) -> Status {
    if (offset / kFrameSize == output.failing_frame) return {PAXECT_ERROR_WRITE, 0, 0, "out: cannot write"};
    std::lock_guard lock(mutex);
    output.data.resize(std::max<std::size_t>(output.data.size(), offset + data.size()));
    std::copy(data.begin(), data.end(), output.data.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  };
  Callbacks callbacks;
  callbacks.sink = append;
  callbacks.sink_opaque = &output.sunk;
  Parameters parameters(Role::kDecoder);
  REQUIRE(parameters.set(PAXECT_PARAM_THREADS, threads).ok());
  Decoder decoder{Allocator()};
  decoder.begin_at_offsets(parameters, callbacks, write_at);
  output.status = decoder.write(bytes(container));
  if (output.status.ok()) output.status = decoder.finish();
  decoder.abandon();
}

TEST_CASE("each frame is written at its offset, for any number of threads") {
  std::string data = make_data();
  std::string container = encode(data);
  for (unsigned threads : {1u, 2u, 8u}) {
    Output output;
    decode(container, threads, output);
    CHECK(output.status.ok());
    CHECK(output.data == data);
    CHECK(output.sunk.empty());
  }
}

TEST_CASE("frames that are small, or not a multiple of a block, are written to the sink in order") {
  std::string data = make_data();
  for (std::size_t frame_size : {kFrameSize / 2, kFrameSize + 1}) {
    Output output;
    decode(encode(data, frame_size), 2, output);
    CHECK(output.status.ok());
    CHECK(output.data.empty());
    CHECK(output.sunk == data);
  }
}

TEST_CASE("the first failure in the container is the one reported, of a frame or of its output") {
  std::string container = encode(make_data());
  for (unsigned threads : {1u, 2u, 8u}) {
    INFO(threads << " threads");
    Output output;
    output.failing_frame = 3;
    decode(damaged_in(container, 4), threads, output);
    CHECK(output.status.code == PAXECT_ERROR_WRITE);
    CHECK(output.status.message == "out: cannot write");
    decode(damaged_in(container, 2), threads, output);
    CHECK(output.status.code != PAXECT_ERROR_WRITE);
    CHECK(output.status.frame == 2);
  }
}

}  // namespace
}  // namespace paxect::core
