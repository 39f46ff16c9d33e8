// Salvage of files that hold more than one container, or parts of others: nested ones, concatenated ones,
// remains. Whatever is damaged, the data of another container is never given as proven.
#include <tuple>

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFrame = 8192;

std::string container_of(const std::string& data, std::int64_t frame, std::int64_t channels = 1) {
  return encode(data, {{PAXECT_PARAM_FRAME_SIZE, frame},
                       {PAXECT_PARAM_LEVEL, 1},
                       {PAXECT_PARAM_CHANNELS, channels},
                       {PAXECT_PARAM_THREADS, 1}});
}

// A container whose data is mostly another container, which stays visible in the payload: compressed data
// does not compress again, so zstd stores it.
struct Nested {
  std::string inner_data;
  std::string inner;
  std::string data;
  std::string container;
  std::size_t inner_at;  // in the container

  Nested(std::int64_t inner_frame, std::int64_t outer_frame, std::size_t size, std::string before = {},
         std::string after = {}) {
    inner_data = text(size, 7);
    inner = container_of(inner_data, inner_frame);
    data = std::move(before) + inner + std::move(after);
    container = container_of(data, outer_frame);
    inner_at = container.find("PXC1", 1);
  }
};

// No salvage may report the data of `other` as proven.
void check_never(const Salvaged& result, const std::string& other, const std::string& data) {
  if (result.status == PAXECT_OK) CHECK((result.data == data));
  CHECK((result.status != PAXECT_OK || result.data != other));
  CHECK((result.report.proven == 1) == (result.status == PAXECT_OK));
}

TEST_CASE("a container inside of one whose first frame header is gone is not taken for it") {
  std::string bytes = read_file(PAXECT_TEST_VECTORS "/../fuzz/corpus/salvage/nested-header-gone");
  std::string inner = bytes.substr(48, bytes.size() - 48 - 44);
  REQUIRE(decode(inner).status == PAXECT_OK);
  // Its first 24 bytes say no more than header and footer do: they are restored, and the outer footer proves
  // it.
  Salvaged restored = salvage({bytes});
  CHECK(restored.status == PAXECT_OK);
  CHECK((restored.data == inner));
  for (const std::string& copy :
       {bytes, zeroed(bytes, 0, 48), zeroed(bytes, bytes.size() - 44, 44), bytes.substr(0, bytes.size() - 44),
        zeroed(zeroed(bytes, 0, 48), bytes.size() - 44, 44), bytes.substr(10), bytes.substr(30)}) {
    for (std::int64_t fill : {PAXECT_FILL_ZERO, PAXECT_FILL_SKIP}) {
      Salvaged result = salvage({copy}, {{PAXECT_PARAM_FILL, fill}});
      check_never(result, decode(inner).data, inner);
    }
  }
}

