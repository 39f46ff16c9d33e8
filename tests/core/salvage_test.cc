// Salvage through the C ABI: each kind of damage, with exactly what must be lost.

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "vectors.h"

namespace paxect::test {
namespace {

using namespace twenty_frames;

std::string sample(int channels = 1) { return twenty_frames::sample({{PAXECT_PARAM_CHANNELS, channels}}); }

Range frames_lost(std::size_t first, std::size_t count, bool exact = true) {
  return {first * kFrame, std::min((first + count) * kFrame, kSize), count, exact};
}

// The data with lost ranges as zeros.
std::string with_holes(std::string data, const std::vector<Range>& holes) {
  for (const Range& hole : holes) data = zeroed(std::move(data), hole.start, hole.end - hole.start);
  return data;
}

void check_whole(const Salvaged& result) {
  CHECK(result.status == PAXECT_OK);
  CHECK(result.report.proven == 1);
  CHECK(result.data == sample_data());
  CHECK(result.lost.empty());
  CHECK(result.unconfirmed.empty());
  CHECK(result.report.confirmed == kFrames);
}

bool all_zero(const Range& range) {
  return sample_data().compare(range.start, range.end - range.start,
                               std::string(range.end - range.start, '\0')) == 0;
}

// When the lost data was zeros, and zeros replace it, the SHA-256 proves the data.
void check_lost(const Salvaged& result, const std::vector<Range>& lost) {
  if (std::all_of(lost.begin(), lost.end(), all_zero)) return check_whole(result);
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.report.proven == 0);
  CHECK(result.lost == lost);
  CHECK(result.unconfirmed.empty());
  CHECK(result.data == with_holes(sample_data(), lost));
}

TEST_CASE("an undamaged container gives its data, proven") {
  for (int channels : {1, 2, 4, 8}) check_whole(salvage({sample(channels)}));
  Salvaged empty = salvage({encode("")});
  CHECK(empty.status == PAXECT_OK);
  CHECK(empty.data.empty());
}

TEST_CASE("every good vector is salvaged completely") {
  for (const Vector& vector : load_vectors()) {
    if (vector.exit != 0) continue;
    INFO(vector.name);
    Salvaged result = salvage({vector.container});
    CHECK(result.status == PAXECT_OK);
    CHECK(result.data == vector.data);
  }
}

TEST_CASE("a destroyed payload loses its frame and nothing else") {
  std::string container = sample();
  for (const Frame& frame : frames_of(container)) {
    std::size_t number = frame.offset / kFrame;
    INFO("frame " << number);
    std::size_t size = frame.end - frame.payload;
    check_lost(salvage({zeroed(container, frame.payload, size)}), {frames_lost(number, 1)});
  }
}

TEST_CASE("extension frames before the footer leave no doubt about where lost frames were") {
  // The last frame is as long as the others, so that it alone does not show that it is the last one.
  const std::string data = noise(kFrames * kFrame, 5);
  const std::string container =
      encode(data, {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_FRAME_SIZE, std::int64_t{kFrame}}});
  const std::vector<Frame> frames = frames_of(container);
  for (const std::size_t first : {std::size_t{1}, std::size_t{7}, kFrames - 7}) {
    const std::size_t size = frames[first + 6].end - frames[first].start;
    const Salvaged result = salvage({zeroed(container, frames[first].start, size)});
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.lost == std::vector<Range>{{first * kFrame, (first + 7) * kFrame, 7, true}});
    CHECK((result.data == zeroed(data, first * kFrame, 7 * kFrame)));
  }
}

TEST_CASE("a destroyed frame with its header loses that frame and nothing else") {
  std::string container = sample();
  for (const Frame& frame : frames_of(container)) {
    std::size_t number = frame.offset / kFrame;
    INFO("frame " << number);
    check_lost(salvage({zeroed(container, frame.start, frame.end - frame.start)}), {frames_lost(number, 1)});
  }
}

