// The property that salvage guarantees: for any damage, every undamaged frame is recovered at its place, and
// wrong data is reported.
#include <random>

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFrame = 2048;
constexpr std::size_t kSize = 60 * kFrame + 77;
constexpr int kSeeds = 300;

class Damage {
 public:
  Damage(std::string container, std::uint32_t seed)
      : container_(std::move(container)), touched_(container_.size(), false), random_(seed) {}

  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }

  void zero(std::size_t sector) {
    std::size_t at = below(container_.size()) / sector * sector;
    for (std::size_t i = at; i < std::min(at + sector, container_.size()); ++i) set(i, '\0');
  }
  void flip() {
    std::size_t at = below(container_.size());
    set(at, static_cast<char>(container_[at] ^ static_cast<char>(1 + below(255))));
  }
  void garble(std::size_t count) {
    std::size_t at = below(container_.size());
    for (std::size_t i = at; i < std::min(at + count, container_.size()); ++i)
      set(i, static_cast<char>(below(256)));
  }

  const std::string& bytes() const { return container_; }
  bool touched(std::size_t begin, std::size_t end) const {
    return std::find(touched_.begin() + static_cast<std::ptrdiff_t>(begin),
                     touched_.begin() + static_cast<std::ptrdiff_t>(end),
                     true) != touched_.begin() + static_cast<std::ptrdiff_t>(end);
  }

 private:
  void set(std::size_t at, char byte) {
    if (container_[at] == byte) return;
    container_[at] = byte;
    touched_[at] = true;
  }

  std::string container_;
  std::vector<bool> touched_;
  std::mt19937 random_;
};

bool reported(const Salvaged& result, std::size_t begin, std::size_t end) {
  auto covers = [&](const Range& range) { return range.start <= begin && end <= range.end; };
  return std::any_of(result.lost.begin(), result.lost.end(), covers) ||
         std::any_of(result.unconfirmed.begin(), result.unconfirmed.end(), covers);
}

bool all_exact(const Salvaged& result) {
  return std::all_of(result.lost.begin(), result.lost.end(), [](const Range& range) { return range.exact; });
}

struct Tally {
  int estimated =
      0;  // times that it was not certain how many frames are lost where, for all that the footer said
  int whole = 0;
};

// Salvages and checks every frame.
void check(const Damage& damage, const std::vector<Frame>& frames, const std::string& data, Tally& tally) {
  Salvaged result = salvage({damage.bytes()});
  if (result.status == PAXECT_OK) {
    ++tally.whole;
    CHECK((result.data == data));
    return;
  }
  bool certain = all_exact(result);
  bool footer = damage.touched(frames.back().end, damage.bytes().size());
  if (!certain && !footer) ++tally.estimated;
  std::size_t intact = 0;
  for (const Frame& frame : frames) {
    bool same = result.data.size() >= frame.offset + frame.size &&
                result.data.compare(frame.offset, frame.size, data, frame.offset, frame.size) == 0;
    bool untouched = !damage.touched(frame.start, frame.end);
    if (untouched) ++intact;
    INFO("frame at " << frame.start << " of " << frame.size << " bytes");
    if (certain && untouched) CHECK(same);
    if (certain && untouched) CHECK(!reported(result, frame.offset, frame.offset + frame.size));
    if (certain && !same) CHECK(reported(result, frame.offset, frame.offset + frame.size));
  }
  CHECK(result.report.confirmed >= intact);  // none was overlooked, wherever it was put
}

template <class Hurt>
Tally run_seeds(int channels, Hurt hurt) {
  Tally tally;
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    INFO("seed " << seed << ", " << channels << " channels");
    std::string data = motley(kSize, kFrame, seed % 7);
    std::string container = encode(
        data,
        {{PAXECT_PARAM_FRAME_SIZE, kFrame}, {PAXECT_PARAM_CHANNELS, channels}, {PAXECT_PARAM_THREADS, 1}});
    std::vector<Frame> frames = frames_of(container);
    Damage damage(container, seed);
    hurt(damage);
    check(damage, frames, data, tally);
  }
  return tally;
}

constexpr int kMostEstimated = kSeeds / 10;

TEST_CASE("a sector zeroed at random loses only the frames it touches") {
  for (std::size_t sector : {std::size_t{512}, std::size_t{4096}}) {
    Tally tally = run_seeds(1, [&](Damage& damage) { damage.zero(sector); });
    CHECK(tally.estimated < kMostEstimated);
  }
}

TEST_CASE("several sectors zeroed at random lose only the frames they touch") {
  for (int channels : {1, 4}) {
    Tally tally = run_seeds(channels, [](Damage& damage) {
      for (int i = 0; i < 4; ++i) damage.zero(512);
    });
    CHECK(tally.estimated < kSeeds / 2);
  }
}

TEST_CASE("bytes changed at random lose only the frames they are in") {
  Tally tally = run_seeds(2, [](Damage& damage) {
    for (int i = 0; i < 10; ++i) damage.flip();
  });
  CHECK(tally.estimated < kMostEstimated);
}

