// Compares the ranges that a report calls exact with the original, for containers from which random parts
// were removed or overwritten, and every number of channels. PAXECT_TEST_LONG=1 tries many more seeds.
#include <cstdlib>
#include <random>

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

std::uint32_t seeds(std::uint32_t usual) {
  return std::getenv("PAXECT_TEST_LONG") != nullptr ? 20 * usual : usual;
}

class Damage {
 public:
  Damage(std::string container, std::size_t frame, std::uint32_t seed)
      : bytes_(std::move(container)), frame_(frame), random_(seed) {}

  std::size_t below(std::size_t limit) {
    return limit < 2 ? 0 : std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  // `removing`: bytes are removed as well as overwritten.
  void hurt(bool removing) {
    if (bytes_.empty()) return;
    const std::size_t sizes[] = {40, frame_ / 2, frame_, 4 * frame_, 8 * frame_};
    std::size_t at = below(bytes_.size());
    std::size_t count = std::min(1 + below(sizes[below(std::size(sizes))]), bytes_.size() - at);
    std::size_t kind = below(removing ? 12 : 6);
    if (kind < 3)
      bytes_.replace(at, count, count, '\0');
    else if (kind < 6)
      bytes_.replace(at, count, noise(count, static_cast<std::uint32_t>(at)));
    else if (kind < 10)
      bytes_.erase(at, count);
    else if (kind == 10)
      bytes_.erase(0, count);
    else
      bytes_.erase(bytes_.size() - count);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::size_t frame_;
  std::mt19937 random_;
};

// Whether the bytes that are reported as confirmed are at their place.
bool right(const Salvaged& result, const std::string& data, std::size_t begin, std::size_t end) {
  for (const Range& range : result.unconfirmed) {
    if (range.end <= begin || range.start >= end) continue;
    if (!right(result, data, begin, std::max(begin, range.start))) return false;
    begin = std::min(range.end, end);
  }
  return begin >= end ||
         (end <= data.size() && result.data.compare(begin, end - begin, data, begin, end - begin) == 0);
}

// A lost range that is exact has the data on both sides at its place. Without lost ranges, all data is.
void check_exact(const Salvaged& result, const std::string& data) {
  std::size_t begin = 0;
  bool exact = false;  // the range before
  for (const Range& range : result.lost) {
    INFO("data [" << begin << ", " << range.start << "), then lost " << range);
    if (exact || range.exact) CHECK(right(result, data, begin, range.start));
    if (range.exact) CHECK(range.end <= data.size());
    exact = range.exact;
    begin = range.end;
  }
  if (begin >= result.data.size()) return;
  INFO("data from " << begin);
  if (exact || result.lost.empty()) CHECK(right(result, data, begin, result.data.size()));
}

struct Tally {
  std::uint32_t partial = 0;
  std::uint32_t exact = 0;  // all ranges are
};

// Payloads are long and short. For every third seed, every fourth frame has the same contents.
std::string sample(std::size_t size, std::size_t frame, std::uint32_t seed) {
  std::string data;
  for (std::uint32_t i = 0; data.size() < size; ++i) {
    std::uint32_t j = seed % 3 == 0 && i % 4 == 1 ? 1 : i;
    std::size_t noisy = (j * 7 + seed) % 4 * frame / 3;
    data += noise(noisy, seed * 1000 + j) + text(frame - noisy, seed * 1000 + j);
  }
  data.resize(size);
  return data;
}

Tally run(std::uint32_t count, int copies, bool removing) {
  Tally tally;
  for (std::uint32_t seed = 0; seed < count; ++seed) {
    std::int64_t channels = 1 + seed % 8;
    std::size_t frame = std::size_t{512} << seed / 8 % 4;
    std::string data = sample((8 + seed % 50) * frame + seed % 3 * 100, frame, seed);
    std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, static_cast<std::int64_t>(frame)},
                                          {PAXECT_PARAM_CHANNELS, channels},
                                          {PAXECT_PARAM_LEVEL, 1},
                                          {PAXECT_PARAM_THREADS, 1}});
    std::vector<std::string> damaged;
    for (int copy = 0; copy < copies; ++copy) {
      Damage damage(container, frame, seed * 7 + static_cast<std::uint32_t>(copy));
      for (std::size_t hits = 1 + damage.below(5); hits != 0; --hits) damage.hurt(removing);
      damaged.push_back(damage.bytes());
    }
    INFO("seed " << seed << ", " << channels << " channels, " << copies << " copies, removing " << removing);
    Salvaged result = salvage(damaged);
    if (result.status == PAXECT_OK) CHECK((result.data == data));
    if (result.status != PAXECT_ERROR_PARTIAL) continue;
    check_exact(result, data);
    ++tally.partial;
    if (std::all_of(result.lost.begin(), result.lost.end(), [](const Range& range) { return range.exact; }))
      ++tally.exact;
  }
  UNSCOPED_INFO(tally.exact << " of " << tally.partial << " all exact");
  return tally;
}

constexpr std::size_t kRemovalFrame = 64;

struct Removal {
  std::size_t channels = 0;
  std::size_t frames = 0;
  std::size_t first = 0;  // of the frames removed
  std::size_t last = 0;   // one after the last of them

