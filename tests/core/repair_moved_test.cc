// Bytes that were inserted or removed: what is behind them is found again, at one place and at as many as the
// protection restores. Reproducible by the round that is printed.
#include <algorithm>
#include <string>
#include <vector>

#include "repairing.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::test {
namespace {

// Distinct places in a window, so far apart that two whole cells are between any two of them: what is between
// two places is found by such a pair.
std::vector<std::size_t> choose_places(const Window& window, std::size_t count, Random& random) {
  constexpr std::size_t kCells = 4;
  std::vector<std::size_t> parts(window.length / window.cell / kCells);
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = i;
  count = std::min(count, parts.size());
  for (std::size_t i = 0; i < count; ++i) std::swap(parts[i], parts[i + random.below(parts.size() - i)]);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i)
    places.push_back(window.offset + parts[i] * kCells * window.cell + random.below(window.cell));
  return places;
}

// At each of these places, bytes are inserted or removed.
std::string moved(std::string bytes, std::vector<std::size_t> places, std::size_t cell, Random& random) {
  std::sort(places.rbegin(), places.rend());
  for (const std::size_t at : places) {
    const std::size_t count = 1 + random.below(std::min<std::size_t>(cell, 100));
    if (random.below(2) == 0)
      bytes.insert(at, noise(count, random()));
    else
      bytes.erase(at, count);
  }
  return bytes;
}

// What is removed can be of two cells. More shifts than this are not searched for in one window.
std::size_t max_places(const Window& window) { return std::min<std::size_t>(window.parity / 2, 30); }

}  // namespace

TEST_CASE_OF_EACH_SIZE("repair: bytes inserted or removed at one place are found again") {
  Random random(4);
  for_each_percent(kPart, [&](const std::string& container, std::int64_t percent) {
    if (kPart < small || percent < 6) return;
    for (int i = 0; i < rounds(2); ++i) {
      std::size_t at = random() % container.size();
      std::size_t count = 1 + random() % 100;
      INFO("round " << i << ", " << count << " bytes at " << at);
      check_restored(container.substr(0, at) + noise(count, random()) + container.substr(at), container);
      check_restored(container.substr(0, at) + container.substr(std::min(container.size(), at + count)),
                     container);
      std::size_t other = random() % at + 1;
      std::string both = container.substr(0, at) + "x" + container.substr(at);
      both.erase(other, 1);
      check_restored(both, container);
    }
    check_restored(noise(777, 9) + container, container);
    check_restored(container + noise(777, 9), container);
  });
}

TEST_CASE_OF_EACH_SIZE("repair: bytes inserted and removed at many places are found again") {
  Random random(41);
  for_each_percent(kPart, [&](const std::string& container, std::int64_t percent) {
    const std::vector<Window> windows = windows_of(container);
    REQUIRE(windows.size() == 1);
    for (int i = 0; i < rounds(4); ++i) {
      if (kPart >= large_1 && rounds(1) == 1 && random.below(2) != 0) continue;
      const std::size_t max = max_places(windows[0]);
      std::vector<std::size_t> places = choose_places(
          windows[0], i % 2 == 0 ? max : 1 + random.below(std::max<std::size_t>(1, max)), random);
      INFO("round " << i << ", " << percent << " %, " << places.size() << " places");
      check_restored(moved(container, places, windows[0].cell, random), container);
    }
  });
}

// Cells of equal contents stand in for each other, so that they cost no more than others.
TEST_CASE("repair: bytes inserted and removed where most cells are equal cost the cells that they are in") {
  // Frames of zeros, of which each cell occurs at many places.
  const std::string container =
      encode(std::string(16 << 20, '\0'), {{PAXECT_PARAM_PROTECT, 25}, {PAXECT_PARAM_FRAME_SIZE, 2048}});
  const Window window = windows_of(container).at(0);
  Random random(43);
  for (int i = 0; i < rounds(8); ++i) {
    const std::vector<std::size_t> places =
        choose_places(window, std::min<std::size_t>(window.parity / 2, 4), random);
    INFO("round " << i << ", " << places.size() << " places");
    check_restored(moved(container, places, window.cell, random), container);
  }
}

TEST_CASE("repair: cells that equal each other and no cell outside of the moved bytes are found there") {
  // Each of the equal frames takes four cells.
  constexpr std::size_t kFrame = 16384;
  const std::string one = encode(noise(kFrame, 1), {{PAXECT_PARAM_LEVEL, -7}});
  const std::size_t size = kFrame - (one.size() - 24 - 44 - kFrame);
  std::string equal;
  for (int i = 0; i < 60; ++i) equal += noise(size, 2);
  const std::string container = encode(noise(60 * size, 3) + equal + noise(60 * size, 4),
                                       {{PAXECT_PARAM_PROTECT, 6},
                                        {PAXECT_PARAM_LEVEL, -7},
                                        {PAXECT_PARAM_FRAME_SIZE, static_cast<std::int64_t>(size)}});
  const std::vector<Frame> frames = frames_of(container);
  REQUIRE(frames[70].end - frames[70].start == kFrame);
  for (const std::size_t removed : {std::size_t{1}, std::size_t{50}}) {
    std::string damaged = container;
    damaged.erase(frames[120].start + 100, removed);
    damaged.insert(frames[60].start - 100, "inserted");
    check_restored(damaged, container);
  }
}

