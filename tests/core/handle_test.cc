// The states of a handle, as in the table of core.h: which calls are allowed when, and the state after a
// failure.
#include <fcntl.h>
#include <unistd.h>

#include "codec.h"
#include "handle_subject.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

std::int32_t refuse(void*, const void*, std::size_t) { return 1; }

// A stream from its beginning to its end.
template <class F>
void check_stream(Subject<F>& subject) {
  CHECK(subject.write() == PAXECT_OK);
  CHECK(subject.finish() == PAXECT_OK);
  CHECK(subject.out == F::output());
}

template <class F>
void check_ready() {
  using S = Subject<F>;
  for (auto job : S::kJobs) {
    S subject;
    CHECK((subject.*job)() == PAXECT_OK);
  }
  for (auto setter : S::kSetters) {
    S subject;
    CHECK((subject.*setter)() == PAXECT_OK);
    CHECK(subject.reset() == PAXECT_OK);
    CHECK(subject.info() == PAXECT_OK);
    check_stream<F>(subject);
  }
}

template <class F>
void check_streaming() {
  using S = Subject<F>;
  S subject;
  REQUIRE(subject.write() == PAXECT_OK);
  for (auto job : S::kJobs) {
    CHECK((subject.*job)() == PAXECT_ERROR_SEQUENCE);
    CHECK(subject.message() == "a stream is open: finish or reset it first");
  }
  for (auto setter : S::kSetters) CHECK((subject.*setter)() == PAXECT_ERROR_SEQUENCE);
  CHECK(subject.info() == PAXECT_OK);
  CHECK(F::write(subject.handle(), nullptr, 1) == PAXECT_ERROR_ARGUMENT);
  CHECK(F::write(subject.handle(), nullptr, 0) == PAXECT_OK);  // which clears the text
  CHECK(subject.message().empty());
  CHECK(subject.finish() == PAXECT_OK);  // nothing of this disturbed it
  CHECK(subject.out == F::output());

  REQUIRE(subject.reset() == PAXECT_OK);
  REQUIRE(subject.write_part() == PAXECT_OK);
  CHECK(subject.reset() == PAXECT_OK);
  subject.out.clear();
  CHECK(subject.run() == PAXECT_OK);
  CHECK(subject.out == F::output());
}

template <class F>
void check_failed_stream() {
  using S = Subject<F>;
  for (auto job : S::kJobs) {
    S subject;
    F::set_sink(subject.handle(), refuse, nullptr);
    paxect_status failed = subject.write();
    if (failed == PAXECT_OK) failed = subject.finish();
    REQUIRE(failed == PAXECT_ERROR_SINK);
    std::string message = subject.message();
    for (int i = 0; i < 2; ++i) {
      CHECK(F::set_parameter(subject.handle(), PAXECT_PARAM_THREADS, -1) == PAXECT_ERROR_PARAMETER);
      CHECK(subject.message() != message);
      CHECK(subject.write() == PAXECT_ERROR_SINK);
      CHECK(subject.message() == message);
      CHECK(subject.finish() == PAXECT_ERROR_SINK);
      CHECK(subject.message() == message);
    }
    for (auto setter : S::kSetters) CHECK((subject.*setter)() == PAXECT_OK);
    CHECK(subject.message().empty());
    CHECK(subject.write() == PAXECT_ERROR_SINK);
    CHECK(subject.info() == PAXECT_OK);
    CHECK((subject.*job)() == PAXECT_OK);  // ends the failed stream
    CHECK(subject.message().empty());
    CHECK(subject.write() == PAXECT_ERROR_SEQUENCE);
  }
  S subject;
  F::set_sink(subject.handle(), refuse, nullptr);
  if (subject.write() == PAXECT_OK) REQUIRE(subject.finish() == PAXECT_ERROR_SINK);
  REQUIRE(subject.reset() == PAXECT_OK);
  CHECK(subject.message().empty());
  CHECK(subject.set_sink() == PAXECT_OK);
  check_stream<F>(subject);
}

