// Salvage from media that fail and files that change: sectors that cannot be read, files that become shorter,
// gigabytes of zeros. This program replaces pread, so that a test can choose which read fails.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/pread_fault.h"

namespace paxect::test {
namespace {

using namespace twenty_frames;

std::string sample() { return twenty_frames::sample({{PAXECT_PARAM_LEVEL, 1}}); }

// Copies in memory under a salvager, with the means to make them fail.
class Rig {
 public:
  explicit Rig(const std::vector<std::string>& copies) : salvager_(make_salvager()) {
    for (const std::string& copy : copies) {
      files_.push_back(std::make_unique<MemoryFile>(copy));
      REQUIRE(paxect_salvager_add_fd(salvager_.get(), files_.back()->fd(), "copy") == PAXECT_OK);
    }
    REQUIRE(paxect_salvager_set_sink(salvager_.get(), append, &data_) == PAXECT_OK);
    report_.struct_size = sizeof report_;
  }
  ~Rig() { before_pread = nullptr; }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  int fd(std::size_t copy) const { return files_[copy]->fd(); }
  paxect_salvager* salvager() { return salvager_.get(); }
  paxect_status run() {
    paxect_status status = paxect_salvager_run(salvager_.get());
    before_pread = nullptr;
    REQUIRE(paxect_salvager_report(salvager_.get(), &report_) == PAXECT_OK);
    return status;
  }
  const std::string& data() const { return data_; }
  const paxect_salvage_report& report() const { return report_; }
  std::uint64_t unreadable(std::uint32_t copy) {
    paxect_salvage_input input{};
    input.struct_size = sizeof input;
    REQUIRE(paxect_salvager_input(salvager_.get(), copy, &input) == PAXECT_OK);
    return input.unreadable;
  }
  // From the n-th read on that touches these bytes of a copy, the medium does not deliver them.
  void fail(std::size_t copy, std::uint64_t begin, std::uint64_t end, int error = EIO, int from = 1) {
    before_pread = [=, file = fd(copy), count = 0](int fd, std::uint64_t offset, std::size_t size) mutable {
      bool touches = fd == file && offset < end && begin < offset + size;
      if (touches) ++count;
      return touches && count >= from ? error : 0;
    };
  }