TEST_CASE(
    "a destroyed frame header loses nothing: the payload has its length, and the SHA-256 proves the rest") {
  std::string container = sample(4);
  for (const Frame& frame : frames_of(container)) {
    INFO("frame " << frame.offset / kFrame);
    check_whole(salvage({zeroed(container, frame.start, 14)}));
    for (std::size_t field : {0u, 2u, 6u, 10u}) {
      std::string damaged = container;
      damaged[frame.start + field] = static_cast<char>(damaged[frame.start + field] ^ 0x55);
      check_whole(salvage({damaged}));
    }
  }
}

TEST_CASE("a destroyed frame header loses nothing when the first bytes of the payload are destroyed too") {
  for (int channels : {1, 4}) {
    std::string container = sample(channels);
    for (const Frame& frame : frames_of(container)) {
      INFO("frame " << frame.offset / kFrame);
      check_whole(salvage({zeroed(container, frame.start, 14 + 7)}));  // up to the first block's header
      for (std::size_t at = 0; at < 7; ++at) {
        std::string damaged = container;
        damaged[frame.payload + at] = static_cast<char>(damaged[frame.payload + at] ^ 0x40);
        check_whole(salvage({damaged}));
      }
    }
  }
}

TEST_CASE("data that decompresses but differs from its CRC-32 is written and reported") {
  std::string container = sample();
  Frame frame = frames_of(container)[0];
  for (const Frame& other : frames_of(container))
    if (other.end - other.payload > kFrame) frame = other;  // noise: a changed byte still decompresses
  std::string damaged = container;
  damaged[frame.payload + 100] = static_cast<char>(damaged[frame.payload + 100] ^ 1);
  Salvaged result = salvage({damaged});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.lost.empty());
  CHECK(result.unconfirmed == std::vector<Range>{frames_lost(frame.offset / kFrame, 1)});
  CHECK(result.report.unconfirmed == 1);
  std::string data = sample_data();
  CHECK(result.data.size() == data.size());
  CHECK(result.data.substr(0, frame.offset) == data.substr(0, frame.offset));
  CHECK(result.data.substr(frame.offset + kFrame) == data.substr(frame.offset + kFrame));
}

TEST_CASE("a lost footer leaves all data, unproven") {
  std::string container = sample();
  for (const std::string& damaged :
       {container.substr(0, container.size() - 44), container.substr(0, container.size() - 1),
        zeroed(container, container.size() - 44, 44)}) {
    Salvaged result = salvage({damaged});
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.data == sample_data());
    CHECK(result.report.footer_input == -1);
    CHECK(result.report.size_known == 0);
    CHECK(result.report.lost == 0);
    CHECK(paxect_status_exit_code(result.status) == 2);
  }
}

TEST_CASE("a footer whose digest is damaged still gives the counts") {
  std::string container = sample();
  std::string damaged = zeroed(container, container.size() - 8, 8);
  Salvaged result = salvage({damaged});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.data == sample_data());
  CHECK(result.report.size_known == 1);
  CHECK(result.report.lost == 0);
}

TEST_CASE("a lost or wrong header is rebuilt from the frames") {
  for (int channels : {1, 3, 8}) {
    std::string container = sample(channels);
    Salvaged result = salvage({zeroed(container, 0, 24)});
    check_whole(result);
    CHECK(result.report.header_input == -1);
    CHECK(result.report.frame_size == kFrame);
    CHECK(result.report.channels == static_cast<std::uint32_t>(channels));
    check_whole(salvage({container.substr(24)}));
    check_whole(salvage({container.substr(10)}));
    std::string wrong = container;
    wrong[13] = 0x10;  // frame size
    wrong[16] = 5;     // channels
    check_whole(salvage({wrong}));
  }
  CHECK(salvage({sample()}).report.header_input == 0);
}

TEST_CASE("a truncated container gives all complete frames") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  std::size_t cut = frames[12].start + 200;
  Salvaged result = salvage({container.substr(0, cut)});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.data.substr(0, 12 * kFrame) == sample_data().substr(0, 12 * kFrame));
  CHECK(result.report.confirmed == 12);
  REQUIRE(result.lost.size() == 2);
  CHECK(result.lost[0] == Range{12 * kFrame, 13 * kFrame, 1, true});  // its header is still there
  CHECK(result.lost[1] == Range{13 * kFrame, UINT64_MAX, 0, false});
}

