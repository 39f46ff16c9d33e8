// Protected containers: what encoding with PAXECT_PARAM_PROTECT adds, and what repair restores.
#include <rapidjson/document.h>

#include <bit>
#include <string>
#include <vector>

#include "codec.h"
#include "repairing.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
TEST_CASE(
    "protect: without its extension frames, a container is the plain one but for the number of frames") {
  for_each_sample([](const std::string& container, std::int64_t) {
    std::string plain = container.substr(0, 24);
    std::size_t extensions = 0;
    for (const Frame& frame : frames_of(container)) {
      if (frame.size != 0) plain += container.substr(frame.start, frame.end - frame.start);
      if (frame.size == 0) ++extensions;
    }
    CHECK(extensions >= 2);
    Decoded decoded = decode(container);
    REQUIRE(decoded.status == PAXECT_OK);
    std::string footer = container.substr(container.size() - 44);
    std::uint32_t frames = 0;
    for (std::size_t i = 0; i < 4; ++i)
      frames |= std::uint32_t{static_cast<unsigned char>(footer[8 + i])} << 8 * i;
    std::uint32_t expected = frames - static_cast<std::uint32_t>(extensions);
    plain += footer.substr(0, 8) + little_endian(expected) + footer.substr(12);
    int frame_size = 0;
    for (std::size_t i = 0; i < 4; ++i)
      frame_size |= int{static_cast<unsigned char>(container[12 + i])} << 8 * i;
    CHECK(plain == encode(decoded.data, {{PAXECT_PARAM_FRAME_SIZE, frame_size}, {PAXECT_PARAM_LEVEL, 1}}));
  });
}

TEST_CASE("protect: the bytes do not depend on threads and chunks, and fit into the bound") {
  for (std::int64_t percent : kPercents) {
    std::string data = motley(18 << 20, 300000);
    auto with = [&](std::int64_t threads, std::size_t chunk) {
      return encode(
          data, {{PAXECT_PARAM_PROTECT, percent}, {PAXECT_PARAM_LEVEL, -7}, {PAXECT_PARAM_THREADS, threads}},
          chunk);
    };
    std::string container = with(1, SIZE_MAX);
    CHECK(with(3, 100001) == container);
  }
  for_each_sample([](const std::string& container, std::int64_t percent) {
    Decoded decoded = decode(container);
    Encoder encoder = make_encoder({{PAXECT_PARAM_PROTECT, percent}, {PAXECT_PARAM_FRAME_SIZE, 4096}});
    CHECK(paxect_encoder_bound(encoder.get(), decoded.data.size()) >= container.size());
  });
}

TEST_CASE("repair: an undamaged container comes out as it is") {
  for_each_sample([](const std::string& container, std::int64_t percent) {
    Repaired result = repair({container});
    CHECK(result.status == PAXECT_OK);
    CHECK(result.container == container);
    CHECK(result.report.damaged == 0);
    CHECK(result.report.protection == percent);
    CHECK(result.report.container_size == container.size());
  });
}

TEST_CASE_OF_EACH_SIZE("repair: a piece of the promised size is restored, wherever it was lost") {
  Random random(3);
  for_each_percent(kPart, [&](const std::string& container, std::int64_t percent) {
    std::size_t size = covered(container) * static_cast<std::size_t>(percent) / 100;
    if (size == 0) size = 1;
    std::size_t last = container.size() - size;
    std::vector<std::size_t> places{0, last, 24, covered(container) - size / 2};
    for (int i = 0; i < rounds(2); ++i) places.push_back(random() % (last + 1));
    for (std::size_t at : places) {
      INFO("bytes " << at << " to " << at + size);
      check_restored(at % 2 == 0 ? zeroed(container, at, size) : overwritten(container, at, size, random),
                     container);
    }
    check_restored(container.substr(0, last), container);
  });
}

TEST_CASE("repair: any one byte of a container with one frame is restored, those of its header included") {
  for (const Sample& sample : {kSamples[1], kSamples[2]}) {
    const std::string container = protect(sample, 1);
    for (std::size_t at = 0; at < std::min<std::size_t>(container.size(), 60); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        INFO("bit " << bit << " of byte " << at);
        std::string damaged = container;
        damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
        check_restored(damaged, container);
      }
  }
}

