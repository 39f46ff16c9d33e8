// Small containers with each bit flipped in turn, through every way of reading one: status 0 never comes with
// other data, and what info reports as verified is correct.
#include <unistd.h>

#include <array>
#include <functional>

#include "codec.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

constexpr std::array<std::int64_t, 3> kThreads = {1, 2, 8};

struct Sample {
  std::string data;
  std::string container;
};

// `container` with an extension frame before its first frame.
std::string with_extension(std::string container) {
  std::string frame("\0\0\x15\0\0\0\0\0\0\0\0\0\0\0", 14);
  frame.append("\x28\xb5\x2f\xfd\x20\0\1\0\0\x50\x2a\x4d\x18\4\0\0\0note", 21);
  container.insert(24, frame);
  char& frames = container[container.size() - 44 + 8];
  frames = static_cast<char>(frames + 1);
  return container;
}

// Raw, RLE and compressed blocks, one and several channels, an extension frame, a last frame that is shorter,
// no data at all.
std::vector<Sample> samples() {
  std::string words = text(400);
  std::string random = noise(50);
  std::string zeros(3000, '\0');
  return {
      {words, encode(words, {{PAXECT_PARAM_FRAME_SIZE, 150}, {PAXECT_PARAM_CHANNELS, 2}})},
      {random, with_extension(encode(random, {{PAXECT_PARAM_FRAME_SIZE, 20}, {PAXECT_PARAM_CHANNELS, 3}}))},
      {zeros, encode(zeros, {{PAXECT_PARAM_FRAME_SIZE, 1000}})},
      {"", encode("")}};
}

// Calls `visit` with each container that differs from a sample in one bit.
void each_flipped_bit(const std::function<void(const Sample& sample, const std::string& damaged)>& visit) {
  for (const Sample& sample : samples()) {
    std::string damaged = sample.container;
    for (std::size_t bit = 0; bit < 8 * damaged.size(); ++bit) {
      auto flip = [&] { damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8)); };
      INFO("bit " << bit % 8 << " of byte " << bit / 8 << " of " << damaged.size());
      flip();
      visit(sample, damaged);
      flip();
    }
  }
}

// The path under which the process itself can open a file that has no name.
std::string path_of(const MemoryFile& file) { return "/proc/self/fd/" + std::to_string(file.fd()); }

TEST_CASE("one flipped bit never decodes to other data, pushed, pulled or in memory, with any threads") {
  for (std::int64_t threads : kThreads) {
    Decoder decoder = make_decoder({{PAXECT_PARAM_THREADS, threads}});
    each_flipped_bit([&](const Sample& sample, const std::string& damaged) {
      Decoded pushed = decode_with(decoder.get(), damaged, 7);
      if (pushed.status == PAXECT_OK) CHECK(pushed.data == sample.data);

      std::string pulled;
      paxect_decoder_reset(decoder.get());
      paxect_decoder_set_sink(decoder.get(), append, &pulled);
      Source source{damaged, 11};
      paxect_status status = paxect_decoder_run(decoder.get(), Source::read, &source);
      CHECK(status == pushed.status);
      if (status == PAXECT_OK) CHECK(pulled == sample.data);

      std::string out(sample.data.size() + 100, '\0');
      std::size_t size = 0;
      status = paxect_decoder_decode_buffer(decoder.get(), damaged.data(), damaged.size(), out.data(),
                                            out.size(), &size);
      if (status == PAXECT_OK) CHECK(out.substr(0, size) == sample.data);
    });
  }
}

TEST_CASE("one flipped bit never gives a file with other data") {
  TempDir dir;
  Decoder decoder = make_decoder({{PAXECT_PARAM_THREADS, 2}});
  each_flipped_bit([&](const Sample& sample, const std::string& damaged) {
    MemoryFile file(damaged);
    paxect_status status =
        paxect_decoder_decode_path(decoder.get(), path_of(file).c_str(), (dir / "out").c_str());
    bool there = list(dir.path()) == std::vector<std::string>{"out"};
    CHECK(there == (status == PAXECT_OK));
    if (!there) return;
    CHECK(read_file(dir / "out") == sample.data);
    unlink((dir / "out").c_str());
  });
}

