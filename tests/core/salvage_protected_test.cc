// Salvage of protected containers: what their protection restores, window by window, counts as found.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

struct Random {
  explicit Random(std::uint32_t seed) : engine(seed) {}
  std::size_t operator()(std::size_t bound) { return engine() % bound; }
  std::mt19937 engine;
};

int rounds(int count) {
  const char* is_long = std::getenv("PAXECT_TEST_LONG");
  return is_long != nullptr && *is_long == '1' ? 50 * count : count;
}

struct Sample {
  const char* name;
  std::size_t size;
  int frame;
};
constexpr Sample kSamples[] = {{"tiny", 700, 100}, {"small", 20000, 4096}, {"medium", 300000, 16384}};

std::string protect(const std::string& data, std::int64_t percent, std::int64_t frame) {
  return encode(data, {{PAXECT_PARAM_PROTECT, percent},
                       {PAXECT_PARAM_FRAME_SIZE, frame},
                       {PAXECT_PARAM_THREADS, 1},
                       {PAXECT_PARAM_LEVEL, -7}});
}

// The same file to a salvage that knows nothing of protection.
std::string without_records(std::string bytes) {
  const std::string magic = "\xd1PXheal\x1a";
  for (std::size_t at = 0; (at = bytes.find(magic, at)) != std::string::npos; ++at)
    bytes.replace(at, magic.size(), magic.size(), '\0');
  return bytes;
}

void check_whole(const std::string& damaged, const std::string& data) {
  const Salvaged result = salvage({damaged});
  INFO(result.message);
  REQUIRE(result.status == PAXECT_OK);
  REQUIRE(result.report.proven == 1);
  REQUIRE((result.data == data));
}

// Everything that is not reported as lost or unconfirmed is right.
void check_honest(const Salvaged& result, const std::string& data) {
  if (result.status == PAXECT_OK) {
    CHECK((result.data == data));
    return;
  }
  REQUIRE((result.status == PAXECT_ERROR_PARTIAL || result.status == PAXECT_ERROR_NOTHING));
  if (result.report.size_known == 0 || result.data.size() != data.size()) return;
  std::vector<Range> open = result.lost;
  open.insert(open.end(), result.unconfirmed.begin(), result.unconfirmed.end());
  if (std::any_of(open.begin(), open.end(), [](const Range& range) { return !range.exact; })) return;
  std::string expected = data;
  for (const Range& range : open) {
    auto size = static_cast<std::size_t>(std::min<std::uint64_t>(range.end, data.size()) - range.start);
    expected.replace(range.start, size, result.data, range.start, size);
  }
  CHECK((result.data == expected));
}

}  // namespace

TEST_CASE("a protected container below what it may lose is salvaged whole and proven, whatever the damage") {
  Random random(5);
  for (const Sample& sample : kSamples)
    for (const std::int64_t percent : {6, 25, 50}) {
      const std::string data = noise(sample.size, 7);
      const std::string container = protect(data, percent, sample.frame);
      const std::size_t piece =
          std::max<std::size_t>(1, sample.size * static_cast<std::size_t>(percent) / 100);
      INFO(sample.name << ", " << percent << " %");
      for (const std::size_t at :
           {std::size_t{0}, std::size_t{24}, container.size() - piece, random(container.size() - piece)})
        check_whole(zeroed(container, at, piece), data);
      check_whole(container.substr(piece), data);                        // lost beginning
      check_whole(container.substr(0, container.size() - piece), data);  // cut
      check_whole(zeroed(container, 0, 24), data);                       // lost header
      check_whole(zeroed(container, container.size() - 44, 44), data);   // lost footer
      if (sample.size < 10000) continue;
      for (int i = 0; i < rounds(2); ++i) {
        const std::size_t at = random(container.size());
        check_whole(std::string(container).insert(at, noise(1 + random(100), 3)), data);
        check_whole(std::string(container).erase(at, 1 + random(100)), data);
        std::string flipped = container;
        for (int flip = 0; flip < 3; ++flip)
          flipped[random(flipped.size())] ^= static_cast<char>(1 + random(255));
        check_whole(flipped, data);
      }
    }
}

TEST_CASE("a protected container of no data is salvaged as such") {
  const std::string container = protect("", 6, 4096);
  check_whole(container, "");
  check_whole(zeroed(container, 0, 24), "");
  check_whole(zeroed(container, container.size() - 44, 44), "");
  check_whole(container.substr(0, container.size() - 44), "");
}

