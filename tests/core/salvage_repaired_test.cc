// What a repair of damaged copies proves, a salvage of them gives: all data, proven. Random damage,
// reproducible by the round that is printed.
#include <algorithm>
#include <string>
#include <vector>

#include "repairing.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kStart = 24 + 14;  // header and first frame header

struct Original {
  std::string data;
  std::string container;
  bool is_nested = false;
};

// Compressed data, noise that is stored as it is, or another container that is.
Original make_original(Random& random, bool may_be_nested) {
  const std::size_t size = 300 + random.below(60'000);
  std::string data = random.below(2) == 0 ? noise(size, random()) : motley(size, 3000, random());
  const bool is_nested = may_be_nested && random.below(3) == 0;
  if (is_nested)
    data = noise(random.below(3000), random()) +
           encode(data, {{PAXECT_PARAM_FRAME_SIZE, 500 + static_cast<std::int64_t>(random.below(4000))}});
  const std::int64_t percents[] = {3, 10, 25, 50};
  const std::int64_t frames[] = {700, 4096, 20000, 1 << 20};
  std::string container = encode(data, {{PAXECT_PARAM_PROTECT, percents[random.below(4)]},
                                        {PAXECT_PARAM_FRAME_SIZE, frames[random.below(4)]},
                                        {PAXECT_PARAM_CHANNELS, random.below(2) == 0 ? 1 : 3},
                                        {PAXECT_PARAM_LEVEL, 1},
                                        {PAXECT_PARAM_THREADS, 1}});
  return {std::move(data), std::move(container), is_nested};
}

std::string hit(std::string bytes, Random& random) {
  const std::size_t at = random.below(bytes.size());
  const std::size_t size = std::min(1 + random.below(bytes.size() / 16 + 1), bytes.size() - at);
  switch (random.below(8)) {
    case 0:
      return zeroed(std::move(bytes), at, size);
    case 1:
      return overwritten(std::move(bytes), at, size, random);
    case 2:
      return bytes.erase(at, 1 + random.below(100));
    case 3:
      return bytes.insert(at, noise(1 + random.below(100), random()));
    case 4: {
      const std::string piece = bytes.substr(at, size);  // to another place
      bytes.erase(at, size);
      return bytes.insert(random.below(bytes.size() + 1), piece);
    }
    case 5: {
      const std::string piece = bytes.substr(at, size);  // over another place
      const std::size_t to = random.below(bytes.size() - size + 1);
      return bytes.replace(to, size, piece);
    }
    case 6:
      return random.below(2) == 0 ? bytes.substr(size) : bytes.substr(0, bytes.size() - size);
    default:
      for (int i = 0; i < 4; ++i) {
        const std::size_t flip = random.below(bytes.size());
        bytes = overwritten(std::move(bytes), flip, 1, random);
      }
      return bytes;
  }
}

// Where something else precedes the container, or both of its ends are lost, it may have been a part of
// another one.
bool may_be_a_part(const std::string& copy, const std::string& container) {
  return copy.find("\xd1PXheal\x1a") == std::string::npos ||
         copy.compare(0, kStart, container, 0, kStart) != 0;
}

// Whether the copies could be repaired.
bool check(const std::vector<std::string>& copies, const Original& original) {
  const Repaired repaired = repair(copies);
  if (repaired.status != PAXECT_OK) return false;
  REQUIRE((repaired.container == original.container));
  const Salvaged result = salvage(copies);
  INFO(result.message);
  CHECK((result.data == original.data));
  if (result.status != PAXECT_OK) {
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.report.contested == 1);
    // The frames of the container in the data can look like another container that one of the copies is.
    if (original.is_nested && copies.size() > 1) return true;
    CHECK(std::all_of(copies.begin(), copies.end(),
                      [&](const std::string& copy) { return may_be_a_part(copy, original.container); }));
  }
  CHECK(result.lost.empty());
  CHECK(result.unconfirmed.empty());
  CHECK(result.report.confirmed == result.report.frames);
  CHECK(result.report.size == original.data.size());
  return true;
}

}  // namespace