TEST_CASE("every kind of damage to a nested container gives its own data or says that it does not") {
  const std::tuple<std::int64_t, std::int64_t, std::size_t> shapes[] = {
      {kFrame, 1 << 20, 100'000},     // one outer frame
      {kFrame, kFrame, 400'000},      // the same frame size
      {4096, kFrame, 400'000},        // smaller ones inside
      {1 << 20, 1 << 20, 3'000'000},  // the default of both
      {65536, 65536, 2'000'000}};
  for (auto [inner_frame, outer_frame, size] : shapes) {
    Nested nested(inner_frame, outer_frame, size, noise(300, 3), noise(700, 4));
    INFO("frames of " << inner_frame << " in frames of " << outer_frame);
    REQUIRE(nested.inner_at != std::string::npos);
    const std::string& whole = nested.container;
    std::vector<Frame> frames = frames_of(whole);
    for (std::size_t hit = 0; hit < std::min<std::size_t>(frames.size(), 6); ++hit) {
      for (bool header_gone : {false, true}) {
        for (bool footer_gone : {false, true}) {
          std::string damaged = whole;
          for (std::size_t span : {std::size_t{14}, std::size_t{30}, std::size_t{512}}) {
            damaged = zeroed(damaged, frames[hit].start, span);
            if (header_gone) damaged = zeroed(damaged, 0, 24);
            if (footer_gone) damaged = zeroed(damaged, damaged.size() - 44, 44);
            INFO("frame " << hit << ", " << span << " bytes, header " << header_gone << ", footer "
                          << footer_gone);
            check_never(salvage({damaged}), nested.inner_data, nested.data);
            // With a valid second copy the data is complete.
            Salvaged both = salvage({damaged, whole});
            CHECK(both.status == PAXECT_OK);
            CHECK((both.data == nested.data));
          }
        }
      }
    }
  }
}

TEST_CASE("the frames of a nested container do not take the places of the outer one's") {
  Nested nested(4096, 65536, 600'000, noise(5000, 3), noise(90'000, 4));
  std::vector<Frame> frames = frames_of(nested.container);
  REQUIRE(frames.size() > 3);
  for (const Frame& frame : frames) {
    INFO("frame at " << frame.start);
    // Its header, the beginning of its payload and the next frame's header are gone, so that nothing shows
    // where it ends.
    std::string damaged = zeroed(nested.container, frame.start, 40);
    if (&frame != &frames.back()) damaged = zeroed(damaged, frame.end, 40);
    Salvaged result = salvage({damaged});
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    for (const Frame& other : frames) {
      if (other.start == frame.start || other.start == frame.end) continue;
      CHECK(result.data.compare(other.offset, other.size, nested.data, other.offset, other.size) == 0);
    }
    CHECK(result.data.size() == nested.data.size());
  }
}

void check_contested(const Salvaged& result) {
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.report.proven == 0);
  CHECK(result.report.contested == 1);
}

TEST_CASE(
    "of two concatenated containers the first is salvaged, the other is reported, and nothing is proven") {
  std::string first_data = text(50'000, 1);
  std::string second_data = text(70'000, 2);
  for (std::int64_t second_frame : {std::int64_t{kFrame}, std::int64_t{4096}}) {
    std::string first = container_of(first_data, kFrame);
    std::string second = container_of(second_data, second_frame);
    std::vector<Frame> frames = frames_of(first);
    Salvaged result = salvage({first + second});
    CHECK((result.data == first_data));
    check_contested(result);
    CHECK(result.report.foreign_offset == first.size());
    CHECK(result.message.find("offset " + std::to_string(first.size()) + " of copy 1") != std::string::npos);
    // A copy that contains only the first container decides for it; a copy of the second contradicts.
    CHECK(salvage({first + second, first}).status == PAXECT_OK);
    CHECK(salvage({first, first + second}).status == PAXECT_OK);
    check_contested(salvage({first + second, second}));
    // With bytes between them, and with frames that are restored.
    check_contested(salvage({first + noise(3'000'000) + second}));
    check_contested(salvage({zeroed(first + second, frames[2].start, 14)}));
    check_contested(salvage({first + encode("")}));
    check_contested(salvage({encode("") + first}));

    Salvaged no_header = salvage({zeroed(first + second, 0, 24)});
    CHECK((no_header.data == first_data));

    std::string hit = zeroed(first + second, frames[2].start, frames[2].end - frames[2].start);
    Salvaged damaged = salvage({hit});
    CHECK(damaged.status == PAXECT_ERROR_PARTIAL);
    CHECK((damaged.data == zeroed(first_data, 2 * kFrame, kFrame)));
    CHECK(damaged.lost == std::vector<Range>{{2 * kFrame, 3 * kFrame, 1, true}});

    Salvaged no_footer = salvage({zeroed(first + second, first.size() - 44, 44)});
    CHECK(no_footer.status == PAXECT_ERROR_PARTIAL);
    check_never(no_footer, second_data, first_data);
    CHECK((no_footer.data.substr(0, first_data.size()) == first_data));

    check_never(salvage({zeroed(hit, 0, 24)}), second_data, first_data);
    check_never(salvage({zeroed(hit, 0, frames[1].start)}), second_data, first_data);
  }
}

TEST_CASE("remains of an older container behind the end of a newer one do not matter") {
  std::string data = text(50'000, 1);
  std::string newer = container_of(data, kFrame);
  for (std::int64_t frame : {std::int64_t{kFrame}, std::int64_t{4096}}) {
    std::string older = container_of(text(200'000, 2), frame);
    std::string file = newer + older.substr(newer.size());
    Salvaged result = salvage({file});
    CHECK(result.status == PAXECT_OK);
    CHECK((result.data == data));
    // A damaged frame header is restored, and the newer footer still proves the data.
    Salvaged mended = salvage({zeroed(file, frames_of(newer)[3].start, 14)});
    CHECK(mended.status == PAXECT_OK);
    CHECK((mended.data == data));
  }
}

TEST_CASE("a container in the midst of other bytes gives its data, but proves nothing") {
  std::string data = text(50'000, 1);
  std::string container = container_of(data, kFrame);
  CHECK(salvage({container + noise(1000)}).status == PAXECT_OK);
  for (const std::string& file : {noise(1000) + container, noise(1000) + container + noise(2000, 2),
                                  zeroed(container + noise(1000), 0, 24)}) {
    Salvaged result = salvage({file});
    check_contested(result);
    CHECK((result.data == data));
    CHECK(result.message.find("other bytes before or behind it") != std::string::npos);
    CHECK(salvage({file, container}).status == PAXECT_OK);
  }
}

TEST_CASE("a container at the end of one whose front and footer are lost is not proven") {
  for (std::size_t frame : {std::size_t{4096}, kFrame, std::size_t{1} << 20}) {
    Nested nested(kFrame, static_cast<std::int64_t>(frame), 100'000, noise(20'000, 3));
    std::string cut = nested.container.substr(0, nested.inner_at + nested.inner.size());
    if (frame != 1 << 20) cut = noise(5000, 9) + nested.inner;  // its headers are in between else
    for (std::size_t gone :
         {std::size_t{100}, cut.size() - nested.inner.size(), cut.size() - nested.inner.size() + 24}) {
      INFO("outer frames of " << frame << ", " << gone << " bytes gone");
      Salvaged result = salvage({zeroed(cut, 0, gone)});
      check_never(result, nested.inner_data, nested.data);
      CHECK(result.status != PAXECT_OK);
    }
    // The outer header is there, and everything up to the first frame of the inner one is gone.
    Salvaged header = salvage({zeroed(cut, 24, cut.size() - nested.inner.size())});
    CHECK(header.status != PAXECT_OK);
  }
  // The file begins in the header of the inner one, and the outer footer is behind it.
  Nested nested(kFrame, 1 << 20, 100'000);
  check_never(salvage({nested.container.substr(nested.inner_at + 10)}), nested.inner_data, nested.data);
}

TEST_CASE("a container inside of the ruined first frame of one is not proven") {
  // The outer frame does not decompress, and neither a frame nor the footer begins where its header says that
  // it ends. So the search finds the frame and the footer of the inner container, whose header is damaged.
  Nested nested(1 << 20, 1 << 20, 30'000, {}, noise(3000, 3));
  std::string bytes = zeroed(nested.container, nested.inner_at, 10);
  bytes[24 + 14 + 7] = static_cast<char>(bytes[24 + 14 + 7] | 6);  // the reserved type of a zstd block
  bytes.replace(bytes.size() - 44, 44, noise(500, 4));
  for (std::int64_t fill : {PAXECT_FILL_ZERO, PAXECT_FILL_SKIP}) {
    Salvaged result = salvage({bytes}, {{PAXECT_PARAM_FILL, fill}});
    check_contested(result);
    CHECK((result.data == nested.inner_data));
  }
}

TEST_CASE("a container that compression leaves visible in a cut one is not proven") {
  // Zeros before the inner container: zstd writes its header as matches, and its frame and footer as
  // literals. So the inner header is nowhere in the file, and the outer one is in front.
  for (std::int64_t level : {1, 3, 5, 9}) {
    for (std::size_t before : {std::size_t{20}, std::size_t{100}, std::size_t{512}}) {
      std::string inner_data = noise(1000, 7);
      std::string inner = encode(inner_data);
      std::string data = std::string(before, '\0') + inner + noise(200, 3);
      std::string container = encode(data, {{PAXECT_PARAM_LEVEL, level}, {PAXECT_PARAM_THREADS, 1}});
      for (std::size_t cut :
           {std::size_t{1}, std::size_t{44}, std::size_t{45}, std::size_t{60}, std::size_t{240}}) {
        INFO("level " << level << ", " << before << " zeros, cut by " << cut);
        Salvaged result = salvage({container.substr(0, container.size() - cut)});
        check_never(result, inner_data, data);
        if (cut > 44) CHECK(result.status != PAXECT_OK);
      }
    }
  }
  for (const char* name : {"nested-cut-level1", "nested-cut-level5", "nested-cut-small"}) {
    INFO(name);
    check_contested(salvage({read_file(std::string(PAXECT_TEST_VECTORS "/../fuzz/corpus/salvage/") + name)}));
  }
}

TEST_CASE("a whole container behind the beginning of another one is not proven") {
  std::string second_data = noise(5000, 2);
  std::string second = container_of(second_data, 512);
  for (std::int64_t frame : {std::int64_t{512}, std::int64_t{1000}, std::int64_t{4000}}) {
    for (bool compressible : {false, true}) {
      std::string data = compressible ? text(3000, 1) : noise(3000, 1);
      std::string first = container_of(data, frame);
      for (std::size_t cut = 25; cut < first.size(); cut += cut < 100 ? 1 : 37) {
        INFO("frames of " << frame << ", the first " << cut << " of " << first.size() << " bytes");
        Salvaged result = salvage({first.substr(0, cut) + second});
        CHECK(result.status != PAXECT_OK);
        CHECK(result.report.proven == 0);
      }
    }
  }
}

TEST_CASE("an empty container behind one that lost its data frames proves nothing") {
  Salvaged result =
      salvage({read_file(PAXECT_TEST_VECTORS "/../fuzz/corpus/salvage/empty-behind-extensions")});
  CHECK(result.status != PAXECT_OK);
  CHECK(result.report.proven == 0);
}

TEST_CASE("the footer of a protected container is found although bytes follow it and no frame leads to it") {
  std::string data = text(50'000, 1);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, kFrame}, {PAXECT_PARAM_PROTECT, 6}});
  std::vector<Frame> frames = frames_of(container);
  Salvaged result = salvage({zeroed(container, frames.back().start, 40) + noise(1000)});
  CHECK(result.status == PAXECT_OK);
  CHECK((result.data == data));
}

TEST_CASE("an empty container is proven when its footer follows its header, and only then") {
  std::string empty = encode("");
  std::string footer = empty.substr(24);
  CHECK(salvage({empty}).status == PAXECT_OK);
  CHECK(salvage({empty + noise(500)}).status == PAXECT_OK);
  for (const std::string& file :
       {noise(5000) + footer, std::string(5000, '\0') + footer, footer, zeroed(empty, 0, 24),
        empty.substr(0, 24) + noise(300) + footer, noise(300) + empty}) {
    Salvaged result = salvage({file});
    CHECK(result.status != PAXECT_OK);
    CHECK(result.report.proven == 0);
    CHECK(result.data.empty());
  }
}

TEST_CASE("a footer of another container at the end proves nothing and claims nothing") {
  std::string data = text(50'000, 1);
  std::string container = container_of(data, kFrame);
  std::string other = container_of(text(90'000, 2), kFrame);
  std::string footer = other.substr(other.size() - 44);
  Salvaged behind = salvage({container + footer});
  CHECK(behind.status == PAXECT_OK);
  CHECK((behind.data == data));
  Salvaged instead = salvage({container.substr(0, container.size() - 44) + footer});
  CHECK(instead.status == PAXECT_ERROR_PARTIAL);
}

TEST_CASE("copies of two containers, as many of one as of the other, are never proven") {
  std::string data = text(50'000, 1);
  std::string other_data = text(60'000, 2);
  std::string container = container_of(data, kFrame);
  std::string other = container_of(other_data, kFrame);
  for (const auto& copies : {std::vector<std::string>{container, other}, {other, container}}) {
    Salvaged result = salvage(copies);
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK((result.data == data || result.data == other_data));
    CHECK(result.message.find("different containers") != std::string::npos);
  }
  // Two of three are a majority; of one each, the one without damage is.
  CHECK((salvage({container, other, container}).data == data));
  CHECK(salvage({container, other, container}).status == PAXECT_OK);
  std::string damaged = zeroed(other, frames_of(other)[2].start, 200);
  CHECK((salvage({damaged, container}).data == data));
  CHECK(salvage({damaged, container}).status == PAXECT_OK);
}

// Both orders of two whole copies of different containers.
void check_rivals(const std::string& one, const std::string& other) {
  REQUIRE(decode(one).status == PAXECT_OK);
  REQUIRE(decode(other).status == PAXECT_OK);
  check_contested(salvage({one, other}));
  check_contested(salvage({other, one}));
  // Two of three are a majority, and bytes behind the footer do not make a copy less of one.
  CHECK(salvage({other, one, one}).status == PAXECT_OK);
  check_contested(salvage({one + noise(100), other}));
  check_contested(salvage({other, one + noise(100)}));
}

TEST_CASE("two complete copies whose footers have different digests prove nothing, whatever their order") {
  std::string data = noise(50'000);
  std::string container = container_of(data, kFrame);
  std::string changed = data;
  changed[20'000] = static_cast<char>(changed[20'000] ^ 1);
  check_rivals(container, container_of(changed, kFrame));
  check_rivals(container, container_of(data + noise(1000, 2), kFrame));
  check_rivals(container_of(data.substr(0, 2 * kFrame), kFrame),
               container_of(data.substr(0, 3 * kFrame), kFrame));
  // This pattern is a multiple of the polynomial: the CRC-32 of every frame stays the same.
  std::string same_crc = data;
  for (std::size_t i = 0; i < 5; ++i)
    same_crc[20'000 + i] = static_cast<char>(same_crc[20'000 + i] ^ "\x41\x06\x71\xdb\x01"[i]);
  std::string forged = container_of(same_crc, kFrame);
  REQUIRE(forged.substr(0, frames_of(forged)[2].payload) ==
          container.substr(0, frames_of(container)[2].payload));
  check_rivals(container, forged);
  // A digest that is merely damaged claims nothing.
  std::string damaged = zeroed(container, container.size() - 8, 8);
  CHECK(salvage({container, damaged}).status == PAXECT_OK);
  CHECK(salvage({damaged, container}).status == PAXECT_OK);
}

TEST_CASE(
    "copies that differ in one frame, both with a right CRC-32, are proven by the SHA-256 or not at all") {
  std::string data = text(50'000, 1);
  std::string changed = data;
  changed[20'000] = static_cast<char>(changed[20'000] ^ 1);
  std::string container = container_of(data, kFrame);
  std::string forged = container_of(changed, kFrame);
  forged.replace(forged.size() - 44, 44, container, container.size() - 44, 44);
  for (const auto& copies : {std::vector<std::string>{container, forged}, {forged, container}}) {
    Salvaged result = salvage(copies);
    if (result.status == PAXECT_OK) {
      CHECK((result.data == data));
    } else {
      CHECK(result.status == PAXECT_ERROR_PARTIAL);
      CHECK(result.unconfirmed == std::vector<Range>{{2 * kFrame, 3 * kFrame, 1, true}});
    }
  }
  std::string no_footer = container.substr(0, container.size() - 44);
  std::string forged_no_footer = forged.substr(0, forged.size() - 44);
  CHECK(salvage({no_footer, forged_no_footer}).unconfirmed ==
        std::vector<Range>{{2 * kFrame, 3 * kFrame, 1, true}});
}

TEST_CASE("swapped frames are never proven") {
  std::string data = text(50'000, 1);
  for (int channels : {1, 4}) {
    std::string container = container_of(data, kFrame, channels);
    std::vector<Frame> frames = frames_of(container);
    for (std::size_t i = 0; i + 2 < frames.size(); ++i) {
      const Frame& a = frames[i];
      const Frame& b = frames[i + 1];
      std::string swapped = container.substr(0, a.start) + container.substr(b.start, b.end - b.start) +
                            container.substr(a.start, a.end - a.start) + container.substr(b.end);
      Salvaged result = salvage({swapped});
      CHECK(result.status == PAXECT_ERROR_PARTIAL);
      Salvaged both = salvage({swapped, container});
      CHECK((both.status != PAXECT_OK || both.data == data));
    }
  }
}

TEST_CASE(
    "frames that do not have the length of the header's frame size are salvaged as a decoder takes them") {
  // The frames of two containers of different frame sizes behind one header.
  std::string first = text(3 * 4096 + 100, 1);
  std::string second = text(5 * 2048 + 7, 2);
  std::string a = container_of(first, 4096);
  std::string b = container_of(second, 2048);
  std::string whole = container_of(first + second, kFrame);
  std::string container =
      a.substr(0, a.size() - 44) + b.substr(24, b.size() - 68) + whole.substr(whole.size() - 44);
  std::size_t count = frames_of(container).size();
  container[container.size() - 36] = static_cast<char>(count);
  REQUIRE(decode(container).status == PAXECT_OK);
  Salvaged result = salvage({container});
  CHECK(result.status == PAXECT_OK);
  CHECK((result.data == first + second));
  Salvaged half = salvage({container.substr(0, container.size() / 2), container});
  CHECK(half.status == PAXECT_OK);
  CHECK((half.data == first + second));
  std::vector<Frame> frames = frames_of(container);
  Salvaged damaged = salvage({zeroed(container, frames[2].payload, 30)});
  CHECK(damaged.status == PAXECT_ERROR_PARTIAL);
  CHECK((damaged.data == zeroed(first + second, 2 * 4096, 4096)));
}

}  // namespace
}  // namespace paxect::test