TEST_CASE_OF_EACH_SIZE("repair: nothing else passes for the original after hits above the promise") {
  Random random(6);
  unsigned refused = 0;
  for_each_percent(kPart, [&](const std::string& container, std::int64_t percent) {
    for (int i = 0; i < rounds(2); ++i) {
      std::string damaged = container;
      std::size_t hits = 1 + random() % 8;
      std::size_t size =
          container.size() * static_cast<std::size_t>(percent) * (2 + random() % 3) / 100 / hits + 1;
      for (std::size_t hit = 0; hit < hits; ++hit)
        damaged = overwritten(damaged, random() % container.size(), size, random);
      Repaired result = repair({damaged});
      if (result.status == PAXECT_OK) REQUIRE(result.container == container);
      if (result.status != PAXECT_OK) {
        ++refused;
        CHECK((result.status == PAXECT_ERROR_DAMAGED || result.status == PAXECT_ERROR_NO_PROTECTION));
        CHECK(result.message.starts_with("cannot be repaired"));
      }
    }
  });
  CHECK(refused > 0);
}

TEST_CASE("repair: a container without protection is refused, also when its data is a protected one") {
  std::string protected_one = protect(kSamples[4], 6);
  CHECK(repair({encode("plain")}).status == PAXECT_ERROR_NO_PROTECTION);
  CHECK(repair({""}).status == PAXECT_ERROR_NO_PROTECTION);
  CHECK(repair({encode(protected_one, {{PAXECT_PARAM_FRAME_SIZE, 100000}})}).status ==
        PAXECT_ERROR_NO_PROTECTION);
  std::string outer = encode(protected_one, {{PAXECT_PARAM_PROTECT, 6}});
  check_restored(zeroed(outer, 5000, 6000), outer);
}

TEST_CASE("repair: the container in the data of a damaged one is not taken for it") {
  std::string inner = protect(kSamples[5], 25);
  std::string outer = encode(noise(30000, 1) + inner + noise(30000, 2), {{PAXECT_PARAM_FRAME_SIZE, 8 << 20}});
  auto refused = [](const std::string& damaged) {
    Repaired result = repair({damaged});
    CHECK(result.container.empty());
    return result.status == PAXECT_ERROR_NO_PROTECTION || result.status == PAXECT_ERROR_DAMAGED;
  };
  for (std::size_t lost : {1u, 24u, 1000u, 20000u}) {
    CHECK(refused(zeroed(outer, 0, lost)));
    CHECK(refused(outer.substr(lost)));
    CHECK(refused(zeroed(outer, 0, lost).substr(0, outer.size() - 10000)));
  }
  // With nothing else in its data, and another block around every 128 KiB of it.
  for (int frame : {100000, 1 << 20, 8 << 20}) {
    std::string wrapped = encode(inner, {{PAXECT_PARAM_FRAME_SIZE, frame}});
    CHECK(refused(zeroed(wrapped, 0, 1)));
    CHECK(refused(zeroed(wrapped, 0, 24)));
    CHECK(refused(zeroed(wrapped, 60000, 1)));
  }
}

// What is left may be a part of the container around it, or this container that has lost both of its ends.
TEST_CASE("repair: a container of which both ends are lost is not taken for that of the file") {
  const std::string inner = protect(kSamples[small], 25);
  const std::string part = inner.substr(100, inner.size() - 120);
  const Repaired result = repair({part});
  CHECK(result.status == PAXECT_ERROR_NO_PROTECTION);
  CHECK(result.container.empty());
  CHECK(result.message.find("both ends") != std::string::npos);
  const Salvaged salvaged = salvage({part});
  CHECK(salvaged.status == PAXECT_ERROR_PARTIAL);
  CHECK(salvaged.report.contested == 1);
  CHECK((salvaged.data == decode(inner).data));
  // Either end shows it.
  check_restored(inner.substr(100), inner);
  const std::string front = inner.substr(0, inner.size() - 20);
  check_restored(front, inner);
  check_restored(front.substr(0, 30) + noise(90, 1) + front.substr(30), inner);
  check_restored(front.substr(0, 30) + front.substr(33), inner);
  CHECK(repair({part, inner.substr(100)}).container == inner);
}

