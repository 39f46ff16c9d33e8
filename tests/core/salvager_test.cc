// Properties of every salvage: proven data is the original, ranges are in order and do not overlap, and
// output and work are within their bounds. Random damage, reproducible by its seed with one compiler.
#include "salvage/salvager.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "encoder.h"
#include "salvage/layout.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/sanitizer.h"

namespace paxect::core {
namespace {

using test::noise;
using test::text;

std::int32_t append(void* opaque, const void* data, std::size_t size) {
  static_cast<std::string*>(opaque)->append(static_cast<const char*>(data), size);
  return 0;
}

std::string encode(const std::string& data, std::int64_t frame, std::int64_t channels, std::int64_t level) {
  Parameters parameters(Role::kEncoder);
  REQUIRE(parameters.set(PAXECT_PARAM_FRAME_SIZE, frame).ok());
  REQUIRE(parameters.set(PAXECT_PARAM_CHANNELS, channels).ok());
  REQUIRE(parameters.set(PAXECT_PARAM_LEVEL, level).ok());
  REQUIRE(parameters.set(PAXECT_PARAM_THREADS, 1).ok());
  std::string container;
  Callbacks callbacks;
  callbacks.sink = append;
  callbacks.sink_opaque = &container;
  Encoder encoder{Allocator()};
  encoder.begin(parameters, callbacks);
  REQUIRE(encoder.write({reinterpret_cast<const std::uint8_t*>(data.data()), data.size()}).ok());
  REQUIRE(encoder.finish().ok());
  return container;
}

class Chance {
 public:
  explicit Chance(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t limit) {
    return limit < 2 ? 0 : std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

 private:
  std::mt19937 random_;
};

// Data of some kind, in which another container may be.
std::string make_data(Chance& chance, int depth);

std::string make_container(Chance& chance, int depth, std::string& data) {
  data = make_data(chance, depth);
  return encode(data, chance.one_of<std::int64_t>({700, 2048, 4096, 65536, 1 << 20}),
                chance.one_of<std::int64_t>({1, 1, 2, 8}), chance.one_of<std::int64_t>({1, 1, 5}));
}

std::string make_data(Chance& chance, int depth) {
  std::string data;
  auto seed = static_cast<std::uint32_t>(chance.below(1000));
  for (std::size_t pieces = chance.below(4); pieces != 0; --pieces) {
    std::size_t size = chance.below(20'000);
    switch (chance.below(depth == 0 ? 3 : 5)) {
      case 0:
        data += text(size, seed);
        break;
      case 1:
        data += noise(size, seed);
        break;
      case 2:
        data += std::string(size, '\0');
        break;
      default: {
        std::string inner;
        data += make_container(chance, depth - 1, inner);
      }
    }
  }
  return data;
}

void damage(Chance& chance, std::string& bytes, const std::string& other) {
  if (bytes.empty()) return;
  std::size_t at = chance.one_of<std::size_t>(
      {chance.below(bytes.size()), chance.below(std::min<std::size_t>(bytes.size(), 80)),
       bytes.size() - 1 - chance.below(std::min<std::size_t>(bytes.size(), 80))});
  std::size_t count = 1 + chance.below(chance.one_of<std::size_t>({1, 40, 600, 5000}));
  std::size_t within = std::min(count, bytes.size() - at);
  switch (chance.below(8)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << chance.below(8));
      break;
    case 1:
      bytes.replace(at, within, within, '\0');
      break;
    case 2:
      bytes.replace(at, within, noise(within));
      break;
    case 3:
      bytes.resize(at);
      break;
    case 4:
      bytes.erase(at, within);
      break;
    case 5:
      bytes.insert(at, noise(count));
      break;
    case 6: {
      std::string piece = bytes.substr(at, within);  // moved to another place
      bytes.erase(at, within);
      bytes.insert(chance.below(bytes.size() + 1), piece);
      break;
    }
    default:
      bytes.insert(chance.one_of<std::size_t>({0, at, bytes.size()}), other);
  }
}

struct Case {
  std::vector<std::string> copies;
  std::vector<std::string> originals;  // data of the containers that the copies were made of
};

void check(const Case& given, std::int64_t fill) {
  std::vector<std::unique_ptr<test::MemoryFile>> files;
  Salvager salvager{Allocator()};
  std::uint64_t size = 0;
  for (const std::string& copy : given.copies) {
    files.push_back(std::make_unique<test::MemoryFile>(copy));
    REQUIRE(salvager.add(files.back()->fd(), "copy").ok());
    size += copy.size();
  }
  Parameters parameters(Role::kSalvager);
  REQUIRE(parameters.set(PAXECT_PARAM_FILL, fill).ok());
  Callbacks callbacks;
  std::string data;
  callbacks.sink = append;
  callbacks.sink_opaque = &data;
  Status status = salvager.find(parameters, callbacks);
  if (status.ok()) status = salvager.write(callbacks);
  REQUIRE((status.ok() || status.code == PAXECT_ERROR_PARTIAL || status.code == PAXECT_ERROR_NOTHING));
  const SalvageReport& report = salvager.report();
  if (status.ok()) {
    bool original = std::find(given.originals.begin(), given.originals.end(), data) != given.originals.end();
    CHECK(original);
    CHECK(report.ranges.empty());
  }
  CHECK(report.proven == status.ok());
  std::uint64_t end = 0;
  std::uint64_t lost = 0;
  for (const SalvageRange& range : report.ranges) {
    CHECK(range.start >= end);
    CHECK(range.end >= range.start);
    end = range.end;
    if (range.lost && range.end != SalvageRange::kOpen) lost += range.end - range.start;
  }
  if (!status.ok()) CHECK(lost == report.lost_bytes);
  CHECK(report.bytes_out == data.size());
  CHECK(data.size() <= max_data(size));
  if (status.code == PAXECT_ERROR_PARTIAL)
    CHECK(data.size() + (fill == PAXECT_FILL_SKIP ? report.lost_bytes : 0) == report.size);
  std::uint64_t found = 0;
  for (const CopyIndex& copy : salvager.copies())
    for (const Sighting& sighting : copy.sightings)
      if (sighting.has_data()) found += sighting.ulen;
  // FORMAT.md, Salvage, "Work".
  std::uint64_t copies = given.copies.size();
  CHECK(salvager.work() <=
        copies * ((std::uint64_t{64} << 20) + (2 << 20)) + 256 * size + 8 * (found + data.size()));
}

struct Asked {
  std::uint64_t size = 0;  // of all copies
  int after_scan = 0;      // calls when all of it was read
  int cancel_at = -1;
  static std::int32_t progress(void* opaque, std::uint64_t in, std::uint64_t) {
    auto& self = *static_cast<Asked*>(opaque);
    return in >= self.size && ++self.after_scan == self.cancel_at ? 1 : 0;
  }
};

Status find(const std::vector<std::string>& copies, Asked& asked) {
  std::vector<std::unique_ptr<test::MemoryFile>> files;
  Salvager salvager{Allocator()};
  for (const std::string& copy : copies) {
    files.push_back(std::make_unique<test::MemoryFile>(copy));
    REQUIRE(salvager.add(files.back()->fd(), "copy").ok());
    asked.size += copy.size();
  }
  Callbacks callbacks;
  callbacks.progress = &Asked::progress;
  callbacks.progress_opaque = &asked;
  return salvager.find(Parameters(Role::kSalvager), callbacks);
}

TEST_CASE("thousands of footers among thousands of frames are compared in proportion to the file") {
  std::string data = noise(100);
  std::string container = encode(data, 100, 1, 1);
  std::string frame = container.substr(24, container.size() - 68);
  std::string footer = container.substr(container.size() - 44);
  footer[0] = '\xf4';  // counts that a footer can have, and this container cannot: 500 bytes in two frames
  footer[1] = 1;
  footer[8] = 2;
  std::string bytes = container.substr(0, 24);
  while (bytes.size() < std::size_t{8} << 20) bytes += frame + footer;
  Asked asked;
  std::clock_t begin = std::clock();
  CHECK(find({bytes}, asked).ok());
  CHECK((std::clock() - begin) / CLOCKS_PER_SEC < (test::kSanitized || test::emulated() ? 30 : 3));
}

TEST_CASE("frames of equal contents are substituted in proportion to the copies") {
  struct Cost {
    std::uint64_t work = 0;
    std::size_t choices = 0;
  };
  auto cost_of = [](std::size_t frames, std::size_t copies) {
    const std::string container = encode(std::string(10 * frames, '\0'), 10, 1, 1);
    const test::MemoryFile file(container);
    Salvager salvager{Allocator()};
    for (std::size_t i = 0; i < copies; ++i) REQUIRE(salvager.add(file.fd(), "copy").ok());
    REQUIRE(salvager.find(Parameters(Role::kSalvager), Callbacks()).ok());
    return Cost{salvager.work(), salvager.choices()};
  };
  for (const std::size_t copies : {2u, 3u, 8u}) {
    const Cost few = cost_of(500, copies);
    const Cost many = cost_of(2000, copies);
    CHECK(few.choices == 500 * copies);
    CHECK(many.choices == 2000 * copies);
    CHECK(many.work < 5 * few.work);
  }
}

TEST_CASE("numbering, comparing and merging ask for cancel") {
  std::string container = encode(noise(400'000), 10, 1, 1);
  std::vector<std::string> copies(3, container);
  copies[0].replace(copies[0].size() / 2, 1000, 1000, '\0');
  copies[1].erase(copies[1].size() / 3, 1000);
  Asked asked;
  REQUIRE(find(copies, asked).ok());
  CHECK(asked.after_scan > 20);
  // Each cancels a whole search: in the usual run at some twenty of the points.
  int step = std::getenv("PAXECT_TEST_LONG") != nullptr ? 1 : 1 + asked.after_scan / 20;
  for (int at = 1; at <= asked.after_scan; at += step) {
    Asked cancelled;
    cancelled.cancel_at = at;
    CHECK(find(copies, cancelled).code == PAXECT_ERROR_CANCELLED);
  }
}

std::uint32_t seeds(std::uint32_t usual) {
  return std::getenv("PAXECT_TEST_LONG") != nullptr ? 50 * usual : usual;
}

TEST_CASE("random damage to containers, nested ones too, never makes other data proven") {
  for (std::uint32_t seed = 0; seed < seeds(400); ++seed) {
    INFO("seed " << seed);
    Chance chance(seed);
    Case one;
    one.originals.resize(2);
    std::string container = make_container(chance, 2, one.originals[0]);
    std::string other = make_container(chance, 1, one.originals[1]);
    std::string damaged = container;
    bool added = false;  // then the other container is in the file, and may be what it is
    for (std::size_t hits = 1 + chance.below(3); hits != 0; --hits) {
      std::size_t before = damaged.size();
      damage(chance, damaged, other);
      added = added || damaged.size() == before + other.size();
    }
    if (!added) one.originals.resize(1);
    one.copies = {damaged};
    for (std::int64_t fill : {PAXECT_FILL_ZERO, PAXECT_FILL_SKIP}) check(one, fill);
  }
}

TEST_CASE(
    "random damage to several copies never proves other data, and a valid copy gives the complete data") {
  for (std::uint32_t seed = 0; seed < seeds(250); ++seed) {
    INFO("seed " << seed);
    Chance chance(seed + 1'000'000);
    Case several;
    several.originals.resize(1);
    std::string container = make_container(chance, 2, several.originals[0]);
    several.copies.assign(2 + chance.below(2), container);
    for (std::string& copy : several.copies) damage(chance, copy, noise(100));
    for (std::int64_t fill : {PAXECT_FILL_ZERO, PAXECT_FILL_SKIP}) check(several, fill);
  }
}

}  // namespace
}  // namespace paxect::core
