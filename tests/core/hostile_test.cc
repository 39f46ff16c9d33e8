// Containers with false lengths: memory is allocated for data that has arrived and was checked, never for a
// declared length.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::uint32_t kGiB = std::uint32_t{1} << 30;

// An allocator that records the largest request.
struct Meter {
  std::atomic<std::size_t> largest{0};
  static void* allocate(void* opaque, std::size_t size) {
    std::atomic<std::size_t>& largest = static_cast<Meter*>(opaque)->largest;
    for (std::size_t seen = largest; size > seen && !largest.compare_exchange_weak(seen, size);) {
    }
    return std::malloc(size);
  }
  static void release(void*, void* memory) { std::free(memory); }
  paxect_allocator functions() { return {sizeof(paxect_allocator), this, allocate, release}; }
};

std::string header(std::uint32_t frame_size) {
  return std::string("PXC1\x2a\0\0\0\0\0\0\5", 12) + little_endian(frame_size) +
         std::string("\1\0\0\0\0\0\0\0", 8);
}
std::string frame(std::uint32_t clen, std::uint32_t ulen, const std::string& payload) {
  return std::string(2, '\0') + little_endian(clen) + little_endian(ulen) + std::string(4, '\0') + payload;
}
// A zstd frame with a content size of `content` bytes and one raw block of two bytes.
std::string lying_zstd_frame(std::uint32_t content) {
  return std::string("\x28\xb5\x2f\xfd\xa0", 5) + little_endian(content) + std::string("\x11\0\0ab", 5);
}
const std::string kFooter(44, '\0');