template <class F>
void check_done() {
  using S = Subject<F>;
  auto stream = [](S& subject) {
    REQUIRE(subject.write() == PAXECT_OK);
    REQUIRE(subject.finish() == PAXECT_OK);
  };
  auto one_call = [](S& subject) { REQUIRE(subject.run() == PAXECT_OK); };
  auto failure = [](S& subject) { REQUIRE(subject.run_broken() == PAXECT_ERROR_SOURCE); };
  for (const std::function<void(S&)>& earlier : {std::function<void(S&)>(stream), {one_call}, {failure}}) {
    for (auto job : S::kJobs) {
      S subject;
      earlier(subject);
      std::size_t size = subject.out.size();
      CHECK(subject.write() == PAXECT_ERROR_SEQUENCE);
      CHECK(subject.message() == "the last job is done: reset first");
      CHECK(subject.finish() == PAXECT_ERROR_SEQUENCE);
      CHECK(subject.out.size() == size);
      for (auto setter : S::kSetters) CHECK((subject.*setter)() == PAXECT_OK);
      CHECK(subject.info() == PAXECT_OK);
      CHECK((subject.*job)() == PAXECT_OK);
      CHECK((subject.*job)() == PAXECT_OK);
      REQUIRE(subject.reset() == PAXECT_OK);
      subject.out.clear();
      stream(subject);
      CHECK(subject.out == F::output());
    }
  }
}

TEST_CASE("a ready encoder or decoder accepts every call") {
  check_ready<EncoderFunctions>();
  check_ready<DecoderFunctions>();
}
TEST_CASE("while a stream is open, one-call jobs and changes are refused and do not disturb it") {
  check_streaming<EncoderFunctions>();
  check_streaming<DecoderFunctions>();
}
TEST_CASE("a failed stream repeats its failure until reset or a one-call job") {
  check_failed_stream<EncoderFunctions>();
  check_failed_stream<DecoderFunctions>();
}
TEST_CASE("after a job, whether it failed or not, the next one-call job starts and a stream needs a reset") {
  check_done<EncoderFunctions>();
  check_done<DecoderFunctions>();
}

bool all_zero(const paxect_container_info& info) {
  paxect_container_info zero{};
  zero.struct_size = sizeof zero;
  return std::memcmp(&info, &zero, sizeof info) == 0;
}

template <class F>
void check_results() {
  Subject<F> subject;
  paxect_container_info info;
  REQUIRE(subject.read_info(info) == PAXECT_OK);
  CHECK(all_zero(info));
  REQUIRE(subject.run() == PAXECT_OK);
  REQUIRE(subject.read_info(info) == PAXECT_OK);
  CHECK(info.version == 42);
  CHECK(info.total_size == 5000);
  CHECK(info.total_frames == 5);

  CHECK(F::path(subject.handle(), nullptr, "out") == PAXECT_ERROR_ARGUMENT);  // refused: results stay
  REQUIRE(subject.read_info(info) == PAXECT_OK);
  CHECK(info.total_size == 5000);

  CHECK(subject.path_missing() == PAXECT_ERROR_OPEN);
  CHECK(subject.message().find("missing: cannot open") != std::string::npos);
  REQUIRE(subject.read_info(info) == PAXECT_OK);
  CHECK(all_zero(info));

  REQUIRE(subject.run() == PAXECT_OK);
  CHECK(subject.message().empty());
  REQUIRE(subject.run_broken() == PAXECT_ERROR_SOURCE);
  REQUIRE(subject.read_info(info) == PAXECT_OK);
  CHECK(info.total_size == 0);
  CHECK(std::all_of(std::begin(info.sha256), std::end(info.sha256), [](auto byte) { return byte == 0; }));

  REQUIRE(subject.run() == PAXECT_OK);
  REQUIRE(subject.reset() == PAXECT_OK);
  REQUIRE(subject.read_info(info) == PAXECT_OK);
  CHECK(all_zero(info));
}

TEST_CASE("results of an earlier job are never seen after a later failure") {
  check_results<EncoderFunctions>();
  check_results<DecoderFunctions>();
}

TEST_CASE("a decoder that failed at the very end shows no digest") {
  std::string container = encode(text(5000));
  container[container.size() - 1] = static_cast<char>(container.back() ^ 1);
  Decoder decoder = make_decoder();
  REQUIRE(decode_with(decoder.get(), container).status == PAXECT_ERROR_DIGEST);
  paxect_container_info info{};
  info.struct_size = sizeof info;
  REQUIRE(paxect_decoder_info(decoder.get(), &info) == PAXECT_OK);
  CHECK(info.total_size == 5000);
  CHECK(std::all_of(std::begin(info.sha256), std::end(info.sha256), [](auto byte) { return byte == 0; }));
}