 private:
  Salvager salvager_;
  std::vector<std::unique_ptr<MemoryFile>> files_;
  std::string data_;
  paxect_salvage_report report_{};
};

TEST_CASE("a sector that cannot be read loses the frames it holds, and with a valid copy nothing") {
  std::string container = sample();
  for (const Frame& frame : frames_of(container)) {
    for (int error : {EIO, ENODATA, EBADMSG, EREMOTEIO}) {
      INFO("frame at " << frame.start << ", errno " << error);
      Rig alone({container});
      alone.fail(0, frame.payload + 5, frame.payload + 6, error);
      CHECK(alone.run() != PAXECT_ERROR_READ);
      CHECK(alone.unreadable(0) > 0);
      CHECK(alone.report().lost <= 12);  // 4 KiB hold so many at most
      Rig both({container, container});
      both.fail(0, frame.payload + 5, frame.payload + 6, error);
      CHECK(both.run() == PAXECT_OK);
      CHECK((both.data() == sample_data()));
    }
  }
}

TEST_CASE("a sector that is readable in the search but not when its frame is written loses that frame") {
  std::string container = sample();
  for (const Frame& frame : frames_of(container)) {
    INFO("frame at " << frame.start);
    // Counts the reads of the search. Every later read is for the output.
    int reads = 0;
    {
      Rig rig({container});
      before_pread = [&](int fd, std::uint64_t offset, std::size_t size) {
        if (fd == rig.fd(0) && offset < frame.end && frame.payload < offset + size) ++reads;
        return 0;
      };
      CHECK(rig.run() == PAXECT_OK);
    }
    Rig alone({container});
    alone.fail(0, frame.payload, frame.end, EIO, reads);
    paxect_status status = alone.run();
    std::string expected = sample_data().replace(frame.offset, frame.size, frame.size, '\0');
    CHECK(status == (expected == sample_data() ? PAXECT_OK : PAXECT_ERROR_PARTIAL));
    CHECK((alone.data() == expected));
    Rig both({container, container});
    both.fail(0, frame.payload, frame.end, EIO, reads);
    CHECK(both.run() == PAXECT_OK);
    CHECK((both.data() == sample_data()));
  }
}

TEST_CASE("a medium that cannot be read at all is a copy without frames, unless there is no other copy") {
  Rig alone({sample()});
  alone.fail(0, 0, UINT64_MAX);
  CHECK(alone.run() == PAXECT_ERROR_READ);
  CHECK(paxect_salvager_error_message(alone.salvager()) ==
        std::string("copy: cannot read: Input/output error"));
  CHECK(alone.unreadable(0) == sample().size());
  Rig both({sample(), sample()});
  both.fail(0, 0, UINT64_MAX);
  CHECK(both.run() == PAXECT_OK);
  CHECK((both.data() == sample_data()));
}

TEST_CASE("a file that becomes shorter loses the frames that are gone, whenever it happens") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  for (std::size_t left : {std::size_t{0}, std::size_t{10}, frames[0].payload, frames[7].start,
                           frames[7].payload + 9, frames.back().end, container.size() - 1}) {
    std::size_t whole = 0;  // bytes of data in frames that are left
    for (const Frame& frame : frames)
      if (frame.end <= left) whole += frame.size;
    for (int when = 0;; ++when) {  // before the search, and before each read
      INFO("cut to " << left << " bytes at read " << when);
      Rig rig({container});
      int reads = 0;
      auto cut = [&](int fd) { REQUIRE(ftruncate(fd, static_cast<off_t>(left)) == 0); };
      if (when == 0) cut(rig.fd(0));
      before_pread = [&](int fd, std::uint64_t, std::size_t) {
        if (++reads == when) cut(fd);
        return 0;
      };
      paxect_status status = rig.run();
      if (reads < when) break;
      CHECK((status == PAXECT_OK || status == PAXECT_ERROR_PARTIAL || status == PAXECT_ERROR_NOTHING));
      if (status == PAXECT_OK) CHECK((rig.data() == sample_data()));
      if (status == PAXECT_ERROR_PARTIAL)
        CHECK((rig.data().substr(0, whole) == sample_data().substr(0, whole)));

      Rig both({container, container});
      reads = 0;
      if (when == 0) cut(both.fd(0));
      before_pread = [&](int, std::uint64_t, std::size_t) {
        if (++reads == when) cut(both.fd(0));
        return 0;
      };
      CHECK(both.run() == PAXECT_OK);
      CHECK((both.data() == sample_data()));
    }
  }
}

TEST_CASE("gigabytes of zeros are passed over, progress moves, and a caller can cancel") {
  std::string container = sample();
  const std::uint64_t size = std::uint64_t{60} << 30;
  Rig rig({"", container.substr(0, container.size() / 2)});
  REQUIRE(ftruncate(rig.fd(0), static_cast<off_t>(size)) == 0);
  Salvager again = make_salvager();
  REQUIRE(paxect_salvager_add_fd(again.get(), rig.fd(0), "zeros") == PAXECT_OK);
  REQUIRE(paxect_salvager_add_fd(again.get(), rig.fd(1), "half") == PAXECT_OK);
  std::string data;
  struct Progress {
    std::uint64_t last = 0;
    std::uint64_t calls = 0;
    static std::int32_t note(void* opaque, std::uint64_t in, std::uint64_t) {
      auto& self = *static_cast<Progress*>(opaque);
      CHECK(in >= self.last);
      self.last = in;
      ++self.calls;
      return 0;
    }
  } progress;
  REQUIRE(paxect_salvager_set_sink(again.get(), append, &data) == PAXECT_OK);
  REQUIRE(paxect_salvager_set_progress(again.get(), Progress::note, &progress) == PAXECT_OK);
  CHECK(paxect_salvager_run(again.get()) == PAXECT_ERROR_PARTIAL);
  CHECK(progress.last >= size);
  CHECK(progress.calls < 10'000);
  CHECK(data.size() > kSize / 4);

  // Zeros that are stored, on the other hand, are read: cancel is asked for in between.
  std::string zeros(std::size_t{64} << 20, '\0');
  Rig stored({zeros});
  int calls = 0;
  auto cancel = [](void* opaque, std::uint64_t in, std::uint64_t) -> std::int32_t {
    ++*static_cast<int*>(opaque);
    return in > (16u << 20) ? 1 : 0;
  };
  REQUIRE(paxect_salvager_set_progress(stored.salvager(), cancel, &calls) == PAXECT_OK);
  CHECK(stored.run() == PAXECT_ERROR_CANCELLED);
  CHECK(calls > 8);
}

TEST_CASE("no more is written than the file can have held, whatever it claims") {
  std::string claims = read_file(PAXECT_TEST_VECTORS "/../fuzz/corpus/salvage/claims-much");
  for (std::int64_t fill : {PAXECT_FILL_ZERO, PAXECT_FILL_SKIP}) {
    Salvaged result = salvage({claims}, {{PAXECT_PARAM_FILL, fill}});
    CHECK(result.status == PAXECT_ERROR_PARTIAL);
    CHECK(result.report.written == 120);
    CHECK(result.report.written == result.data.size());
  }
  // A total that is too large by one flipped bit, each bit.
  std::string container = sample();
  for (std::size_t bit = 0; bit < 96; ++bit) {
    std::string damaged = container;
    std::size_t at = container.size() - 44 + bit / 8;
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit % 8);
    Salvaged result = salvage({damaged});
    INFO("bit " << bit);
    CHECK(result.data.size() <= container.size() * 32768);
    CHECK((result.data == sample_data()));
    CHECK(result.status == PAXECT_OK);
  }
  // One short frame whose channel shows that others preceded it, of a size that only the header claims.
  std::string header = container.substr(0, 24);
  for (int i = 12; i < 16; ++i) header[static_cast<std::size_t>(i)] = '\xff';
  header[16] = 8;
  std::string tail = container.substr(frames_of(container).back().start);
  for (char channel = 0; channel < 8; ++channel) {
    tail[0] = channel;
    Salvaged result = salvage({header + noise(500) + tail});
    CHECK(result.data.size() <= 32768 * (header.size() + 500 + tail.size()));
  }
}

}  // namespace
}  // namespace paxect::test