struct Hostile {
  const char* what;
  std::string container;
  int exit = 4;
};
std::vector<Hostile> hostile_containers() {
  constexpr std::uint32_t kAll = 0xffffffff;
  constexpr std::uint32_t kBound = kGiB + kGiB / 256;
  std::string lie = lying_zstd_frame(kGiB);
  auto lie_size = static_cast<std::uint32_t>(lie.size());
  return {{"a header alone that announces 4 GiB frames", header(kAll) + kFooter, 2},
          {"all lengths as large as they go", header(kAll) + frame(kAll, kAll, noise(1000)) + kFooter},
          {"a payload of 1 GiB of which 1,000 bytes come",
           header(kAll) + frame(kBound, kGiB, noise(1000)) + kFooter},
          {"a payload of 1 GiB of which 100 KB come",
           header(kAll) + frame(kBound, kGiB, noise(100'000)) + kFooter},
          {"a frame of 1 GiB in a payload of 14 bytes", header(kAll) + frame(lie_size, kGiB, lie) + kFooter},
          {"many such frames",
           [&] {
             std::string all = header(kAll);
             for (int i = 0; i < 100; ++i) all += frame(lie_size, kGiB, lie);
             return all + kFooter;
           }()},
          {"a large extension frame", header(1) + frame(kAll, 0, noise(1000)) + kFooter}};
}

Decoder make_metered_decoder(Meter& meter, int threads) {
  paxect_allocator functions = meter.functions();
  paxect_decoder* handle = nullptr;
  REQUIRE(paxect_decoder_create(&functions, &handle) == PAXECT_OK);
  Decoder decoder(handle);
  REQUIRE(paxect_decoder_set_parameter(handle, PAXECT_PARAM_THREADS, threads) == PAXECT_OK);
  return decoder;
}

TEST_CASE("no single allocation is larger than the input justifies") {
  for (const Hostile& hostile : hostile_containers()) {
    for (int threads : {1, 4}) {
      INFO(hostile.what << ", " << threads << " threads");
      std::string out;
      Meter pushed, pulled, known, memory;
      Decoder decoder = make_metered_decoder(pushed, threads);
      CHECK(paxect_status_exit_code(decode_with(decoder.get(), hostile.container, 100).status) ==
            hostile.exit);
      CHECK(pushed.largest < 2 * kMiB);

      decoder = make_metered_decoder(pulled, threads);
      Source source{hostile.container};
      paxect_decoder_set_sink(decoder.get(), append, &out);
      CHECK(paxect_status_exit_code(paxect_decoder_run(decoder.get(), Source::read, &source)) ==
            hostile.exit);
      CHECK(pulled.largest < 2 * kMiB);

      decoder = make_metered_decoder(known, threads);
      source = {hostile.container};
      paxect_decoder_set_parameter(decoder.get(), PAXECT_PARAM_CONTAINER_SIZE,
                                   static_cast<std::int64_t>(hostile.container.size()));
      paxect_decoder_set_sink(decoder.get(), append, &out);
      CHECK(paxect_status_exit_code(paxect_decoder_run(decoder.get(), Source::read, &source)) ==
            hostile.exit);
      CHECK(known.largest < 2 * kMiB);

      decoder = make_metered_decoder(memory, threads);
      std::vector<char> buffer(1000);
      std::size_t size = 0;
      CHECK(paxect_decoder_decode_buffer(decoder.get(), hostile.container.data(), hostile.container.size(),
                                         buffer.data(), buffer.size(), &size) != PAXECT_OK);
      CHECK(memory.largest < 2 * kMiB);
    }
  }
}

TEST_CASE("a reader allocates no more than the frames it reads justify") {
  TempDir dir;
  for (const Hostile& hostile : hostile_containers()) {
    INFO(hostile.what);
    // A total size in the footer, so that there is data to read.
    std::string container = hostile.container.substr(0, hostile.container.size() - kFooter.size());
    write_file(dir / "container", container + little_endian(std::uint64_t{kGiB}) + std::string(36, '\0'));
    Meter meter;
    paxect_allocator functions = meter.functions();
    paxect_reader* handle = nullptr;
    REQUIRE(paxect_reader_create(&functions, &handle) == PAXECT_OK);
    Reader reader(handle);
    REQUIRE(paxect_reader_open_path(handle, (dir / "container").c_str()) == PAXECT_OK);
    std::string out;
    CHECK(paxect_status_exit_code(paxect_reader_read(handle, 0, 1, append, &out)) == 4);
    CHECK(meter.largest < 2 * kMiB);
  }
}

TEST_CASE("salvage allocates no more than the frames it finds justify") {
  TempDir dir;
  for (const Hostile& hostile : hostile_containers()) {
    INFO(hostile.what);
    write_file(dir / "copy", hostile.container);
    Meter meter;
    paxect_allocator functions = meter.functions();
    paxect_salvager* handle = nullptr;
    REQUIRE(paxect_salvager_create(&functions, &handle) == PAXECT_OK);
    Salvager salvager(handle);
    int fd = open((dir / "copy").c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(paxect_salvager_add_fd(handle, fd, "copy") == PAXECT_OK);
    std::string out;
    paxect_salvager_set_sink(handle, append, &out);
    CHECK(paxect_salvager_run(handle) != PAXECT_OK);
    close(fd);
    CHECK(out.size() < 2 * kMiB);
    CHECK(meter.largest < 8 * kMiB);
  }
}

TEST_CASE("the allocation for a long payload grows with the bytes that have arrived") {
  Meter meter;
  Decoder decoder = make_metered_decoder(meter, 1);
  std::string out;
  paxect_decoder_set_sink(decoder.get(), append, &out);
  std::string start = header(kGiB) + frame(kGiB, kGiB, "");
  REQUIRE(paxect_decoder_write(decoder.get(), start.data(), start.size()) == PAXECT_OK);
  std::string part = noise(kMiB);
  for (std::size_t arrived = kMiB; arrived <= 32 * kMiB; arrived += kMiB) {
    REQUIRE(paxect_decoder_write(decoder.get(), part.data(), part.size()) == PAXECT_OK);
    CHECK(meter.largest <= 2 * arrived + 2 * kMiB);
  }
}

TEST_CASE("an encoder with frames of 4 GiB allocates memory for the data that it receives") {
  Meter meter;
  paxect_allocator functions = meter.functions();
  paxect_encoder* handle = nullptr;
  REQUIRE(paxect_encoder_create(&functions, &handle) == PAXECT_OK);
  Encoder encoder(handle);
  REQUIRE(paxect_encoder_set_parameter(handle, PAXECT_PARAM_FRAME_SIZE, 0xffffffff) == PAXECT_OK);
  std::string out;
  paxect_encoder_set_sink(handle, append, &out);
  std::string data = text(100'000);
  REQUIRE(paxect_encoder_write(handle, data.data(), data.size()) == PAXECT_OK);
  REQUIRE(paxect_encoder_finish(handle) == PAXECT_OK);
  CHECK(meter.largest < 2 * kMiB);
  CHECK(decode(out).data == data);
}

TEST_CASE("the command refuses false lengths within a small address space") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("skipped: a sanitizer takes terabytes of address space for itself");
#else
  TempDir dir;
  std::string data = text(3 * kMiB);
  write_file(dir / "good", encode(data));
  auto decode_limited = [&](const std::string& name) {
    return run({.argv = {"sh", "-c", "ulimit -v 524288; exec \"$0\" decode --threads 2 -i \"$1\"",
                         PAXECT_TEST_BIN "/paxect-core", dir / name}});
  };
  Result good = decode_limited("good");
  CHECK(good.status == 0);
  CHECK(good.output == data);
  for (const Hostile& hostile : hostile_containers()) {
    write_file(dir / "hostile", hostile.container);
    Result result = decode_limited("hostile");
    INFO(hostile.what << ": " << result.error);
    CHECK(result.status == hostile.exit);
  }
#endif
}

}  // namespace
}  // namespace paxect::test