TEST_CASE("one flipped bit never shifts, cuts or changes a range") {
  for (std::int64_t threads : kThreads) {
    Reader reader = make_reader({{PAXECT_PARAM_THREADS, threads}});
    each_flipped_bit([&](const Sample& sample, const std::string& damaged) {
      MemoryFile file(damaged);
      if (paxect_reader_open_fd(reader.get(), file.fd()) != PAXECT_OK) return;
      std::uint64_t size = sample.data.size();
      for (std::uint64_t from : {std::uint64_t{0}, size / 3, size - size / 4, size}) {
        for (std::uint64_t length : {size / 2, std::uint64_t{1}, UINT64_MAX}) {
          std::string out;
          paxect_status status = paxect_reader_read(reader.get(), from, length, append, &out);
          INFO("from " << from << ", length " << length);
          if (status == PAXECT_OK) CHECK(out == sample.data.substr(from, length));
        }
      }
    });
  }
}

TEST_CASE(
    "one flipped bit never makes a container agree with another original, nor info claim other totals") {
  Reader reader = make_reader({{PAXECT_PARAM_THREADS, 1}});
  each_flipped_bit([&](const Sample& sample, const std::string& damaged) {
    MemoryFile file(damaged);
    if (paxect_reader_open_fd(reader.get(), file.fd()) != PAXECT_OK) return;
    paxect_container_info info{};
    info.struct_size = sizeof info;
    if (paxect_reader_info(reader.get(), &info) == PAXECT_OK) {
      CHECK(info.total_size == sample.data.size());
      CHECK(info.total_frames == frames_of(sample.container).size());
      CHECK(info.container_size == sample.container.size());
    }
    Source original{sample.data, 100};
    paxect_status status = paxect_reader_compare(reader.get(), Source::read, &original, nullptr, nullptr);
    CHECK(status != PAXECT_ERROR_DIFFERENT);  // it is the original: the damage is the container's
    std::string other = sample.data.empty() ? "x" : sample.data;
    other.back() = static_cast<char>(other.back() ^ 1);
    original = {other, 100};
    CHECK(paxect_reader_compare(reader.get(), Source::read, &original, nullptr, nullptr) != PAXECT_OK);
  });
}

TEST_CASE("one flipped bit of a protected container is repaired, and repair never gives another container") {
  const std::string container =
      encode(text(400), {{PAXECT_PARAM_FRAME_SIZE, 150}, {PAXECT_PARAM_PROTECT, 6}});
  Repairer repairer = make_repairer({{PAXECT_PARAM_THREADS, 1}});
  std::string damaged = container;
  std::string out;
  REQUIRE(paxect_repairer_set_sink(repairer.get(), append, &out) == PAXECT_OK);
  for (std::size_t bit = 0; bit < 8 * damaged.size(); ++bit) {
    INFO("bit " << bit % 8 << " of byte " << bit / 8 << " of " << damaged.size());
    auto flip = [&] { damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8)); };
    flip();
    MemoryFile file(damaged);
    out.clear();
    REQUIRE(paxect_repairer_reset(repairer.get()) == PAXECT_OK);
    REQUIRE(paxect_repairer_add_fd(repairer.get(), file.fd(), "copy") == PAXECT_OK);
    CHECK(paxect_repairer_run(repairer.get()) == PAXECT_OK);
    CHECK((out == container));
    flip();
  }
}

TEST_CASE("one flipped bit never makes repair invent a container that was not protected") {
  each_flipped_bit([&](const Sample& sample, const std::string& damaged) {
    Repairer repairer = make_repairer({{PAXECT_PARAM_THREADS, 1}});
    MemoryFile file(damaged);
    std::string out;
    REQUIRE(paxect_repairer_set_sink(repairer.get(), append, &out) == PAXECT_OK);
    REQUIRE(paxect_repairer_add_fd(repairer.get(), file.fd(), "copy") == PAXECT_OK);
    if (paxect_repairer_run(repairer.get()) == PAXECT_OK) CHECK(decode(out).data == sample.data);
  });
}

TEST_CASE("one flipped bit never makes salvage prove other data") {
  each_flipped_bit([&](const Sample& sample, const std::string& damaged) {
    Salvaged salvaged = salvage({damaged});
    if (salvaged.status == PAXECT_OK) CHECK(salvaged.data == sample.data);
  });
}

}  // namespace
}  // namespace paxect::test