TEST_CASE("a reader shows neither an earlier container nor an earlier failure") {
  MemoryFile good(encode(text(5000)));
  MemoryFile bad("no container at all");
  Reader reader = make_reader();
  paxect_container_info info{};
  info.struct_size = sizeof info;
  std::string data;
  CHECK(paxect_reader_info(reader.get(), &info) == PAXECT_ERROR_SEQUENCE);
  REQUIRE(paxect_reader_open_fd(reader.get(), good.fd()) == PAXECT_OK);
  CHECK(paxect_reader_read(reader.get(), 4000, 2000, append, &data) == PAXECT_ERROR_PARAMETER);
  CHECK_FALSE(std::string(paxect_reader_error_message(reader.get())).empty());
  CHECK(paxect_reader_read(reader.get(), 4000, 1000, append, &data) == PAXECT_OK);
  CHECK(std::string(paxect_reader_error_message(reader.get())).empty());
  CHECK(paxect_reader_open_fd(reader.get(), bad.fd()) == PAXECT_ERROR_MAGIC);
  CHECK(paxect_reader_info(reader.get(), &info) == PAXECT_ERROR_SEQUENCE);
  CHECK(paxect_reader_read(reader.get(), 0, 1, append, &data) == PAXECT_ERROR_SEQUENCE);
}

TEST_CASE("a descriptor that is not open for reading is an argument that is refused") {
  TempDir dir;
  int for_writing = open((dir / "file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(for_writing >= 0);
  Salvager salvager = make_salvager();
  paxect_repairer* repairer = nullptr;
  REQUIRE(paxect_repairer_create(nullptr, &repairer) == PAXECT_OK);
  Reader reader = make_reader();
  for (int fd : {-1, 1'000'000, for_writing}) {
    CHECK(paxect_reader_open_fd(reader.get(), fd) == PAXECT_ERROR_ARGUMENT);
    CHECK(std::string(paxect_reader_error_message(reader.get())) == "the descriptor is not open for reading");
    CHECK(paxect_salvager_add_fd(salvager.get(), fd, "copy") == PAXECT_ERROR_ARGUMENT);
    CHECK(paxect_repairer_add_fd(repairer, fd, "copy") == PAXECT_ERROR_ARGUMENT);
    paxect_container_info info{};
    info.struct_size = sizeof info;
    CHECK(paxect_read_info_fd(fd, &info, nullptr, 0) == PAXECT_ERROR_ARGUMENT);
  }
  paxect_repairer_free(repairer);
  close(for_writing);
}

TEST_CASE("a salvager shows nothing of an earlier run, and runs again with more copies") {
  std::string container = encode(text(50'000), {{PAXECT_PARAM_FRAME_SIZE, 5000}});
  std::string damaged = container;
  damaged[60] = static_cast<char>(damaged[60] ^ 1);
  MemoryFile first(damaged);
  MemoryFile second(container);
  Salvager salvager = make_salvager();
  std::string data;
  paxect_salvager_set_sink(salvager.get(), append, &data);
  CHECK(paxect_salvager_run(salvager.get()) == PAXECT_ERROR_SEQUENCE);
  REQUIRE(paxect_salvager_add_fd(salvager.get(), first.fd(), "first") == PAXECT_OK);
  REQUIRE(paxect_salvager_run(salvager.get()) == PAXECT_ERROR_PARTIAL);
  paxect_salvage_report report{};
  report.struct_size = sizeof report;
  REQUIRE(paxect_salvager_report(salvager.get(), &report) == PAXECT_OK);
  CHECK(report.ranges == 1);

  auto cancel = [](void*, std::uint64_t, std::uint64_t) { return std::int32_t{1}; };
  paxect_salvager_set_progress(salvager.get(), cancel, nullptr);
  REQUIRE(paxect_salvager_run(salvager.get()) == PAXECT_ERROR_CANCELLED);
  REQUIRE(paxect_salvager_report(salvager.get(), &report) == PAXECT_OK);
  CHECK(report.ranges == 0);
  CHECK(report.written == 0);
  CHECK(report.proven == 0);

  paxect_salvager_set_progress(salvager.get(), nullptr, nullptr);
  REQUIRE(paxect_salvager_add_fd(salvager.get(), second.fd(), "second") == PAXECT_OK);
  data.clear();
  REQUIRE(paxect_salvager_run(salvager.get()) == PAXECT_OK);
  CHECK(data == text(50'000));
  REQUIRE(paxect_salvager_report(salvager.get(), &report) == PAXECT_OK);
  CHECK(report.proven == 1);
  CHECK(report.inputs == 2);
}

}  // namespace
}  // namespace paxect::test