  // Whether the frames that remain show it by their channels.
  bool visible() const { return first != 0 && last != frames && (last - first) % channels != 0; }
};

// Calls `check` with each container of a few frames that lacks one run of them.
template <class Check>
void remove_each(bool header, bool footer, Check check) {
  for (std::size_t channels = 1; channels <= 8; ++channels)
    for (std::size_t count : std::initializer_list<std::size_t>{1, 2, 3, 4, 5, 6, 8, 11})
      for (std::size_t shorter : {std::size_t{0}, kRemovalFrame / 2}) {
        std::string data = noise(count * kRemovalFrame - shorter, static_cast<std::uint32_t>(count));
        std::string whole = encode(data, {{PAXECT_PARAM_FRAME_SIZE, kRemovalFrame},
                                          {PAXECT_PARAM_CHANNELS, static_cast<std::int64_t>(channels)},
                                          {PAXECT_PARAM_THREADS, 1}});
        std::vector<Frame> frames = frames_of(whole);
        if (!footer) whole.resize(frames.back().end);
        for (std::size_t first = 0; first < count; ++first)
          for (std::size_t last = first + 1; last <= count; ++last) {
            if (last - first == count) continue;
            std::string copy = whole;
            copy.erase(frames[first].start, frames[last - 1].end - frames[first].start);
            if (!header) copy.erase(0, frames[0].start);
            INFO(channels << " channels, " << count << " frames, the last one " << shorter
                          << " bytes shorter, removed [" << first << ", " << last << ")");
            Salvaged result = salvage({copy});
            CHECK(result.status == PAXECT_ERROR_PARTIAL);
            check_exact(result, data);
            check(Removal{channels, count, first, last}, result);
          }
      }
}

TEST_CASE("a range called exact is at its place whichever frames were removed, with header and footer") {
  std::uint32_t exact = 0;
  std::uint32_t visible = 0;
  remove_each(true, true, [&](const Removal& removal, const Salvaged& result) {
    if (!removal.visible()) return;
    ++visible;
    bool found = result.lost.size() == 1 && result.lost[0].exact;
    if (found) CHECK(result.lost[0].start == removal.first * kRemovalFrame);
    if (found) ++exact;
  });
  INFO(exact << " of " << visible << " exact");
  CHECK(exact * 10 > visible * 7);
}

TEST_CASE("a range called exact is at its place whichever frames were removed together with the header") {
  remove_each(false, true, [](const Removal&, const Salvaged&) {});
}

TEST_CASE("frames that the channels show to be missing are reported when the footer is removed too") {
  remove_each(true, false, [](const Removal& removal, const Salvaged& result) {
    if (!removal.visible()) return;
    REQUIRE(result.lost.size() > 1);
    CHECK(!result.lost.front().exact);
    CHECK(result.lost.front().frames != 0);
    CHECK(result.lost.back().end == UINT64_MAX);
    CHECK(!result.lost.back().exact);
  });
}

TEST_CASE("a range called exact is at its place whichever frames were removed without header and footer") {
  remove_each(false, false, [](const Removal&, const Salvaged&) {});
}

TEST_CASE("a copy does not place frames behind a complete round that may be missing in another copy") {
  for (std::size_t removed = 2; removed < 12; ++removed) {
    std::string data = noise(14 * kRemovalFrame - 10, 1);
    std::string whole = encode(data, {{PAXECT_PARAM_FRAME_SIZE, kRemovalFrame}, {PAXECT_PARAM_CHANNELS, 2}});
    std::vector<Frame> frames = frames_of(whole);
    std::string front = whole.substr(0, frames[2].start);
    std::string gap = whole;
    gap.erase(frames[removed].start, frames[removed + 2].start - frames[removed].start);
    INFO("removed [" << removed << ", " << removed + 2 << ")");
    check_exact(salvage({front, gap}), data);
  }
}

// Its channel field contradicts its place, as does that of a frame from elsewhere.
TEST_CASE("no lost range is exact next to a frame whose channel field contradicts its place") {
  std::string data = noise(20 * kRemovalFrame, 1);
  std::string copy = encode(data, {{PAXECT_PARAM_FRAME_SIZE, kRemovalFrame}, {PAXECT_PARAM_CHANNELS, 4}});
  std::vector<Frame> frames = frames_of(copy);
  std::string lost = zeroed(copy, frames[5].start, 30);
  Salvaged result = salvage({lost});
  REQUIRE(result.lost == std::vector<Range>{{5 * kRemovalFrame, 6 * kRemovalFrame, 1, true}});
  lost[frames[10].start] = static_cast<char>(lost[frames[10].start] ^ 1);
  result = salvage({lost});
  CHECK(result.lost == std::vector<Range>{{5 * kRemovalFrame, 6 * kRemovalFrame, 1, false}});
}

TEST_CASE("a range called exact is at its place when stretches were removed") {
  run(seeds(400), 1, true);
  run(seeds(150), 2, true);
}

TEST_CASE("a range called exact is at its place when stretches were overwritten, and many are exact") {
  Tally tally = run(seeds(300), 1, false);
  CHECK(tally.exact * 10 > tally.partial * 3);
}

}  // namespace
}  // namespace paxect::test
