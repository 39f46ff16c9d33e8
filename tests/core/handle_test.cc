// The states of a handle, as the table in core.h has them: which calls are allowed when, what a failure
// leaves behind, and what a callback may call.
#include <functional>
#include <vector>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

std::int32_t refuse(void*, const void*, std::size_t) { return 1; }
std::int32_t broken(void*, void*, std::size_t, std::size_t*) { return 1; }

// The names of encoders' and decoders' functions, so that one test speaks of both.
struct EncoderFunctions {
  using Handle = paxect_encoder;
  static constexpr auto reset = paxect_encoder_reset;
  static constexpr auto set_parameter = paxect_encoder_set_parameter;
  static constexpr auto set_sink = paxect_encoder_set_sink;
  static constexpr auto set_progress = paxect_encoder_set_progress;
  static constexpr auto write = paxect_encoder_write;
  static constexpr auto finish = paxect_encoder_finish;
  static constexpr auto run = paxect_encoder_run;
  static constexpr auto buffer = paxect_encoder_encode_buffer;
  static constexpr auto path = paxect_encoder_encode_path;
  static constexpr auto info = paxect_encoder_info;
  static constexpr auto message = paxect_encoder_error_message;
  static constexpr auto destroy = paxect_encoder_free;
  static Encoder make() { return make_encoder({{PAXECT_PARAM_FRAME_SIZE, 1000}}); }
  static std::string input() { return text(5000); }
  static std::string output() { return encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}}); }
};
struct DecoderFunctions {
  using Handle = paxect_decoder;
  static constexpr auto reset = paxect_decoder_reset;
  static constexpr auto set_parameter = paxect_decoder_set_parameter;
  static constexpr auto set_sink = paxect_decoder_set_sink;
  static constexpr auto set_progress = paxect_decoder_set_progress;
  static constexpr auto write = paxect_decoder_write;
  static constexpr auto finish = paxect_decoder_finish;
  static constexpr auto run = paxect_decoder_run;
  static constexpr auto buffer = paxect_decoder_decode_buffer;
  static constexpr auto path = paxect_decoder_decode_path;
  static constexpr auto info = paxect_decoder_info;
  static constexpr auto message = paxect_decoder_error_message;
  static constexpr auto destroy = paxect_decoder_free;
  static Decoder make() { return make_decoder(); }
  static std::string input() { return EncoderFunctions::output(); }
  static std::string output() { return EncoderFunctions::input(); }
};

// An encoder or decoder with what its jobs need. All of its jobs have the same input and give the same
// output.
template <class F>
class Subject {
 public:
  using Handle = typename F::Handle;

  Subject() : handle_(F::make()) {
    write_file(dir_ / "in", input_);
    F::set_sink(handle(), append, &out);
  }
  Handle* handle() const { return handle_.get(); }

  paxect_status write() { return F::write(handle(), input_.data(), input_.size()); }
  paxect_status write_part() { return F::write(handle(), input_.data(), 100); }
  paxect_status finish() { return F::finish(handle()); }
  paxect_status run() {
    Source source{input_};
    return F::run(handle(), Source::read, &source);
  }
  paxect_status run_broken() { return F::run(handle(), broken, nullptr); }
  paxect_status buffer() {
    std::string result(100'000, '\0');
    std::size_t size = 0;
    paxect_status status =
        F::buffer(handle(), input_.data(), input_.size(), result.data(), result.size(), &size);
    if (status == PAXECT_OK) CHECK(result.substr(0, size) == F::output());
    return status;
  }
  paxect_status path() {
    paxect_status status = F::path(handle(), (dir_ / "in").c_str(), (dir_ / "out").c_str());
    if (status == PAXECT_OK) CHECK(read_file(dir_ / "out") == F::output());
    return status;
  }
  paxect_status path_missing() {
    return F::path(handle(), (dir_ / "missing").c_str(), (dir_ / "out").c_str());
  }
  paxect_status reset() { return F::reset(handle()); }
  paxect_status set_parameter() { return F::set_parameter(handle(), PAXECT_PARAM_THREADS, 2); }
  paxect_status set_sink() { return F::set_sink(handle(), append, &out); }
  paxect_status set_progress() { return F::set_progress(handle(), nullptr, nullptr); }
  paxect_status read_info(paxect_container_info& info) {
    info = {};
    info.struct_size = sizeof info;
    return F::info(handle(), &info);
  }
  paxect_status info() {
    paxect_container_info ignored;
    return read_info(ignored);
  }
  std::string message() const { return F::message(handle()); }

  // The one-call jobs, and what sets something.
  using Call = paxect_status (Subject::*)();
  static constexpr Call kJobs[] = {&Subject::run, &Subject::buffer, &Subject::path};
  static constexpr Call kSetters[] = {&Subject::set_parameter, &Subject::set_sink, &Subject::set_progress};

  std::string out;

 private:
  decltype(F::make()) handle_;
  std::string input_ = F::input();
  TempDir dir_;
};

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

// Calls made from inside the callbacks of a handle. Each must be refused; the job must not notice.
struct Intruder {
  std::function<std::vector<paxect_status>()> calls;
  int entered = 0;
  int accepted = 0;