TEST_CASE("above that, salvage finds every frame that the repair of any window gives") {
  const std::string data = noise(50 * kMiB, 9);
  const std::string container = protect(data, 6, kMiB);
  // Windows of 15 frames. Each can lose a hit of 900 KiB.
  constexpr std::size_t kHit = 900 * 1024;
  std::vector<Frame> frames;
  std::vector<Frame> extensions;
  for (const Frame& frame : frames_of(container)) (frame.size == 0 ? extensions : frames).push_back(frame);
  REQUIRE(frames.size() == 50);
  REQUIRE(extensions.size() == 5);
  // What of `begin` to `end` is lost cannot be restored.
  auto check = [&](const std::string& damaged, std::size_t begin, std::size_t end) {
    const Salvaged result = salvage({damaged});
    INFO(result.message);
    CHECK(result.status == (begin == end ? PAXECT_OK : PAXECT_ERROR_PARTIAL));
    REQUIRE(result.data.size() == data.size());
    std::size_t whole = 0;
    for (const Frame& frame : frames) {
      if (frame.start < end && begin < frame.end) continue;
      INFO("frame at " << frame.start);
      CHECK(result.data.compare(frame.offset, frame.size, data, frame.offset, frame.size) == 0);
      ++whole;
    }
    CHECK(result.report.confirmed == whole);
    CHECK(salvage({without_records(damaged)}).report.confirmed < whole);
  };
  const std::string hit = zeroed(zeroed(container, frames[33].start, kHit), frames[47].start, kHit);
  const std::string bad = zeroed(hit, frames[20].start, frames[25].end - frames[20].start);
  check(zeroed(bad, frames[3].start, kHit), frames[20].start, frames[25].end);
  // All records of window 1, and the parity of window 0.
  std::string lost = hit;
  for (const std::size_t i : {1u, 2u})
    lost = zeroed(lost, extensions[i].start, extensions[i].end - extensions[i].start);
  check(lost, 0, 0);
  // Its header is left: between so many gaps, the place of a frame without one would be an estimate.
  check(zeroed(lost, frames[3].start + 100, kHit), frames[3].start + 100, frames[3].start + 100 + kHit);
}

TEST_CASE("salvage finds no fewer frames with protection than without, whatever the damage") {
  Random random(6);
  for (const Sample& sample : kSamples)
    for (const std::int64_t percent : {1, 10, 50})
      for (int i = 0; i < rounds(6); ++i) {
        const std::string data = motley(sample.size, 5000);
        std::string damaged = protect(data, percent, sample.frame);
        bool is_moved = false;
        for (std::size_t hits = 1 + random(8), hit = 0; hit < hits; ++hit) {
          const std::size_t at = random(damaged.size());
          const std::size_t size = 1 + random(damaged.size() / 8);
          const std::size_t kind = random(4);
          if (kind == 0) damaged = zeroed(damaged, at, size);
          is_moved = is_moved || kind == 1 || kind == 2;
          if (kind == 1) damaged.erase(at, size / 4 + 1);
          if (kind == 2) damaged.insert(at, noise(size / 4 + 1, static_cast<std::uint32_t>(hit)));
          if (kind == 3) damaged[at] = static_cast<char>(damaged[at] ^ 1);
        }
        INFO(sample.name << ", " << percent << " %, round " << i);
        const Salvaged healed = salvage({damaged});
        const Salvaged raw = salvage({without_records(damaged)});
        // Bytes that were inserted or removed can leave traces that look like others.
        if (!is_moved || healed.status == PAXECT_OK) check_honest(healed, data);
        CHECK((healed.status == PAXECT_OK || healed.report.confirmed + healed.report.unconfirmed >=
                                                 raw.report.confirmed + raw.report.unconfirmed));
      }
}

TEST_CASE("the protected container in the data of another one is never taken for it") {
  Random random(8);
  for (const std::size_t frame : {std::size_t{20000}, kMiB})
    for (int i = 0; i < rounds(40); ++i) {
      const std::string data = noise(200000, 4);
      const std::string inner = protect(data, 10, 16384);
      std::string outer = encode(inner, {{PAXECT_PARAM_FRAME_SIZE, static_cast<std::int64_t>(frame)}});
      const std::size_t lost = 40 + random(3000);
      switch (i % 4) {
        case 0:
          outer = zeroed(outer, 0, lost);
          break;
        case 1:
          outer = outer.substr(lost, outer.size() - 2 * lost);
          break;
        case 2:
          outer = zeroed(zeroed(outer, 0, lost), outer.size() - lost, lost);
          break;
        default:
          outer = zeroed(outer, random(outer.size()), 30000);
      }
      INFO("frames of " << frame << " bytes, round " << i << ", " << lost << " bytes");
      const Salvaged result = salvage({outer});
      CHECK((result.status != PAXECT_OK || result.data == inner));
    }
}