TEST_CASE("salvage: what a repair of a damaged copy proves is whole") {
  Random random(51);
  int repaired = 0;
  for (int i = 0; i < rounds(300); ++i) {
    INFO("round " << i);
    const Original original = make_original(random, true);
    std::string damaged = original.container;
    for (std::size_t hits = 1 + random.below(4); hits != 0; --hits) damaged = hit(std::move(damaged), random);
    if (check({damaged}, original)) ++repaired;
  }
  CHECK(repaired > rounds(300) / 4);
}

TEST_CASE("salvage: bytes inserted in the first ones of a repairable copy do not make it another container") {
  const std::string data = noise(50'000, 7);
  const std::string container = encode(data, {{PAXECT_PARAM_PROTECT, 6}});
  for (std::size_t at = 1; at < kStart - 4; ++at) {
    INFO("inserted at " << at);
    const Salvaged result = salvage({container.substr(0, at) + "SEVEN##" + container.substr(at)});
    CHECK(result.status == PAXECT_OK);
    CHECK((result.data == data));
  }
  // A file that holds the container may begin with the same byte.
  const Salvaged archived = salvage({"PK\3\4" + noise(40, 1) + container});
  CHECK(archived.status == PAXECT_ERROR_PARTIAL);
  CHECK(archived.report.contested == 1);
}

TEST_CASE("salvage: what a repair of several damaged copies proves is whole") {
  Random random(52);
  int repaired = 0;
  for (int i = 0; i < rounds(150); ++i) {
    INFO("round " << i);
    const Original original = make_original(random, true);
    std::vector<std::string> copies(2 + random.below(2), original.container);
    for (std::string& copy : copies)
      for (std::size_t hits = 1 + random.below(6); hits != 0; --hits) copy = hit(std::move(copy), random);
    if (check(copies, original)) ++repaired;
  }
  CHECK(repaired > rounds(150) / 4);
}

TEST_CASE("salvage: the digest of a footer that is damaged comes from the records of protection") {
  Random random(53);
  const Original original = make_original(random, false);
  std::string damaged = original.container;
  damaged[damaged.size() - 7] ^= 1;
  CHECK(check({damaged}, original));
  CHECK(salvage({damaged}).status == PAXECT_OK);
}

TEST_CASE("salvage: a repaired container with bytes before it is written and not proven") {
  Random random(54);
  const Original original = make_original(random, false);
  const std::string damaged = noise(50, 1) + original.container;
  CHECK(check({damaged}, original));
  CHECK(salvage({damaged}).status == PAXECT_ERROR_PARTIAL);
  CHECK(salvage({damaged, zeroed(original.container, 40, 100)}).status == PAXECT_OK);
}

TEST_CASE("salvage: bytes inserted in the header are not before the container") {
  Random random(55);
  for (const std::size_t at : {4u, 25u, 33u}) {
    INFO("at " << at);
    const Original original = make_original(random, false);
    const std::string damaged =
        original.container.substr(0, at) + noise(100, 3) + original.container.substr(at);
    const Salvaged result = salvage({damaged});
    CHECK(result.message == "");
    CHECK(result.status == PAXECT_OK);
    CHECK((result.data == original.data));
  }
}

// A frame of the second copy is at the place of another one, and valid.
TEST_CASE("salvage: a copy that is complete and proven gives all data, whatever the other copies hold") {
  for (const std::int64_t percent : {0, 6}) {
    INFO(percent << " %");
    const std::string data = noise(30 * 700, 9);
    const std::string container =
        encode(data, {{PAXECT_PARAM_PROTECT, percent}, {PAXECT_PARAM_FRAME_SIZE, 700}});
    const std::vector<Frame> frames = frames_of(container);
    auto frame = [&](std::size_t number) {
      return container.substr(frames[number].start, frames[number].end - frames[number].start);
    };
    std::string moved = container;
    moved.replace(frames[7].start, frame(7).size(), frame(12));
    for (const auto& copies : {std::vector{moved, container}, std::vector{container, moved}}) {
      const Salvaged result = salvage(copies);
      CHECK(result.message == "");
      CHECK(result.status == PAXECT_OK);
      CHECK((result.data == data));
    }
  }
}

}  // namespace paxect::test