  void enter() {
    ++entered;
    for (paxect_status status : calls()) accepted += status == PAXECT_ERROR_SEQUENCE ? 0 : 1;
  }
};

template <class F>
void check_calls_inside() {
  Subject<F> subject;
  Subject<F>* self = &subject;
  Intruder intruder;
  intruder.calls = [self]() -> std::vector<paxect_status> {
    F::destroy(self->handle());
    CHECK(self->message().empty());
    return {self->write_part(), self->finish(),        self->run(),      self->buffer(),       self->path(),
            self->reset(),      self->set_parameter(), self->set_sink(), self->set_progress(), self->info()};
  };
  struct Context {
    Intruder& intruder;
    std::string out;
    Source source;
  };
  std::string input = F::input();
  Context context{intruder, {}, Source{input}};
  auto sink = [](void* opaque, const void* data, std::size_t size) {
    static_cast<Context*>(opaque)->intruder.enter();
    return append(&static_cast<Context*>(opaque)->out, data, size);
  };
  auto source = [](void* opaque, void* buffer, std::size_t capacity, std::size_t* size) {
    static_cast<Context*>(opaque)->intruder.enter();
    return Source::read(&static_cast<Context*>(opaque)->source, buffer, capacity, size);
  };
  auto progress = [](void* opaque, std::uint64_t, std::uint64_t) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  for (std::int64_t threads : {1, 3}) {
    F::set_parameter(subject.handle(), PAXECT_PARAM_THREADS, threads);
    F::set_sink(subject.handle(), sink, &context);
    F::set_progress(subject.handle(), progress, &intruder);
    context.source = Source{input};
    context.out.clear();
    intruder.entered = 0;
    CHECK(F::run(subject.handle(), source, &context) == PAXECT_OK);
    CHECK(intruder.entered > 10);
    CHECK(context.out == F::output());
    CHECK(subject.reset() == PAXECT_OK);
    context.out.clear();
    CHECK(F::write(subject.handle(), input.data(), input.size()) == PAXECT_OK);
    CHECK(F::finish(subject.handle()) == PAXECT_OK);
    CHECK(context.out == F::output());
    CHECK(subject.buffer() == PAXECT_OK);
    CHECK(subject.path() == PAXECT_OK);
  }
  CHECK(intruder.accepted == 0);
}

TEST_CASE("calls from inside a callback are refused, free does nothing, and the job goes on undisturbed") {
  check_calls_inside<EncoderFunctions>();
  check_calls_inside<DecoderFunctions>();
}

TEST_CASE("a reader refuses calls from inside its callbacks") {
  std::string original = text(5000);
  MemoryFile file(encode(original, {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
  MemoryFile other(encode("other"));
  Reader owner = make_reader();
  paxect_reader* reader = owner.get();
  Intruder intruder;
  intruder.calls = [&]() -> std::vector<paxect_status> {
    paxect_reader_free(reader);
    paxect_container_info info{};
    info.struct_size = sizeof info;
    auto ignore_frame = [](void*, const paxect_frame_info*) { return std::int32_t{0}; };
    std::string data;
    Source source{original};
    return {paxect_reader_open_fd(reader, other.fd()),
            paxect_reader_open_path(reader, "/dev/null"),
            paxect_reader_info(reader, &info),
            paxect_reader_frames(reader, ignore_frame, nullptr),
            paxect_reader_read(reader, 0, 1, append, &data),
            paxect_reader_read_path(reader, 0, 1, "/dev/null"),
            paxect_reader_compare(reader, Source::read, &source, nullptr, nullptr),
            paxect_reader_compare_path(reader, "/dev/null", nullptr, nullptr),
            paxect_reader_set_parameter(reader, PAXECT_PARAM_THREADS, 1),
            paxect_reader_set_progress(reader, nullptr, nullptr)};
  };
  auto frame = [](void* opaque, const paxect_frame_info*) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  auto sink = [](void* opaque, const void*, std::size_t) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  auto progress = [](void* opaque, std::uint64_t, std::uint64_t) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  auto difference = [](void* opaque, const paxect_difference*) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  REQUIRE(paxect_reader_open_fd(reader, file.fd()) == PAXECT_OK);
  REQUIRE(paxect_reader_set_progress(reader, progress, &intruder) == PAXECT_OK);
  CHECK(paxect_reader_frames(reader, frame, &intruder) == PAXECT_OK);
  CHECK(paxect_reader_read(reader, 0, 5000, sink, &intruder) == PAXECT_OK);
  Source source{"something else"};
  CHECK(paxect_reader_compare(reader, Source::read, &source, difference, &intruder) ==
        PAXECT_ERROR_DIFFERENT);
  CHECK(intruder.entered > 10);
  CHECK(intruder.accepted == 0);
  paxect_container_info info{};
  info.struct_size = sizeof info;
  CHECK(paxect_reader_info(reader, &info) == PAXECT_OK);
  CHECK(info.total_size == 5000);
}

TEST_CASE("a salvager refuses calls from inside its callbacks") {
  std::string container = encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  container[60] = static_cast<char>(container[60] ^ 1);
  MemoryFile file(container);
  Salvager owner = make_salvager();
  paxect_salvager* salvager = owner.get();
  Intruder intruder;
  auto range = [](void* opaque, const paxect_salvage_range*) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  intruder.calls = [&]() -> std::vector<paxect_status> {
    paxect_salvager_free(salvager);
    paxect_salvage_report report{};
    report.struct_size = sizeof report;
    paxect_salvage_input input{};
    input.struct_size = sizeof input;
    return {paxect_salvager_reset(salvager),
            paxect_salvager_set_parameter(salvager, PAXECT_PARAM_FILL, PAXECT_FILL_SKIP),
            paxect_salvager_set_sink(salvager, nullptr, nullptr),
            paxect_salvager_set_progress(salvager, nullptr, nullptr),
            paxect_salvager_add_fd(salvager, file.fd(), "again"),
            paxect_salvager_run(salvager),
            paxect_salvager_run_path(salvager, "/dev/null"),
            paxect_salvager_report(salvager, &report),
            paxect_salvager_each_range(salvager, range, &intruder),
            paxect_salvager_input(salvager, 0, &input)};
  };
  auto sink = [](void* opaque, const void*, std::size_t) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  auto progress = [](void* opaque, std::uint64_t, std::uint64_t) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  REQUIRE(paxect_salvager_set_sink(salvager, sink, &intruder) == PAXECT_OK);
  REQUIRE(paxect_salvager_set_progress(salvager, progress, &intruder) == PAXECT_OK);
  REQUIRE(paxect_salvager_add_fd(salvager, file.fd(), "copy") == PAXECT_OK);
  REQUIRE(paxect_salvager_run(salvager) == PAXECT_ERROR_PARTIAL);
  int before = intruder.entered;
  CHECK(paxect_salvager_each_range(salvager, range, &intruder) == PAXECT_OK);
  CHECK(intruder.entered == before + 1);
  CHECK(intruder.entered > 5);
  CHECK(intruder.accepted == 0);
}

}  // namespace
}  // namespace paxect::test
