// The arithmetic of protection, and the bytes that the protector writes.
#include <algorithm>

#include <random>
#include <string>
#include <vector>

#include "protect/galois.h"
#include "protect/protector.h"
#include "support/catch.h"

using namespace paxect::core;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::vector<const std::uint8_t*> starts(const std::vector<Bytes>& cells) {
  std::vector<const std::uint8_t*> all;
  for (const Bytes& cell : cells) all.push_back(cell.data());
  return all;
}
std::vector<std::uint8_t*> starts(std::vector<Bytes>& cells) {
  std::vector<std::uint8_t*> all;
  for (Bytes& cell : cells) all.push_back(cell.data());
  return all;
}

std::int32_t append(void* to, const void* data, std::size_t size) {
  auto* bytes = static_cast<const std::uint8_t*>(data);
  static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
  return 0;
}

}  // namespace

TEST_CASE("protection: the multiplier of this build gives the bytes of the plain loop") {
  std::mt19937 engine(7);
  auto random = [&] { return static_cast<unsigned>(engine()); };
  for (unsigned round = 0; round < 40; ++round) {
    unsigned rows = 1 + random() % 70;
    unsigned columns = 1 + random() % 128;
    std::size_t size = std::size_t{64} << random() % 7;
    Bytes factors = random_bytes(std::size_t{rows} * columns, random());
    std::vector<Bytes> in;
    for (unsigned i = 0; i < columns; ++i) in.push_back(random_bytes(size, random()));
    std::vector<Bytes> fast(rows, Bytes(size, 1));
    std::vector<Bytes> plain(rows, Bytes(size));
    const galois::Multiplier multiplier(rows, columns, factors.data());
    multiplier.apply(size, starts(std::as_const(in)).data(), starts(fast).data());
    for (unsigned row = 0; row < rows; ++row)
      for (unsigned column = 0; column < columns; ++column)
        galois::add_plain(factors[row * columns + column], size, in[column].data(), plain[row].data());
    REQUIRE(fast == plain);
    std::vector<Bytes> added(rows, Bytes(size));
    for (unsigned column = 0; column < columns; ++column)
      multiplier.add(column, size, in[column].data(), starts(added).data());
    REQUIRE(added == plain);
  }
}

TEST_CASE("protection: multiplication has the values of the polynomial 0x11d") {
  CHECK(galois::multiply(0, 7) == 0);
  CHECK(galois::multiply(2, 0x80) == 0x1d);
  CHECK(galois::multiply(0x53, 0xca) == 0x8f);
  CHECK(galois::multiply(galois::coefficient(0, 0), 128) == 1);
  CHECK(galois::multiply(galois::coefficient(126, 127), 254 ^ 127) == 1);
}

TEST_CASE("protection: the inverse of any rows and columns of the code gives the identity") {
  std::mt19937 random(11);
  for (std::size_t size : {1u, 2u, 9u, 64u, 127u}) {
    std::vector<unsigned> rows(127);
    std::vector<unsigned> columns(128);
    for (unsigned i = 0; i < rows.size(); ++i) rows[i] = i;
    for (unsigned i = 0; i < columns.size(); ++i) columns[i] = i;
    std::shuffle(rows.begin(), rows.end(), random);
    std::shuffle(columns.begin(), columns.end(), random);
    rows.resize(size);
    columns.resize(size);
    std::vector<std::uint8_t> inverse = galois::inverse(rows, columns);
    bool identity = true;
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) {
        std::uint8_t sum = 0;
        for (std::size_t k = 0; k < size; ++k)
          sum ^= galois::multiply(inverse[i * size + k], galois::coefficient(rows[k], columns[j]));
        identity = identity && sum == (i == j ? 1 : 0);
      }
    CHECK(identity);
  }
}

TEST_CASE("protection: a window can lose its percentage in one piece, wherever the piece begins") {
  for (unsigned percent = kMinProtect; percent <= kMaxProtect; ++percent)
    for (std::uint64_t length : {1ull, 24ull, 64ull, 65ull, 129ull, 1000ull, 8192ull, 8193ull, 100000ull,
                                 600000ull, (1ull << 20) + 1, 16ull << 20, 40ull << 20})
      for (bool only : {true, false}) {
        WindowShape shape = choose_shape(length, percent, only);
        INFO(percent << " % of " << length << (only ? ", only" : ""));
        REQUIRE(shape.possible());
        std::uint64_t lost = (length * percent + 99) / 100;
        std::uint64_t touched = (lost + shape.cell() - 1) / shape.cell() + (lost > 1 ? 1 : 0);
        std::uint64_t most = (std::min(touched, shape.data_cells()) + shape.words - 1) / shape.words;
        CHECK(most <= shape.parity);
      }
}

TEST_CASE("protection: the extension frames are well-formed, aligned, and where the layout says") {
  Protector protector{Allocator()};
  protector.begin(6);
  Bytes container;
  Callbacks callbacks{.sink = append, .sink_opaque = &container};
  std::array<std::uint8_t, kHeaderSize> header_bytes;
  Header header{.flags = 0, .mapping = 0, .level = 5, .frame_size = 1 << 20, .channels = 1};
  write_header(header, header_bytes);
  container.assign(header_bytes.begin(), header_bytes.end());
  REQUIRE(protector.add_header(header_bytes).ok());
  std::vector<std::uint64_t> extensions;
  for (unsigned i = 0; i < 40; ++i) {
    Bytes frame = random_bytes((1 << 20) - 1000 + i, i);
    std::uint64_t written = 0;
    std::uint64_t at = container.size();
    REQUIRE(protector.before_frame(frame, callbacks, written).ok());
    if (written != 0) {
      extensions.push_back(at);
      CHECK(container.size() == at + written);
      CHECK(container.size() % 4096 == 0);
    }
    REQUIRE(protector.add_frame(frame).ok());
    container.insert(container.end(), frame.begin(), frame.end());
  }
  CHECK(extensions.size() == 2);
  CHECK(protector.frames() == 4);
  std::uint64_t at = container.size();
  std::uint64_t written = 0;
  REQUIRE(protector.finish(header, Footer{}, callbacks, written).ok());
  CHECK(container.size() == at + written);
  extensions.push_back(at);
  std::size_t lists = 0;
  std::size_t trailers = 0;
  for (std::size_t i = 0; i + kListHeaderSize <= container.size(); ++i) {
    std::span<const std::uint8_t> here(container.data() + i, container.size() - i);
    RecordKind kind = record_kind(here.first<kRecordStartSize>());
    ListHeader list;
    Trailer trailer;
    if (kind == RecordKind::kList && read_list_header(here.first<kListHeaderSize>(), list)) {
      ++lists;
      CHECK(list.offset == i);
      CHECK(i % 4096 == 0);
    }
    if (kind == RecordKind::kTrailer && read_trailer(here.first<kTrailerSize>(), trailer)) {
      ++trailers;
      CHECK(trailer.offset == i);
      CHECK(trailer.windows == 3);
      CHECK(trailer.container_size == container.size() + kFooterSize);
    }
  }
  CHECK(trailers == 4);
  CHECK(lists == 3 * (5 + 5 + 3));
  for (std::uint64_t extension : extensions) {
    std::span<const std::uint8_t> here(container.data() + extension, container.size() - extension);
    FrameHeader frame = read_frame_header(here.first<kFrameHeaderSize>());
    CHECK(frame.ulen == 0);
    CHECK(check_extension(frame, here.subspan<kFrameHeaderSize, kExtensionPrefixSize>()).ok());
  }
}
