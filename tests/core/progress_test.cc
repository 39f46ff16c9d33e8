// The numbers passed to the progress callback never decrease, in every job, also while the job waits.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "codec.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

constexpr std::size_t kPiece = 3000;  // what the other end of a FIFO takes or gives at once

// A progress callback that also is the other end of the FIFO which the job waits for. It moves less than a
// frame in every second call, so that the job waits, calls it again and then goes on.
class Watcher {
 public:
  Watcher() = default;
  // The job reads `data` from the FIFO, or, where `data` is nullptr, writes to it.
  Watcher(const std::string& fifo, const std::string* data) : data_(data) {
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    fd_ = open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(fd_ >= 0);
    REQUIRE(fcntl(fd_, F_SETPIPE_SZ, 4096) > 0);
  }
  ~Watcher() { close_fifo(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  static std::int32_t callback(void* self, std::uint64_t in, std::uint64_t out) {
    auto& watcher = *static_cast<Watcher*>(self);
    ++watcher.calls_;
    watcher.decreased_ = watcher.decreased_ || in < watcher.in_ || out < watcher.out_;
    watcher.in_ = in;
    watcher.out_ = out;
    watcher.move_data();
    return 0;
  }
  // Without a FIFO, for the next job.
  void restart() { in_ = out_ = calls_ = 0; }

  bool decreased() const { return decreased_; }
  std::uint64_t calls() const { return calls_; }
  std::uint64_t in() const { return in_; }
  std::uint64_t out() const { return out_; }

 private:
  void move_data() {
    if (fd_ < 0 || calls_ % 2 != 0) return;
    std::array<char, kPiece> piece{};
    if (data_ == nullptr) {
      static_cast<void>(!read(fd_, piece.data(), piece.size()));
    } else if (at_ < data_->size()) {
      ssize_t written = write(fd_, data_->data() + at_, std::min(kPiece, data_->size() - at_));
      if (written > 0) at_ += static_cast<std::size_t>(written);
    } else {
      close_fifo();
    }
  }
  void close_fifo() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  const std::string* data_ = nullptr;
  int fd_ = -1;
  std::size_t at_ = 0;
  bool decreased_ = false;
  std::uint64_t calls_ = 0;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
};

const Parameters kSmallFrames = {{PAXECT_PARAM_FRAME_SIZE, 4000}, {PAXECT_PARAM_THREADS, 2}};

struct Files {
  TempDir dir;
  std::string data = noise(12'000);
  std::string container = encode(data, kSmallFrames);
  std::string fifo = dir / "fifo";

  Files() {
    write_file(dir / "data", data);
    write_file(dir / "a.freq", container);
  }
};

TEST_CASE("progress never decreases while an encoder or a decoder waits for a pipe") {
  for (bool from_fifo : {true, false}) {
    for (bool encoding : {true, false}) {
      CAPTURE(from_fifo, encoding);
      Files files;
      const std::string& input = encoding ? files.data : files.container;
      Watcher watcher(files.fifo, from_fifo ? &input : nullptr);
      std::string from = from_fifo ? files.fifo : files.dir / (encoding ? "data" : "a.freq");
      std::string to = from_fifo ? files.dir / "out" : files.fifo;
      if (encoding) {
        auto encoder = make_encoder(kSmallFrames);
        paxect_encoder_set_progress(encoder.get(), &Watcher::callback, &watcher);
        CHECK(paxect_encoder_encode_path(encoder.get(), from.c_str(), to.c_str()) == PAXECT_OK);
      } else {
        auto decoder = make_decoder();
        paxect_decoder_set_progress(decoder.get(), &Watcher::callback, &watcher);
        CHECK(paxect_decoder_decode_path(decoder.get(), from.c_str(), to.c_str()) == PAXECT_OK);
      }
      CHECK_FALSE(watcher.decreased());
      CHECK(watcher.in() == input.size());
      CHECK(watcher.out() == (encoding ? files.container : files.data).size());
    }
  }
}

TEST_CASE("progress never decreases while a range waits for a pipe") {
  Files files;
  Watcher watcher(files.fifo, nullptr);
  auto reader = make_reader();
  REQUIRE(paxect_reader_open_path(reader.get(), (files.dir / "a.freq").c_str()) == PAXECT_OK);
  paxect_reader_set_progress(reader.get(), &Watcher::callback, &watcher);
  CHECK(paxect_reader_read_path(reader.get(), 1000, 10'000, files.fifo.c_str()) == PAXECT_OK);
  CHECK_FALSE(watcher.decreased());
  CHECK(watcher.out() == 10'000);
}

TEST_CASE("progress never decreases while a comparison waits for a pipe, and counts the original as data") {
  Files files;
  Watcher watcher(files.fifo, &files.data);
  auto reader = make_reader();
  REQUIRE(paxect_reader_open_path(reader.get(), (files.dir / "a.freq").c_str()) == PAXECT_OK);
  paxect_reader_set_progress(reader.get(), &Watcher::callback, &watcher);
  CHECK(paxect_reader_compare_path(reader.get(), files.fifo.c_str(), nullptr, nullptr) == PAXECT_OK);
  CHECK_FALSE(watcher.decreased());
  CHECK(watcher.in() <= files.container.size());
  CHECK(watcher.out() == files.data.size());
}

TEST_CASE("progress never decreases while a salvage waits for a pipe") {
  Files files;
  Watcher watcher(files.fifo, nullptr);
  auto salvager = make_salvager();
  MemoryFile copy(files.container);
  REQUIRE(paxect_salvager_add_fd(salvager.get(), copy.fd(), "copy") == PAXECT_OK);
  paxect_salvager_set_progress(salvager.get(), &Watcher::callback, &watcher);
  CHECK(paxect_salvager_run_path(salvager.get(), files.fifo.c_str()) == PAXECT_OK);
  CHECK_FALSE(watcher.decreased());
  CHECK(watcher.out() == files.data.size());
}

TEST_CASE(
    "a repair reports what it read and wrote, about once a frame and at the end, and can be cancelled") {
  auto ignore = [](void*, const void*, std::size_t) { return 0; };
  for (std::size_t size : {std::size_t{1000}, std::size_t{5'000'000}}) {
    CAPTURE(size);
    std::string container = encode(noise(size), {{PAXECT_PARAM_PROTECT, 10}});
    MemoryFile copy(container);
    Watcher watcher;
    paxect_repairer* made = nullptr;
    REQUIRE(paxect_repairer_create(nullptr, &made) == PAXECT_OK);
    std::unique_ptr<paxect_repairer, void (*)(paxect_repairer*)> repairer(made, paxect_repairer_free);
    REQUIRE(paxect_repairer_add_fd(made, copy.fd(), "copy") == PAXECT_OK);
    paxect_repairer_set_sink(made, ignore, nullptr);
    paxect_repairer_set_progress(made, &Watcher::callback, &watcher);
    CHECK(paxect_repairer_run(made) == PAXECT_OK);
    CHECK_FALSE(watcher.decreased());
    CHECK(watcher.in() >= container.size() + size);  // for the search, and once more for the windows
    CHECK(watcher.in() <= 2 * container.size());
    CHECK(watcher.out() == container.size());
    CHECK(watcher.calls() >= std::max<std::size_t>(1, size >> 20));
    watcher.restart();
    CHECK(paxect_repairer_check(made) == PAXECT_OK);
    CHECK(watcher.calls() != 0);
    CHECK(watcher.out() == 0);
    paxect_repairer_set_progress(
        made, [](void*, std::uint64_t, std::uint64_t) { return 1; }, nullptr);
    CHECK(paxect_repairer_run(made) == PAXECT_ERROR_CANCELLED);
    CHECK(paxect_repairer_check(made) == PAXECT_ERROR_CANCELLED);
  }
}

TEST_CASE("progress of each job begins with the job") {
  Files files;
  Watcher watcher;
  auto encoder = make_encoder(kSmallFrames);
  paxect_encoder_set_progress(encoder.get(), &Watcher::callback, &watcher);
  std::string container(files.container.size(), '\0');
  for (std::size_t size : {files.data.size(), std::size_t{5000}}) {
    watcher.restart();
    std::size_t written = 0;
    REQUIRE(paxect_encoder_encode_buffer(encoder.get(), files.data.data(), size, container.data(),
                                         container.size(), &written) == PAXECT_OK);
    CHECK(watcher.calls() != 0);
    CHECK(watcher.in() == size);
    CHECK(watcher.out() == written);
  }
  auto ignore = [](void*, const void*, std::size_t) { return 0; };
  paxect_encoder_set_sink(encoder.get(), ignore, nullptr);
  for (std::size_t size : {files.data.size(), std::size_t{5000}}) {
    watcher.restart();
    REQUIRE(paxect_encoder_reset(encoder.get()) == PAXECT_OK);
    REQUIRE(paxect_encoder_write(encoder.get(), files.data.data(), size) == PAXECT_OK);
    REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);
    CHECK(watcher.in() == size);
  }
  CHECK_FALSE(watcher.decreased());
}

}  // namespace
}  // namespace paxect::test
