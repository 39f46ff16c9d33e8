// Repair from several copies: each gives what the others have lost, and none makes a repair fail that
// succeeds without it, garbage included.
#include <array>
#include <string>
#include <vector>

#include "repairing.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFooter = 44;

// The entries of its lists as random bytes, those of one window or of all; with headers, nothing is left of
// the lists.
struct Garbage {
  int window = -1;  // all
  bool headers = false;
};
std::string with_garbage_lists(std::string container, Random& random, const Garbage& garbage = {}) {
  constexpr std::size_t kHeader = 64;
  constexpr std::size_t kWindow = 32;   // its number, in the header
  constexpr std::size_t kEntries = 58;  // their number
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; at += kHeader) {
    if (container.size() - at < kHeader || container[at + 12] != 1) continue;
    if (garbage.window >= 0 && container[at + kWindow] != garbage.window) continue;
    const std::size_t count = static_cast<unsigned char>(container[at + kEntries]) +
                              std::size_t{256} * static_cast<unsigned char>(container[at + kEntries + 1]);
    if (garbage.headers) container = overwritten(std::move(container), at, kHeader, random);
    container = overwritten(std::move(container), at + kHeader, 4 * count, random);
  }
  return container;
}

// Of two windows, and the same with 6 % of the first one lost.
struct TwoWindows {
  static constexpr std::size_t kFrame = 1 << 20;
  std::string data = noise(20 * kFrame, 8);
  std::string container = encode(data, {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_LEVEL, -7}});
  std::size_t second = 18'000'000;  // in a frame of the second window, 800,000 bytes before its end
  std::string without_piece = zeroed(container, 5 * kFrame, kFrame - 80000);
};

// 8 MiB, of which the cut took all checksums of the last cells.
struct WithoutLastChecksums {
  std::string container = encode(
      noise(8 << 20, 1), {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_CHANNELS, 4}, {PAXECT_PARAM_LEVEL, 1}});
  std::string cut = container.substr(0, frames_of(container)[8].start + std::size_t{2} * 4096);
};

}  // namespace

TEST_CASE("repair: of two copies, each gives what the other has lost") {
  std::string container = protect(kSamples[5], 1);
  std::size_t half = container.size() / 2;
  std::string front = zeroed(container, half, container.size());
  std::string back = zeroed(container, 0, half - 5000);
  CHECK(repair({front}).status == PAXECT_ERROR_NO_PROTECTION);
  const Repaired alone = repair({back});
  CHECK(alone.status == PAXECT_ERROR_DAMAGED);
  CHECK(alone.report.reason == 0);
  Repaired both = repair({front, back});
  REQUIRE(both.status == PAXECT_OK);
  CHECK(both.report.reason == 0);
  CHECK(both.container == container);
  CHECK(repair({back, container.substr(0, half)}).container == container);
}

TEST_CASE("repair: copies of different containers are refused by name") {
  auto two = [](const std::string& a, const std::string& b) {
    Repaired result = repair({a, b});
    CHECK(result.status == PAXECT_ERROR_DAMAGED);
    CHECK(result.message.find("copies of different containers") != std::string::npos);
    CHECK(result.report.reason == PAXECT_REPAIR_DIFFERENT_COPIES);
    CHECK(result.container.empty());
  };
  two(protect(kSamples[4], 25), protect(kSamples[3], 25));
  // Two versions of data, of which the first window is the same.
  std::string same = noise(17000000, 1);
  Parameters options{{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_LEVEL, 1}};
  two(encode(same + noise(3000000, 2), options), encode(same + noise(3000000, 3), options));
  // All records of one are there, but a byte or some before them are gone or added.
  const std::string mine = protect(kSamples[4], 10);
  const std::string other = encode(noise(300000, 77), {{PAXECT_PARAM_PROTECT, 10}});
  for (const std::string& moved : {mine.substr(1), mine.substr(0, 1000) + mine.substr(1001),
                                   mine.substr(0, 1000) + "added" + mine.substr(1000)}) {
    CHECK(repair({moved}).container == mine);
    two(moved, other);
    two(other, moved);
  }
}