TEST_CASE("one byte in a hundred changed at random") {
  run_seeds(1, [](Damage& damage) {
    for (std::size_t i = 0; i < damage.bytes().size() / 100; ++i) damage.flip();
  });
}

TEST_CASE("noise over a part of the container loses only the frames it touches") {
  Tally tally = run_seeds(1, [](Damage& damage) { damage.garble(1 + damage.below(20'000)); });
  CHECK(tally.estimated < kMostEstimated);
}

// Salvage may prove the data of the container that was damaged, and no other data.
void check_only(const std::string& copy, const std::string& data) {
  Salvaged result = salvage({copy});
  CHECK((result.report.proven == 1) == (result.status == PAXECT_OK));
  if (result.status == PAXECT_OK) CHECK((result.data == data));
}

TEST_CASE("random damage to a container proves no other one that its data holds") {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    auto any = [&](auto... values) {
      std::int64_t all[] = {values...};
      return all[random() % sizeof...(values)];
    };
    auto size = [&](auto... values) { return static_cast<std::size_t>(any(values...)); };
    // One by one, since compilers evaluate the arguments of a call in different orders.
    const std::size_t inner_size = size(100, 1000, 5000, 20'000);
    const std::int64_t inner_frame = any(512, 4096, 1 << 20);
    const std::int64_t percent = any(0, 0, 25);
    const std::size_t before = size(0, 20, 100, 300, 512);
    const bool is_behind_zeros = random() % 2 == 0;
    const std::size_t behind = size(0, 200, 3000);
    const std::int64_t level = any(-7, 1, 3, 5, 9);
    const std::int64_t frame = any(512, 4096, 1 << 20);
    const std::int64_t channels = any(1, 1, 2);
    const std::string inner = encode(noise(inner_size, seed + 1), {{PAXECT_PARAM_FRAME_SIZE, inner_frame},
                                                                   {PAXECT_PARAM_PROTECT, percent}});
    // Behind zeros or noise: compression then leaves some parts of the inner container visible, but not all.
    const std::string data = (is_behind_zeros ? std::string(before, '\0') : noise(before, seed + 2)) + inner +
                             noise(behind, seed + 3);
    const std::string container = encode(data, {{PAXECT_PARAM_LEVEL, level},
                                                {PAXECT_PARAM_FRAME_SIZE, frame},
                                                {PAXECT_PARAM_CHANNELS, channels},
                                                {PAXECT_PARAM_THREADS, 1}});
    for (std::size_t cut : {std::size_t{45}, std::size_t{60}, size(100, 500, 2000)}) {
      if (cut >= container.size()) continue;
      Damage damage(container.substr(0, container.size() - cut), seed);
      check_only(damage.bytes(), data);
      if (random() % 2 == 0)
        damage.zero(512);
      else
        damage.garble(1 + damage.below(60));
      check_only(damage.bytes(), data);
    }
  }
}

TEST_CASE("what remains of a container proves none that is appended to it") {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    std::string data = motley(random() % 12'000, kFrame, seed % 7);
    std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, seed % 2 == 0 ? 512 : 4096},
                                          {PAXECT_PARAM_CHANNELS, 1 + seed % 3},
                                          {PAXECT_PARAM_PROTECT, seed % 4 == 0 ? 25 : 0},
                                          {PAXECT_PARAM_THREADS, 1}});
    std::string appended = encode(seed % 5 == 0 ? std::string() : noise(5000, seed + 1),
                                  {{PAXECT_PARAM_FRAME_SIZE, 512}, {PAXECT_PARAM_THREADS, 1}});
    // Its header and something more are left of the first; or some of its middle is gone.
    std::size_t kept = 25 + random() % (container.size() - 25);
    check_only(container.substr(0, kept) + appended, data);
    std::size_t gap = 24 + random() % (container.size() - 24);
    check_only(container.substr(0, std::min(gap, kept)) + container.substr(std::max(gap, kept)) + appended,
               data);
  }
}

TEST_CASE("two copies with random damage give every frame that either has") {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    INFO("seed " << seed);
    std::string data = motley(kSize, kFrame, seed % 7);
    std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, kFrame}, {PAXECT_PARAM_THREADS, 1}});
    Damage a(container, 2 * seed);
    Damage b(container, 2 * seed + 1);
    for (int i = 0; i < 4; ++i) {
      a.zero(512);
      b.garble(700);
    }
    Salvaged result = salvage({a.bytes(), b.bytes()});
    for (const paxect_salvage_input& input : result.inputs) CHECK(input.used == 1);
    if (!all_exact(result)) continue;
    for (const Frame& frame : frames_of(container)) {
      bool there = !a.touched(frame.start, frame.end) || !b.touched(frame.start, frame.end);
      INFO("frame at " << frame.start);
      if (there) CHECK(result.data.compare(frame.offset, frame.size, data, frame.offset, frame.size) == 0);
    }
  }
}

}  // namespace
}  // namespace paxect::test