namespace {

// Data of one block of bytes, again and again.
struct Repeats {
  const char* name;
  std::size_t block;
  std::size_t count;
  std::int64_t frame;
  std::int64_t level;
  std::int64_t percent;
};

std::string container_of(const Repeats& repeats) {
  const std::string block = noise(repeats.block, 6);
  std::string data;
  for (std::size_t i = 0; i < repeats.count; ++i) data += block;
  return encode(data, {{PAXECT_PARAM_PROTECT, repeats.percent},
                       {PAXECT_PARAM_FRAME_SIZE, repeats.frame},
                       {PAXECT_PARAM_THREADS, 1},
                       {PAXECT_PARAM_LEVEL, repeats.level}});
}

}  // namespace

// The cells of one repetition are in all others too, at other offsets than their own.
TEST_CASE("repair: bytes inserted and removed at two places are found again where the data repeats") {
  const Repeats repeats = GENERATE(Repeats{"two equal frames", 262144, 8, 1 << 20, 5, 7},
                                   Repeats{"frames of a short period", 37, 16300, 1000, 1, 13},
                                   Repeats{"frames of a period of 1000", 1000, 600, 1000, 1, 13},
                                   Repeats{"frames of one block each", 4096, 74, 4096, 1, 10});
  INFO(repeats.name);
  const std::string container = container_of(repeats);
  const Window window = windows_of(container).at(0);
  REQUIRE(window.parity >= 4);
  Random random(45);
  for (int i = 0; i < rounds(12); ++i) {
    const std::vector<std::size_t> places = choose_places(window, 2, random);
    INFO("round " << i << ", at " << places[0] << " and " << places[1]);
    check_restored(moved(container, places, window.cell, random), container);
  }
}

// The nearest of two equal cells is not always the one whose neighbours follow it.
TEST_CASE("repair: of a few equal cells, each is tried") {
  // Frames of zeros, of which no period of cells occurs more than twice.
  const std::string container =
      encode(std::string(2'266'760, '\0'),
             {{PAXECT_PARAM_PROTECT, 3}, {PAXECT_PARAM_FRAME_SIZE, 20000}, {PAXECT_PARAM_LEVEL, 5}});
  REQUIRE(windows_of(container).at(0).cell == 64);
  // A piece is there twice, two are gone, and behind the second copy of the list nothing is left.
  std::string damaged = container.substr(0, 131) + container.substr(45, 1591 - 45) +
                        container.substr(1594, 1762 - 1594) + container.substr(1891, 4282 - 1891);
  damaged.resize(container.size() + 5);
  check_restored(damaged, container);
}

TEST_CASE("repair: lost cells are taken from equal ones where the parity does not suffice") {
  const std::string container =
      encode(std::string(16 << 20, '\0'), {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_FRAME_SIZE, 2048}});
  const Window window = windows_of(container).at(0);
  check_restored(zeroed(container, window.length / 4, window.length / 3), container);
  // Not from cells of which one copy of the list has the checksums in a wrong place.
  const std::string damaged = zeroed(container, window.length / 4, window.length / 3);
  std::string moved_list = damaged;
  int moved = 0;
  for (std::size_t at = 0; (at = moved_list.find("\xd1PXheal\x1a", at)) != std::string::npos; at += 64)
    if (moved_list[at + 12] == 1 && moved_list[at + 15] == 1) {
      moved_list.insert(at + 64, "list");
      moved_list.erase(at + 64 + 400, 4);
      ++moved;
    }
  REQUIRE(moved != 0);
  const Repaired expected = repair({damaged});
  const Repaired result = repair({moved_list});
  CHECK(result.message == "");
  CHECK((result.container == container));
  CHECK(result.report.damaged == expected.report.damaged);
}

TEST_CASE("repair: of moved cells, those are not taken that one list has at the places of others") {
  const std::string container = protect(kSamples[large], 6);
  const Window window = windows_of(container).at(0);
  // A record of 1008 entries in the last copy of the list, of which 100 bytes, 25 entries, are gone.
  std::size_t list = 0;
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    if (container[at + 12] == 1 && container[at + 15] == 2) list = at;
  REQUIRE(list > window.length);
  Random random(44);
  for (int i = 0; i < rounds(20); ++i) {
    const std::vector<std::size_t> places = choose_places(window, 3, random);
    INFO("round " << i);
    std::string damaged = container;
    const std::size_t entry = random.below(100);
    damaged.erase(list + 64 + 4 * entry, 4 * (1 + random.below(25)));
    check_restored(moved(damaged, places, window.cell, random), container);
  }
}

