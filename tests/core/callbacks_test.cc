// Calls on a handle from inside its own callbacks are refused, and the job continues unaffected.
#include <functional>
#include <vector>

#include "codec.h"
#include "handle_subject.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

// Makes calls on a handle from inside its callbacks. Each must be refused, and the job must not be affected.
struct Intruder {
  std::function<std::vector<paxect_status>()> calls;
  int entered = 0;
  int accepted = 0;

  void enter() {
    ++entered;
    for (paxect_status status : calls()) accepted += status == PAXECT_ERROR_SEQUENCE ? 0 : 1;
  }
};

// Callbacks that make these calls.
std::int32_t enter_from_sink(void* opaque, const void*, std::size_t) {
  static_cast<Intruder*>(opaque)->enter();
  return 0;
}

std::int32_t enter_from_progress(void* opaque, std::uint64_t, std::uint64_t) {
  static_cast<Intruder*>(opaque)->enter();
  return 0;
}

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
  for (std::int64_t threads : {1, 3}) {
    F::set_parameter(subject.handle(), PAXECT_PARAM_THREADS, threads);
    F::set_sink(subject.handle(), sink, &context);
    F::set_progress(subject.handle(), enter_from_progress, &intruder);
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

TEST_CASE("calls from inside a callback are refused, free does nothing, and the job is not disturbed") {
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
  auto difference = [](void* opaque, const paxect_difference*) {
    static_cast<Intruder*>(opaque)->enter();
    return std::int32_t{0};
  };
  REQUIRE(paxect_reader_open_fd(reader, file.fd()) == PAXECT_OK);
  REQUIRE(paxect_reader_set_progress(reader, enter_from_progress, &intruder) == PAXECT_OK);
  CHECK(paxect_reader_frames(reader, frame, &intruder) == PAXECT_OK);
  CHECK(paxect_reader_read(reader, 0, 5000, enter_from_sink, &intruder) == PAXECT_OK);
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
  REQUIRE(paxect_salvager_set_sink(salvager, enter_from_sink, &intruder) == PAXECT_OK);
  REQUIRE(paxect_salvager_set_progress(salvager, enter_from_progress, &intruder) == PAXECT_OK);
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