TEST_CASE("repair: of two containers in one file, neither is taken for it") {
  std::string first = protect(kSamples[4], 25);
  std::string second = encode(noise(20000, 8), {{PAXECT_PARAM_PROTECT, 25}});
  const std::string plain = encode(noise(30000, 9));
  const std::vector<std::string> files = {first + second,
                                          second + first,
                                          first.substr(5000) + second,
                                          plain + first,
                                          zeroed(plain, 10, 1) + first,
                                          first + first,
                                          first + zeroed(first, 200000, 1000),
                                          first + plain};
  for (const std::string& both : files) {
    INFO("file " << &both - files.data());
    Repaired result = repair({both});
    CHECK(result.status == PAXECT_ERROR_NO_PROTECTION);
    CHECK(result.message.find("not part of the protected container") != std::string::npos);
    CHECK(result.container.empty());
  }
}

TEST_CASE("repair: every flipped bit of the header is repaired, also when data is damaged") {
  std::string container = zeroed(protect(kSamples[4], 25), 150000, 100);
  for (std::size_t bit = 0; bit < std::size_t{24} * 8; ++bit) {
    INFO("bit " << bit);
    std::string damaged = container;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    check_restored(damaged, protect(kSamples[4], 25));
  }
}

TEST_CASE("repair: a beginning that another container overwrote is repaired") {
  std::string container = protect(kSamples[4], 25);
  std::string older = encode(noise(300000, 77), {{PAXECT_PARAM_FRAME_SIZE, 4096}});
  std::string protected_older = encode(noise(30000, 77), {{PAXECT_PARAM_PROTECT, 25}});
  check_restored(older.substr(0, 30000) + container.substr(30000), container);
  check_restored(protected_older.substr(0, 30000) + container.substr(30000), container);
}

// As when it is written in place, without shortening the file.
TEST_CASE("repair: a whole container over the beginning of a larger one is not replaced by the older data") {
  const std::string old_container = encode(noise(400000, 1), {{PAXECT_PARAM_PROTECT, 50}});
  const std::string data = noise(50000, 77);
  for (const std::string& whole : {encode(data), encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}}), encode(""),
                                   encode("x"), encode(data, {{PAXECT_PARAM_PROTECT, 25}})}) {
    INFO("of " << whole.size() << " bytes");
    const std::string mixed = whole + old_container.substr(whole.size());
    const Repaired result = repair({mixed});
    CHECK(result.status == PAXECT_ERROR_DAMAGED);
    CHECK(result.report.reason == PAXECT_REPAIR_DATA_PROVEN);
    CHECK(result.message.find("proves the data of bytes 0 to " + std::to_string(whole.size()) + " of copy") !=
          std::string::npos);
    CHECK(result.message.ends_with("copy these bytes to a file of their own"));
    CHECK(repair({old_container, mixed}).status == PAXECT_ERROR_DAMAGED);
    const Salvaged salvaged = salvage({mixed});
    // There is nothing to salvage of a container without data.
    CHECK(
        (salvaged.status != PAXECT_OK || decode(whole).data.empty() || salvaged.data == decode(whole).data));
    // A part of it is damage.
    check_restored(whole.substr(0, whole.size() - 1) + old_container.substr(whole.size() - 1), old_container);
  }
}

TEST_CASE("repair: bytes inserted at any place of the last ones are damage") {
  const std::string container = protect(kSamples[small], 10);
  for (std::size_t behind = 1; behind <= 200; ++behind)
    for (const int size : {1, 8, 44, 60, 88}) {
      INFO(size << " bytes, " << behind << " before the end");
      std::string damaged = container;
      damaged.insert(container.size() - behind, noise(static_cast<std::size_t>(size), 3));
      check_restored(damaged, container);
    }
}