namespace {

// Bytes inserted in the first frame header and at `at`: where the container begins has to be searched for.
std::string inserted_twice(std::string container, std::size_t at) {
  container.insert(at, noise(59, 1));
  container.insert(30, noise(80, 2));
  return container;
}

}  // namespace

TEST_CASE("repair: bytes inserted in the first frame header and behind it are not another container") {
  const std::string container = protect(kSamples[small], 25);
  const Window window = windows_of(container).front();
  const std::string damaged = inserted_twice(container, 20 * window.cell + 7);
  check_restored(damaged, container);
}

TEST_CASE("repair: equal frames at the beginning do not end the search for where the container begins") {
  // Frames of zeros of an odd size: a cell of them is at every offset.
  constexpr std::size_t kFrame = 2048;
  constexpr std::size_t kZeros = std::size_t{1} << 26;
  const std::string zeros =
      encode(std::string(kFrame, '\0'), {{PAXECT_PARAM_FRAME_SIZE, kFrame}, {PAXECT_PARAM_LEVEL, 1}});
  const std::size_t frame = zeros.size() - 24 - 44;
  REQUIRE(frame % 2 == 1);
  const std::string container =
      encode(std::string(kZeros, '\0') + noise(600'000, 1),
             {{PAXECT_PARAM_PROTECT, 25}, {PAXECT_PARAM_FRAME_SIZE, kFrame}, {PAXECT_PARAM_LEVEL, 1}});
  const Window window = windows_of(container).front();
  const std::size_t end = 24 + kZeros / kFrame * frame;
  REQUIRE(end / window.cell > 5 * frame);  // of more than four cells each
  REQUIRE(window.length > end + 60 * window.cell);
  const std::string damaged = inserted_twice(container, end + 30 * window.cell);
  check_restored(damaged, container);
}

TEST_CASE("repair: a caller who cancels it at any time is not told that it cannot be repaired") {
  const std::string container = protect(kSamples[large], 25);
  const Window window = windows_of(container).front();
  const std::string damaged = inserted_twice(container, 20 * window.cell + 7);
  const MemoryFile file(damaged);
  Repairer repairer = make_repairer({{PAXECT_PARAM_THREADS, 1}});
  REQUIRE(paxect_repairer_add_fd(repairer.get(), file.fd(), "copy") == PAXECT_OK);
  struct Calls {
    int left = 0;

    static std::int32_t count(void* self, std::uint64_t /*in*/, std::uint64_t /*out*/) {
      return static_cast<Calls*>(self)->left-- == 0 ? 1 : 0;
    }
  };
  int cancelled = 0;
  for (paxect_status status = PAXECT_ERROR_CANCELLED; status != PAXECT_OK; ++cancelled) {
    INFO("cancelled at call " << cancelled);
    Calls calls{cancelled};
    REQUIRE(paxect_repairer_set_progress(repairer.get(), Calls::count, &calls) == PAXECT_OK);
    status = paxect_repairer_check(repairer.get());
    const bool is_cancelled = calls.left < 0;
    INFO(paxect_repairer_error_message(repairer.get()));
    REQUIRE(status == (is_cancelled ? PAXECT_ERROR_CANCELLED : PAXECT_OK));
  }
  CHECK(cancelled > 10);
}

// A test of its own for each percentage, so that none takes long with PAXECT_TEST_LONG.
TEMPLATE_TEST_CASE_SIG(
    "repair: bytes inserted and removed in every window and between windows are found again", "",
    ((int kPercent), kPercent), 6, 25, 50) {
  const std::string container = encode(
      noise(40 << 20, 8),
      {{PAXECT_PARAM_PROTECT, kPercent}, {PAXECT_PARAM_LEVEL, -7}, {PAXECT_PARAM_FRAME_SIZE, 1 << 20}});
  const std::vector<Window> windows = windows_of(container);
  REQUIRE(windows.size() == 3);
  Random random(42);
  for (int i = 0; i < std::max(1, rounds(1) / 6); ++i) {
    std::vector<std::size_t> places;
    for (const Window& window : windows) {
      const std::vector<std::size_t> more = choose_places(window, max_places(window), random);
      places.insert(places.end(), more.begin(), more.end());
      // One in the extension frame behind it.
      places.push_back(window.offset + window.length + random.below(1 << 20));
    }
    INFO("round " << i << ", " << places.size() << " places");
    check_restored(moved(container, places, windows[0].cell, random), container);
  }
}

}  // namespace paxect::test