TEST_CASE("protection gives its copy no second voice beside copies of another container") {
  const std::string data = noise(100000, 1);
  const std::string container = protect(data, 25, 8192);
  const std::string damaged = zeroed(container, 30000, 20000);
  const std::string other = zeroed(protect(noise(100000, 2), 25, 8192), 30000, 20000);
  check_whole(damaged, data);
  for (const std::vector<std::string>& copies :
       {std::vector<std::string>{damaged, other}, std::vector<std::string>{other, damaged}}) {
    const Salvaged result = salvage(copies);
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.report.contested == 1);
    CHECK(result.report.inputs == 2);
  }
  const Salvaged agreed = salvage({other, damaged, zeroed(container, 60000, 20000)});
  CHECK(agreed.status == PAXECT_OK);
  CHECK((agreed.data == data));
  CHECK(agreed.inputs[0].used == 0);
}

TEST_CASE("copies that have lost too much each are restored together") {
  const std::string data = noise(300000, 3);
  const std::string container = protect(data, 6, 16384);
  std::string one = container;
  std::string two = container;
  for (std::size_t at = 0; at + 4096 < container.size(); at += 8192) {
    one = zeroed(one, at, 4096);
    two = zeroed(two, at + 4500, 3000);
  }
  CHECK(salvage({one}).status != PAXECT_OK);
  const Salvaged both = salvage({one, two});
  CHECK(both.status == PAXECT_OK);
  CHECK((both.data == data));
}

TEST_CASE("a copy that goes on behind a protected container proves no more than one without protection") {
  const std::string data = noise(100000, 1);
  const std::string container = protect(data, 25, 8192);
  const std::string rival = encode(noise(5000, 2));
  const std::string damaged = zeroed(zeroed(container, 30000, 20000), container.size() - 44, 44);
  const Salvaged result = salvage({damaged + rival});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(salvage({noise(50, 1) + damaged}).status == PAXECT_ERROR_PARTIAL);
}

namespace {

// A protected container of 20 frames and one of another version of the same file: one byte is another one.
struct Versions {
  static constexpr std::int64_t kFrame = 1024;
  static constexpr std::size_t kDiffering = 7;  // the frame that differs
  std::string data = noise(20 * kFrame, 1);
  std::string other_data = data;
  std::string container;
  std::string other;

  explicit Versions(std::int64_t percent) {
    other_data[kDiffering * kFrame + 500] ^= 1;
    container = protect(data, percent, kFrame);
    other = protect(other_data, percent, kFrame);
  }
};

// With a byte changed in the payload of the frame that differs, so that the frames left are those of both.
std::string damaged_where_they_differ(std::string version, Random& random) {
  const Frame frame = frames_of(version).at(Versions::kDiffering);
  version[frame.payload + random(frame.end - frame.payload)] ^= 0x55;
  for (std::size_t more = random(3); more != 0; --more) {
    const Frame another = frames_of(version).at(random(20));
    version[another.payload + 20 + random(1000)] ^= 0x55;
  }
  return version;
}

std::vector<std::vector<std::string>> every_order(std::vector<std::string> copies) {
  std::vector<std::vector<std::string>> orders;
  std::sort(copies.begin(), copies.end());
  do orders.push_back(copies);
  while (std::next_permutation(copies.begin(), copies.end()));
  return orders;
}

void check_contested(const std::vector<std::string>& copies) {
  for (const std::vector<std::string>& order : every_order(copies)) {
    const Salvaged result = salvage(order);
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.report.contested == 1);
    CHECK(result.report.proven == 0);
    CHECK(result.message.find("the copies are of different containers") != std::string::npos);
  }
}

void check_proven(const std::vector<std::string>& copies, const std::string& data) {
  for (const std::vector<std::string>& order : every_order(copies)) {
    const Salvaged result = salvage(order);
    INFO(result.message);
    CHECK(result.status == PAXECT_OK);
    CHECK(result.report.contested == 0);
    CHECK((result.data == data));
  }
}

}  // namespace