// The cut took all checksums of the last cells. Their data is right, but nothing shows that the rest of their
// bytes is.
TEST_CASE("repair: cells without a checksum are not proven by the data alone") {
  std::string container = encode(
      noise(8 << 20, 1), {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_CHANNELS, 4}, {PAXECT_PARAM_LEVEL, 1}});
  std::vector<Frame> frames = frames_of(container);
  std::size_t cut = frames[8].start + 2 * 4096;
  REQUIRE(frames[8].size == 0);  // the extension frame
  std::string damaged = container.substr(0, cut);
  CHECK(repair({damaged}).container == container);
  std::size_t channel = frames[6].start;
  damaged[channel] = static_cast<char>(damaged[channel] ^ 1);
  Repaired result = repair({damaged});
  CHECK(result.status == PAXECT_ERROR_DAMAGED);
  CHECK(result.container.empty());
}

TEST_CASE("repair: the message says which window lacks how many cells at which bytes") {
  std::string container = protect(kSamples[5], 6);
  Repaired result = repair({zeroed(container, 409600, 409600)});
  REQUIRE(result.status == PAXECT_ERROR_DAMAGED);
  CHECK(result.message ==
        "cannot be repaired: window 0 lacks 52 cells of 4096 bytes, damaged between bytes 409600 and 819200");
  CHECK(result.report.damaged == 100);
  CHECK(result.report.lacking == 52);
}

TEST_CASE("repair: of several windows, each can lose its share") {
  std::string container =
      encode(noise(40 << 20, 8),
             {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_LEVEL, -7}, {PAXECT_PARAM_FRAME_SIZE, 1 << 20}});
  Random random(12);
  constexpr std::size_t kPiece = (16 << 20) * 6 / 100;
  std::string damaged = zeroed(container, 0, kPiece);
  damaged = zeroed(damaged, 20 << 20, kPiece);
  damaged = overwritten(damaged, 39 << 20, kPiece, random);
  check_restored(damaged, container);
  check_restored(container.substr(0, container.size() - kPiece), container);
  std::string scattered = container;
  for (std::size_t sector = 0; sector < container.size() / 4096; ++sector)
    if (random() % 200 == 0) scattered = zeroed(scattered, sector * 4096, 4096);
  check_restored(scattered, container);
}

TEST_CASE("repair: the vectors have the outcome that their index says") {
  const std::string folder = std::string(PAXECT_TEST_VECTORS) + "/protect/";
  rapidjson::Document index;
  index.Parse(read_file(folder + "index.json").c_str());
  REQUIRE(index.IsObject());
  for (const auto& vector : index["protected"].GetArray()) {
    std::string name = vector["name"].GetString();
    INFO(name);
    std::string container = read_file(folder + name + ".freq");
    std::string data = read_file(folder + name + ".bin");
    const std::pair<const char*, paxect_parameter> known[] = {{"protect", PAXECT_PARAM_PROTECT},
                                                              {"frame", PAXECT_PARAM_FRAME_SIZE},
                                                              {"channels", PAXECT_PARAM_CHANNELS},
                                                              {"level", PAXECT_PARAM_LEVEL}};
    Parameters parameters;
    for (const auto& [key, parameter] : known)
      if (vector["options"].HasMember(key))
        parameters.emplace_back(parameter, vector["options"][key].GetInt64());
    CHECK(decode(container).data == data);
    CHECK(repair({container}).container == container);
    if (paxect_core_zstd_version_number() == 10504 && std::endian::native == std::endian::little)
      CHECK(encode(data, parameters) == container);
  }
  for (const auto& vector : index["damaged"].GetArray()) {
    std::string name = vector["name"].GetString();
    INFO(name << ": " << vector["why"].GetString());
    Repaired result = repair({read_file(folder + name + ".freq")});
    CHECK(paxect_status_exit_code(result.status) == vector["exit"].GetInt());
    if (result.status == PAXECT_OK)
      CHECK(result.container == read_file(folder + vector["of"].GetString() + ".freq"));
  }
}

}  // namespace paxect::test