TEST_CASE("repair: a whole copy of another version of the data is refused, with protection or without") {
  const std::string data = noise(200000, 11);
  std::string changed = data;
  changed.replace(777, 3, "XYZ");
  const std::string container = encode(data, {{PAXECT_PARAM_PROTECT, 10}});
  const std::string damaged = zeroed(container, 5000, 3000);
  for (const std::string& other :
       {encode(changed, {}), encode(changed, {{PAXECT_PARAM_PROTECT, 10}}), encode("", {}),
        encode("", {{PAXECT_PARAM_PROTECT, 10}}), encode("x", {})}) {
    INFO("another version of " << other.size() << " bytes");
    for (const std::vector<std::string>& copies :
         {std::vector{damaged, other}, std::vector{other, damaged}, std::vector{damaged, container, other}}) {
      const Repaired result = repair(copies);
      CHECK(result.status == PAXECT_ERROR_DAMAGED);
      CHECK(result.message.find("are copies of different containers") != std::string::npos);
      CHECK(result.report.reason == PAXECT_REPAIR_DIFFERENT_COPIES);
    }
  }
  // One with the same data is a copy, and so is what is left of one whose data nothing proves.
  const std::string plain = encode(data, {});
  CHECK(repair({damaged, plain}).container == container);
  CHECK(repair({plain, damaged}).container == container);
  CHECK(repair({damaged, zeroed(encode(changed, {}), 100000, 10)}).container == container);
}