TEST_CASE("inserted bytes lose at most the frame they are in") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  std::string junk = noise(777);
  for (std::size_t at : {frames[7].start, frames[7].payload, frames[19].end, container.size()}) {
    INFO("at " << at);
    check_whole(salvage({std::string(container).insert(at, junk)}));
  }
  // Bytes before the first frame may be the rest of a container whose data this one is.
  for (std::size_t at : {std::size_t{0}, std::size_t{24}}) {
    INFO("at " << at);
    Salvaged result = salvage({std::string(container).insert(at, junk)});
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.report.contested == 1);
    CHECK((result.data == sample_data()));
    check_whole(salvage({std::string(container).insert(at, junk), container}));
  }
  std::string inside = container;
  inside.insert(frames[7].payload + 50, junk);
  check_lost(salvage({inside}), {frames_lost(7, 1)});
}

// All frames are confirmed, and none is lost. Only the SHA-256 shows that some are not at their place.
TEST_CASE("frames that were swapped or repeated are reported as not certain to be at their place") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  auto bytes = [&](std::size_t i) {
    return container.substr(frames[i].start, frames[i].end - frames[i].start);
  };
  auto between = [&](std::size_t i, std::size_t j) {
    return container.substr(frames[i].end, frames[j].start - frames[i].end);
  };
  std::string before = container.substr(0, frames[4].start);
  std::string behind = container.substr(frames[9].end);
  for (const std::string& damaged : {before + bytes(9) + between(4, 9) + bytes(4) + behind,
                                     before + bytes(9) + between(4, 9) + bytes(9) + behind}) {
    Salvaged result = salvage({damaged});
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.report.confirmed == kFrames);
    CHECK(result.report.lost == 0);
    CHECK(result.lost == std::vector<Range>{{0, 0, 0, false}});
    CHECK(result.unconfirmed.empty());
    CHECK(result.data.size() == kSize);
  }
}

TEST_CASE("removed bytes lose the frames they were in") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  std::string inside = container;
  check_lost(salvage({inside.erase(frames[7].payload + 50, 20)}), {frames_lost(7, 1)});
  std::string across = container;
  across.erase(frames[7].payload + 50, frames[9].payload + 50 - frames[7].payload - 50);
  check_lost(salvage({across}), {frames_lost(7, 3)});
  std::string header = container;
  check_whole(salvage({header.erase(frames[7].start + 3, 5)}));
}

TEST_CASE("frames removed without a trace are counted, and their place is reported as an estimate") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  container.erase(frames[7].start, frames[9].start - frames[7].start);
  Salvaged result = salvage({container});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.report.lost == 2);
  CHECK(result.report.size == kSize);
  REQUIRE(result.lost.size() == 1);
  CHECK(!result.lost[0].exact);
}

TEST_CASE("the round of channels shows where frames were removed") {
  std::string container = sample(4);
  std::vector<Frame> frames = frames_of(container);
  container.erase(frames[7].start, frames[9].start - frames[7].start);
  check_lost(salvage({container}), {frames_lost(7, 2)});
  std::string no_footer = container.substr(0, container.size() - 44);
  Salvaged result = salvage({no_footer});
  REQUIRE(result.lost.size() == 2);
  CHECK(result.lost[0].start == 7 * kFrame);
  CHECK(result.lost[0].end == 9 * kFrame);
  CHECK(!result.lost[0].exact);  // it may have been a round more
  CHECK(result.lost[1].end == UINT64_MAX);
}

TEST_CASE("zeroed sectors lose the frames they touch, at their exact places") {
  for (int channels : {1, 4}) {
    std::string container = sample(channels);
    std::vector<Frame> frames = frames_of(container);
    for (std::size_t sector : {512u, 4096u}) {
      for (std::size_t at = 0; at < container.size(); at += sector) {
        INFO("sector of " << sector << " at " << at << ", " << channels << " channels");
        std::string damaged = zeroed(container, at, sector);
        std::string data = sample_data();
        Salvaged result = salvage({damaged});
        bool footer = at + sector > frames.back().end;  // then nobody knows how long the data was
        CHECK((result.data.size() == data.size() || footer));
        std::size_t lost = 0;
        for (const Frame& frame : frames) {
          if (frame.payload < at + sector && at < frame.end) {
            ++lost;
            continue;
          }
          CHECK(result.data.compare(frame.offset, frame.size, data, frame.offset, frame.size) == 0);
        }
        CHECK(result.report.lost <= lost);
        for (const Range& range : result.lost) CHECK((range.exact || footer));
      }
    }
  }
}