TEST_CASE("damaged copies of two versions of a protected file are contested, whatever they have in common") {
  Random random(9);
  for (const std::int64_t percent : {2, 6, 25}) {
    const Versions versions(percent);
    for (int i = 0; i < rounds(10); ++i) {
      INFO(percent << " %, round " << i);
      check_contested({damaged_where_they_differ(versions.container, random),
                       damaged_where_they_differ(versions.other, random)});
    }
  }
}

TEST_CASE(
    "damaged copies of two versions of a protected file are contested where their beginnings are lost") {
  Random random(10);
  for (const std::int64_t percent : {6, 25}) {
    INFO(percent << " %");
    const Versions versions(percent);
    const std::string damaged = damaged_where_they_differ(versions.container, random);
    const std::string other = damaged_where_they_differ(versions.other, random);
    check_contested({damaged.substr(200), other});
    check_contested({damaged.substr(200), other.substr(300)});
    // Nothing is at its place, neither from the beginning nor from the end.
    check_contested({damaged.substr(200, damaged.size() - 400), other.substr(100, other.size() - 300)});
  }
}

TEST_CASE("two damaged copies of one version of a protected file outvote one of another") {
  Random random(11);
  for (const std::int64_t percent : {2, 25}) {
    const Versions versions(percent);
    for (int i = 0; i < rounds(5); ++i) {
      INFO(percent << " %, round " << i);
      const std::string other = damaged_where_they_differ(versions.other, random);
      const std::vector<std::string> copies = {damaged_where_they_differ(versions.container, random),
                                               damaged_where_they_differ(versions.container, random), other};
      check_proven(copies, versions.data);
      for (const std::vector<std::string>& order : every_order(copies)) {
        const Salvaged result = salvage(order);
        REQUIRE(result.inputs.size() == order.size());
        for (std::size_t copy = 0; copy < order.size(); ++copy)
          CHECK(result.inputs[copy].used == (order[copy] == other ? 0 : 1));
      }
    }
  }
}

TEST_CASE("a whole copy is proven beside a damaged one of another version of a protected file") {
  Random random(12);
  const Versions versions(6);
  check_proven({versions.container, damaged_where_they_differ(versions.other, random)}, versions.data);
}

TEST_CASE("damaged copies of the same data with other protection are not contested") {
  Random random(13);
  const Versions versions(6);
  check_proven({damaged_where_they_differ(versions.container, random),
                damaged_where_they_differ(protect(versions.data, 25, Versions::kFrame), random)},
               versions.data);
}

TEST_CASE("pieces of a container with protected ones in its data are not contested by those") {
  const std::string inner = protect(noise(30000, 1), 6, 4096) + protect(noise(40000, 2), 6, 4096) +
                            protect(noise(40000, 3), 6, 4096);
  for (const std::int64_t percent : {0, 25}) {
    INFO(percent << " %");
    const std::string outer =
        encode(inner, {{PAXECT_PARAM_FRAME_SIZE, 20000}, {PAXECT_PARAM_PROTECT, percent}});
    const std::size_t third = outer.size() / 3;
    const std::vector<std::string> halves = {zeroed(outer, third + 40000, outer.size()),
                                             zeroed(outer, 0, third)};
    const std::vector<std::string> thirds = {outer.substr(0, third + 25000),
                                             outer.substr(third, third + 25000), outer.substr(2 * third)};
    for (const std::vector<std::string>& pieces : {halves, thirds}) {
      if (percent != 0) check_proven(pieces, inner);
      for (const std::vector<std::string>& order : every_order(pieces)) {
        const Salvaged result = salvage(order);
        CHECK(result.message.find("different containers") == std::string::npos);
        for (const paxect_salvage_input& input : result.inputs) CHECK(input.used == 1);
      }
    }
  }
}

TEST_CASE(
    "a whole copy without protection is not contested by damaged ones with protection of the same data") {
  const std::string data = noise(20000, 1);
  for (const std::int64_t percent : {2, 6}) {
    INFO(percent << " %");
    // All frame headers and the counts of the footer are left, and too little of the rest for a repair.
    std::string damaged = protect(data, percent, 1 << 20);
    const Frame frame = frames_of(damaged).front();
    for (std::size_t at = frame.payload + 100; at + 600 < frame.end; at += 1000)
      damaged = zeroed(damaged, at, 500);
    std::string another = zeroed(damaged, frame.payload + 2000, 9000);
    damaged[damaged.size() - 7] ^= 1;
    check_proven({encode(data), damaged}, data);
    check_proven({encode(data), damaged, another}, data);
  }
}

}  // namespace paxect::test