TEST_CASE("repair: a whole copy of another version is refused, however much more data it has") {
  const std::string container = encode(noise(20'000, 11), {{PAXECT_PARAM_PROTECT, 10}});
  const std::string empty = encode("", {{PAXECT_PARAM_PROTECT, 10}});
  for (const std::string& damaged : {zeroed(container, 5000, 1000), zeroed(empty, 0, 20)}) {
    REQUIRE(repair({damaged}).status == PAXECT_OK);
    for (const std::int64_t frame : {512, 1 << 20}) {
      const std::string other = encode(noise(3'000'000, 3), {{PAXECT_PARAM_FRAME_SIZE, frame}});
      INFO(damaged.size() << " bytes, and frames of " << frame << " bytes");
      for (const auto& copies : {std::vector{damaged, other}, std::vector{other, damaged}}) {
        const Repaired result = repair(copies);
        CHECK(result.status == PAXECT_ERROR_DAMAGED);
        CHECK(result.report.reason == PAXECT_REPAIR_DIFFERENT_COPIES);
      }
    }
  }
}

TEST_CASE("repair: a protected container in the data does not make a piece of a copy that of another one") {
  const std::string inner = encode(noise(200000, 5), {{PAXECT_PARAM_PROTECT, 10}});
  const std::string outer = encode(inner, {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_FRAME_SIZE, 65536}});
  // It has no records of its own any more, and those in the data are before their own offsets.
  const std::string piece = outer.substr(100, inner.size());
  const std::string damaged = zeroed(outer, 4000, 40000);
  REQUIRE(repair({damaged}).status == PAXECT_ERROR_DAMAGED);
  CHECK(repair({damaged, piece}).container == outer);
  CHECK(repair({piece, damaged}).container == outer);
}

TEST_CASE(
    "repair: data that its own footer proves is not replaced by what the parity of other data restores") {
  for (const std::size_t size : {std::size_t{22}, std::size_t{300000}}) {
    const Parameters options{{PAXECT_PARAM_PROTECT, 50}, {PAXECT_PARAM_FRAME_SIZE, 65536}};
    const std::string old_data = noise(size, 1);
    std::string new_data = old_data;
    for (std::size_t i = size / 2; i < size / 2 + 5; ++i) new_data[i] = static_cast<char>(new_data[i] ^ 1);
    const std::string old_container = encode(old_data, options);
    std::string mixed = encode(new_data, options);
    REQUIRE(mixed.size() == old_container.size());
    for (const Frame& frame : frames_of(mixed))
      if (frame.size == 0)
        mixed.replace(frame.start, frame.end - frame.start, old_container, frame.start,
                      frame.end - frame.start);
    REQUIRE(decode(mixed).data == new_data);
    const Repaired result = repair({mixed});
    CHECK(result.status == PAXECT_ERROR_DAMAGED);
    CHECK(result.message.find("the SHA-256 of its own footer proves the data") != std::string::npos);
    CHECK(result.report.reason == PAXECT_REPAIR_DATA_PROVEN);
    // A whole copy of the old container beside it does not make it the right one.
    CHECK(repair({old_container, mixed}).status == PAXECT_ERROR_DAMAGED);
    CHECK(repair({mixed, old_container}).status == PAXECT_ERROR_DAMAGED);
    // Of a footer that proves nothing, the digest in a trailer counts.
    std::string damaged = zeroed(old_container, 24, 30);
    damaged[damaged.size() - 1] = static_cast<char>(damaged.back() ^ 1);
    CHECK(repair({damaged}).container == old_container);
  }
}

TEST_CASE("repair: garbage in every list does not make valid cells of the first window lost") {
  Random random(31);
  for (const Sample& sample : kSamples) {
    INFO(sample.name);
    const std::string container = protect(sample, 6);
    check_restored(with_garbage_lists(container, random), container);
  }
}

TEST_CASE("repair: with garbage in every list, damage of a cell is found by the tag") {
  Random random(32);
  std::string damaged = with_garbage_lists(protect(kSamples[4], 6), random);
  damaged[1000] = static_cast<char>(damaged[1000] ^ 1);
  const Repaired result = repair({damaged});
  CHECK(result.status == PAXECT_ERROR_DAMAGED);
  CHECK(result.container.empty());
}

TEST_CASE("repair: garbage in the lists of a later window is no damage where the parity confirms all cells") {
  const TwoWindows sample;
  Random random(35);
  const Repaired all = repair({with_garbage_lists(sample.container, random)});
  CHECK(all.message == "");
  CHECK(all.report.damaged == 0);
  CHECK((all.container == sample.container));
  check_restored(with_garbage_lists(sample.without_piece, random, {.window = 1}), sample.container);
}

// One byte each of two cells of a code word, at the same place of both: of 256 parity cells, one agrees.
TEST_CASE(
    "repair: with garbage in the lists of a later window, damage of its cells is refused by its number") {
  const TwoWindows sample;
  Random random(36);
  std::string damaged = with_garbage_lists(sample.without_piece, random, {.window = 1});
  for (const std::size_t at : {sample.second, sample.second + std::size_t{32} * 4096}) {
    damaged = overwritten(damaged, at, 1, random);
    const Repaired result = repair({damaged});
    CHECK(result.status == PAXECT_ERROR_DAMAGED);
    CHECK(result.message.starts_with("cannot be repaired: window 1 lacks"));
    CHECK(result.message.find("no cell of it matches the lists of checksums") != std::string::npos);
    const Salvaged salvaged = salvage({damaged});
    CHECK(salvaged.status == PAXECT_ERROR_PARTIAL);
    CHECK(salvaged.lost.size() + salvaged.unconfirmed.size() == 1);
    CHECK(salvaged.report.confirmed == 19);
  }
}

TEST_CASE("repair: where nothing is left of the lists of a window, salvage still restores the others") {
  const TwoWindows sample;
  Random random(37);
  for (const int window : {0, 1}) {
    INFO("window " << window);
    const std::string damaged =
        with_garbage_lists(window == 1 ? sample.without_piece
                                       : zeroed(sample.container, sample.second, TwoWindows::kFrame - 80000),
                           random, {.window = window, .headers = true});
    const Repaired result = repair({damaged});
    CHECK(result.status == PAXECT_ERROR_DAMAGED);
    const std::size_t begin = window == 0 ? 0 : frames_of(sample.container)[15].start;
    CHECK(result.message.starts_with("cannot be repaired: all lists of window " + std::to_string(window) +
                                     ", between byte " + std::to_string(begin) + " and "));
    CHECK(result.message.ends_with(", are lost"));
    const Salvaged salvaged = salvage({damaged});
    CHECK(salvaged.message == "");
    CHECK(salvaged.status == PAXECT_OK);
    CHECK((salvaged.data == sample.data));
  }
}

TEST_CASE("repair: a copy of garbage does not stand in for what another one has") {
  const WithoutLastChecksums sample;
  for (const std::string& garbage : {noise(sample.container.size(), 3), std::string(sample.cut.size(), '\0')})
    for (const auto& copies : {std::vector{garbage, sample.cut}, std::vector{sample.cut, garbage}}) {
      const Repaired result = repair(copies);
      CHECK(result.message == "");
      CHECK((result.container == sample.container));
    }
}

TEST_CASE("repair: garbage in a list of one copy does not outvote the cells of another") {
  const WithoutLastChecksums sample;
  Random random(33);
  const std::string lists = zeroed(with_garbage_lists(sample.container, random), 0, 8 << 20);
  for (const auto& copies : {std::vector{lists, sample.cut}, std::vector{sample.cut, lists}}) {
    const Repaired result = repair(copies);
    CHECK(result.message == "");
    CHECK((result.container == sample.container));
  }
}

TEST_CASE("repair: the footer of a copy that proves the data is found behind the garbage of another") {
  const std::string container = protect(kSamples[2], 50);
  std::string damaged = container;
  // Without the trailers, which have the footer too.
  for (std::size_t at = 0; (at = damaged.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    if (damaged[at + 12] == 2) damaged[at + 4] = 0;
  const std::string garbage = noise(container.size(), 4);
  std::string counts = damaged;
  counts[counts.size() - kFooter + 1] = 77;
  for (const auto& copies : {std::vector{damaged}, std::vector{garbage, damaged}, std::vector{counts},
                             std::vector{damaged.substr(0, damaged.size() - 1), counts}}) {
    const Repaired result = repair(copies);
    CHECK(result.message == "");
    CHECK((result.container == container));
  }
  std::string digest = damaged;
  digest[digest.size() - 1] ^= 1;
  CHECK(repair({digest}).status == PAXECT_ERROR_DAMAGED);
}

TEST_CASE_OF_EACH_SIZE("repair: a copy more never makes a repair fail") {
  Random random(34);
  unsigned repaired = 0;
  for_each_percent(kPart, [&](const std::string& container, std::int64_t percent) {
    for (int i = 0; i < rounds(2); ++i) {
      if (container.size() > 1'000'000 && rounds(1) == 1 && random.below(3) != 0) continue;
      const std::size_t lost =
          container.size() * static_cast<std::size_t>(percent) * (1 + random.below(3)) / 200;
      auto damage = [&](std::string bytes) {
        return overwritten(std::move(bytes), random.below(container.size()), lost + 1, random);
      };
      std::string damaged = damage(damage(container));
      damaged.resize(damaged.size() - (random.below(2) == 0 ? 0 : random.below(damaged.size() / 3)));
      const Repaired alone = repair({damaged});
      if (alone.status != PAXECT_OK) continue;
      ++repaired;
      REQUIRE(alone.container == container);
      const std::array others = {noise(container.size(), random()),
                                 container.substr(0, random.below(container.size())),
                                 zeroed(container, random.below(container.size()), container.size()),
                                 with_garbage_lists(container, random),
                                 zeroed(with_garbage_lists(container, random), 0, covered(container)),
                                 damage(damage(damage(container)))};
      const std::size_t kind = random.below(others.size());
      INFO("round " << i << ", a copy of kind " << kind);
      for (const auto& copies : {std::vector{others[kind], damaged}, std::vector{damaged, others[kind]}}) {
        const Repaired two = repair(copies);
        CHECK(two.message == "");
        CHECK((two.container == container));
      }
    }
  });
  CHECK((repaired > 0 || kPart >= large_1));
}

}  // namespace paxect::test