TEST_CASE("swapped sectors lose the frames they touch") {
  std::string container = sample();
  std::string data = sample_data();
  std::size_t a = 3 * 512;
  std::size_t b = (container.size() / 512 - 5) * 512;
  std::string damaged = container;
  damaged.replace(a, 512, container, b, 512);
  damaged.replace(b, 512, container, a, 512);
  Salvaged result = salvage({damaged});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  for (const Frame& frame : frames_of(container)) {
    bool touched = (frame.start < a + 512 && a < frame.end) || (frame.start < b + 512 && b < frame.end);
    if (!touched) CHECK(result.data.compare(frame.offset, frame.size, data, frame.offset, frame.size) == 0);
  }
  CHECK(result.report.confirmed >= kFrames - 4);
}

TEST_CASE("a footer whose SHA-256 is damaged in part shows that the data is at its place") {
  std::string container = sample();
  std::string data = sample_data();
  std::size_t digest = container.size() - 32;
  for (std::size_t damaged : {std::size_t{1}, std::size_t{16}}) {
    CAPTURE(damaged);
    std::string copy = container;
    for (std::size_t i = 0; i < damaged; ++i) copy[digest + i] = static_cast<char>(~copy[digest + i]);
    Salvaged result = salvage({copy});
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.message == "the data is not proven: " + std::to_string(damaged) +
                                " of the 32 bytes of the footer's SHA-256 are damaged");
    CHECK(result.data == data);
    CHECK(result.report.proven == 0);
    CHECK(result.lost.empty());
  }
  Salvaged result = salvage({zeroed(container, digest, 32)});
  CHECK(result.message == "the data is not proven: its SHA-256 differs from the footer's");
  CHECK(result.lost == std::vector<Range>{{0, 0, 0, false}});
}

TEST_CASE("with skip, lost data is left out") {
  std::string container = sample();
  Frame frame = frames_of(container)[5];
  Salvaged result = salvage({zeroed(container, frame.start, 600)}, {{PAXECT_PARAM_FILL, PAXECT_FILL_SKIP}});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.lost == std::vector<Range>{frames_lost(5, 1)});
  CHECK(result.data == sample_data().erase(5 * kFrame, kFrame));
  CHECK(result.report.written == kSize - kFrame);
}

TEST_CASE("a file without a frame gives NOTHING") {
  for (const std::string& bytes :
       {std::string(), std::string("PXC1"), noise(300'000), std::string(100'000, '\0'), text(100'000),
        sample().substr(0, 30), std::string(44, '\0')}) {
    Salvaged result = salvage({bytes});
    CHECK(result.status == PAXECT_ERROR_NOTHING);
    CHECK(paxect_status_exit_code(result.status) == 4);
    CHECK(result.data.empty());
  }
}

TEST_CASE("the frames of a container in the data are not salvaged as frames") {
  std::string inner =
      encode(std::string(100 * kFrame, 'x') + text(50 * kFrame), {{PAXECT_PARAM_FRAME_SIZE, kFrame}});
  std::string data = noise(3000) + inner + noise(40'000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 16384}, {PAXECT_PARAM_LEVEL, -5}});
  std::vector<Frame> frames = frames_of(container);
  for (const Frame& frame : frames) {
    INFO("frame at " << frame.start);
    Salvaged result = salvage({zeroed(container, frame.payload, 30)});
    CHECK(result.report.lost == 1);
    CHECK(result.data.size() == data.size());
    std::string expected = data;
    CHECK(result.data == zeroed(expected, frame.offset, frame.size));
  }
}

}  // namespace
}  // namespace paxect::test
