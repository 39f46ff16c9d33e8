// Every job of the C API while memory or threads run out: each request by number fails, alone and with all
// that follow it. A call then ends with a clean status, nothing of the library uses the caller's memory
// afterwards, and the same handle does the same job when there is memory again.
#include "failing_resources.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

// Memory that a call borrows. Once it is taken away, whoever still uses it dies of it.
class Region {
 public:
  explicit Region(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {
    memory_ = mmap(nullptr, capacity_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) std::abort();
  }
  explicit Region(std::string_view contents) : Region(contents.size()) {
    std::memcpy(memory_, contents.data(), contents.size());
    size = contents.size();
  }
  ~Region() { munmap(memory_, capacity_); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  void take_away() { mprotect(memory_, capacity_, PROT_NONE); }
  char* data() const { return static_cast<char*>(memory_); }
  std::size_t capacity() const { return capacity_; }
  bool holds(const std::string& expected) const { return std::string_view(data(), size) == expected; }

  std::size_t size = 0;

 private:
  std::size_t capacity_;
  void* memory_;
};

const std::string& original() {
  static const std::string kData = text(200'000) + std::string(100'000, '\0') + noise(60'000);
  return kData;
}
const Parameters kEncoding{{PAXECT_PARAM_FRAME_SIZE, 16384}, {PAXECT_PARAM_LEVEL, 1}};
const std::string& container() {
  static const std::string kContainer = encode(original(), kEncoding);
  return kContainer;
}

// What one attempt at a job borrows and produces.
struct Attempt {
  Attempt() : in(std::size_t{1} << 20), out(std::size_t{1} << 20) {}

  Region in;
  Region out;
  std::size_t read = 0;  // by source()
  bool over = false;     // the call has returned: no callback may come any more

  static std::int32_t sink(void* opaque, const void* data, std::size_t size) {
    auto& self = *static_cast<Attempt*>(opaque);
    if (self.over || size > self.out.capacity() - self.out.size) std::abort();
    std::memcpy(self.out.data() + self.out.size, data, size);
    self.out.size += size;
    return 0;
  }
  static std::int32_t source(void* opaque, void* buffer, std::size_t capacity, std::size_t* size) {
    auto& self = *static_cast<Attempt*>(opaque);
    if (self.over) std::abort();
    *size = std::min({capacity, self.in.size - self.read, std::size_t{50'000}});
    std::memcpy(buffer, self.in.data() + self.read, *size);
    self.read += *size;
    return 0;
  }
  void give(const std::string& contents) {
    std::memcpy(in.data(), contents.data(), contents.size());
    in.size = contents.size();
  }
  void end() {
    over = true;
    in.take_away();
    out.take_away();
  }
};

// A directory with the data and the container. A failed job leaves nothing else in it.
class Files {
 public:
  Files() {
    write_file(data, original());
    write_file(freq, container());
  }
  bool output_holds(const std::string& expected) const { return read_file(output) == expected; }
  // Before a job: the output does not exist, or, with `replace`, is an older file.
  void prepare() const {
    Unaffected scope;
    std::remove(output.c_str());
    if (replace) write_file(output, "older");
  }
  // After a failed job: the same as before, and no other file.
  void check_unchanged() const {
    CHECK(list(dir_.path()) == (replace ? Names{"data", "data.freq", "output"} : Names{"data", "data.freq"}));
    if (replace) CHECK(read_file(output) == "older");
  }

 private:
  TempDir dir_;

 public:
  const std::string data = dir_ / "data";
  const std::string freq = dir_ / "data.freq";
  const std::string output = dir_ / "output";
  bool replace = false;
};

// One kind of job, on one handle.
class Job {
 public:
  explicit Job(std::int64_t threads) { files.replace = threads == 1; }
  virtual ~Job() = default;
  // The call or calls that may fail; `attempt` is fresh.
  virtual paxect_status work(Attempt& attempt) = 0;
  // After PAXECT_OK: the result is right.
  virtual bool right(const Attempt& attempt) = 0;
  // After a failure: whether all is as it was before, and what makes the handle ready again.
  virtual void recover() {}
  virtual std::string message() const = 0;

 protected:
  Files files;
};

// What the two coders share: H is paxect_encoder or paxect_decoder.
class EncodeJob : public Job {
 public:
  explicit EncodeJob(std::int64_t threads) : Job(threads), encoder_(make_encoder(kEncoding)) {
    paxect_encoder_set_parameter(encoder(), PAXECT_PARAM_THREADS, threads);
  }
  bool right(const Attempt& attempt) override { return attempt.out.holds(container()); }
  std::string message() const override { return paxect_encoder_error_message(encoder_.get()); }

 protected:
  paxect_encoder* encoder() const { return encoder_.get(); }

 private:
  Encoder encoder_;
};
class DecodeJob : public Job {
 public:
  explicit DecodeJob(std::int64_t threads)
      : Job(threads), decoder_(make_decoder({{PAXECT_PARAM_THREADS, threads}})) {}
  bool right(const Attempt& attempt) override { return attempt.out.holds(original()); }
  std::string message() const override { return paxect_decoder_error_message(decoder_.get()); }

 protected:
  paxect_decoder* decoder() const { return decoder_.get(); }

 private:
  Decoder decoder_;
};

// Pushes `contents`, in memory that the handle may use during each call only.
template <class Handle>
paxect_status push(Handle* handle, const std::string& contents, Attempt& attempt,
                   paxect_status (*write)(Handle*, const void*, std::size_t),
                   paxect_status (*finish)(Handle*)) {
  constexpr std::size_t kPiece = 40'000;
  paxect_status status = PAXECT_OK;
  for (std::size_t at = 0; at < contents.size() && status == PAXECT_OK; at += kPiece) {
    Region piece(std::string_view(contents).substr(at, kPiece));
    status = write(handle, piece.data(), piece.size);
  }
  if (status == PAXECT_OK) return finish(handle);
  Unaffected scope;
  std::size_t so_far = attempt.out.size;
  CHECK(write(handle, "x", 1) == status);  // a failed stream repeats its failure
  CHECK(finish(handle) == status);
  CHECK(attempt.out.size == so_far);
  return status;
}

struct EncodeStream : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt& attempt) override {
    paxect_encoder_set_sink(encoder(), Attempt::sink, &attempt);
    paxect_status status = push(encoder(), original(), attempt, paxect_encoder_write, paxect_encoder_finish);
    return status;
  }
  void recover() override { REQUIRE(paxect_encoder_reset(encoder()) == PAXECT_OK); }
};
struct EncodeRun : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(original());
    paxect_encoder_set_sink(encoder(), Attempt::sink, &attempt);
    return paxect_encoder_run(encoder(), Attempt::source, &attempt);
  }
};
struct EncodeParanoid : EncodeRun {
  explicit EncodeParanoid(std::int64_t threads) : EncodeRun(threads) {
    paxect_encoder_set_parameter(encoder(), PAXECT_PARAM_PARANOID, 1);
  }
};
struct EncodeBuffer : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(original());
    return paxect_encoder_encode_buffer(encoder(), attempt.in.data(), attempt.in.size, attempt.out.data(),
                                        attempt.out.capacity(), &attempt.out.size);
  }
};

struct DecodeStream : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt& attempt) override {
    paxect_decoder_set_sink(decoder(), Attempt::sink, &attempt);
    return push(decoder(), container(), attempt, paxect_decoder_write, paxect_decoder_finish);
  }
  void recover() override { REQUIRE(paxect_decoder_reset(decoder()) == PAXECT_OK); }
};
struct DecodeRun : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(container());
    paxect_decoder_set_sink(decoder(), Attempt::sink, &attempt);
    return paxect_decoder_run(decoder(), Attempt::source, &attempt);
  }
};
struct DecodeBuffer : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(container());
    return paxect_decoder_decode_buffer(decoder(), attempt.in.data(), attempt.in.size, attempt.out.data(),
                                        attempt.out.capacity(), &attempt.out.size);
  }
};

struct EncodePath : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt&) override {
    files.prepare();
    return paxect_encoder_encode_path(encoder(), files.data.c_str(), files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(container()); }
  void recover() override { files.check_unchanged(); }
};
struct DecodePath : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt&) override {
    files.prepare();
    return paxect_decoder_decode_path(decoder(), files.freq.c_str(), files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(original()); }
  void recover() override { files.check_unchanged(); }
};

// Frames that are large enough for the decoder's threads to write them.
struct DecodeLargeFrames : DecodePath {
  explicit DecodeLargeFrames(std::int64_t threads) : DecodePath(threads) {
    static const std::string kContainer =
        encode(original(), {{PAXECT_PARAM_FRAME_SIZE, 262'144}, {PAXECT_PARAM_LEVEL, 1}});
    write_file(files.freq, kContainer);
  }
};

// Each reader job opens the container too, so that this fails as well.
class ReaderJob : public Job {
 public:
  explicit ReaderJob(std::int64_t threads)
      : Job(threads), reader_(make_reader({{PAXECT_PARAM_THREADS, threads}})) {}
  paxect_status work(Attempt& attempt) override {
    files.prepare();
    paxect_status status = paxect_reader_open_path(reader(), files.freq.c_str());
    return status == PAXECT_OK ? work_on_open(attempt) : status;
  }
  bool right(const Attempt&) override { return true; }
  void recover() override { files.check_unchanged(); }
  std::string message() const override { return paxect_reader_error_message(reader_.get()); }

 protected:
  virtual paxect_status work_on_open(Attempt& attempt) = 0;
  paxect_reader* reader() const { return reader_.get(); }

 private:
  Reader reader_;
};
struct ReadFrames : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt& attempt) override {
    auto count = [](void* opaque, const paxect_frame_info*) {
      ++static_cast<Attempt*>(opaque)->read;
      return std::int32_t{0};
    };
    return paxect_reader_frames(reader(), count, &attempt);
  }
  bool right(const Attempt& attempt) override { return attempt.read == (original().size() + 16383) / 16384; }
};
struct ReadRange : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt& attempt) override {
    return paxect_reader_read(reader(), 30'000, 300'000, Attempt::sink, &attempt);
  }
  bool right(const Attempt& attempt) override {
    return attempt.out.holds(original().substr(30'000, 300'000));
  }
};
struct ReadRangeToPath : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt&) override {
    return paxect_reader_read_path(reader(), 30'000, 300'000, files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(original().substr(30'000, 300'000)); }
};
struct Compare : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt& attempt) override {
    attempt.give(original());
    return paxect_reader_compare(reader(), Attempt::source, &attempt, nullptr, nullptr);
  }
};
struct ComparePath : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt&) override {
    return paxect_reader_compare_path(reader(), files.data.c_str(), nullptr, nullptr);
  }
};

// Two damaged copies, which together are whole.
class SalvageJob : public Job {
 public:
  explicit SalvageJob(std::int64_t threads)
      : Job(threads), salvager_(make_salvager()), first_(damaged(100)), second_(damaged(9000)) {}
  paxect_status work(Attempt& attempt) override {
    files.prepare();
    paxect_salvager_set_sink(salvager(), Attempt::sink, &attempt);
    paxect_status status = paxect_salvager_add_fd(salvager(), first_.fd(), "first");
    if (status == PAXECT_OK) status = paxect_salvager_add_fd(salvager(), second_.fd(), "second");
    return status == PAXECT_OK ? write(attempt) : status;
  }
  bool right(const Attempt& attempt) override { return attempt.out.holds(original()); }
  void recover() override {
    files.check_unchanged();
    REQUIRE(paxect_salvager_reset(salvager()) == PAXECT_OK);
  }
  std::string message() const override { return paxect_salvager_error_message(salvager_.get()); }

 protected:
  virtual paxect_status write(Attempt&) { return paxect_salvager_run(salvager()); }
  paxect_salvager* salvager() const { return salvager_.get(); }

 private:
  static std::string damaged(std::size_t at) {
    std::string bytes = container();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  }

  Salvager salvager_;
  MemoryFile first_;
  MemoryFile second_;
};
struct SalvagePath : SalvageJob {
  using SalvageJob::SalvageJob;
  paxect_status write(Attempt&) override {
    return paxect_salvager_run_path(salvager(), files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(original()); }
};

struct Kind {
  const char* name;
  bool threads;  // it can use several
  std::function<std::unique_ptr<Job>(std::int64_t threads)> make;
};
template <class J>
Kind kind(const char* name, bool threads) {
  return {name, threads, [](std::int64_t count) { return std::make_unique<J>(count); }};
}
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{kind<EncodeStream>("encoder write and finish", true),
                                        kind<EncodeRun>("encoder run", true),
                                        kind<EncodeParanoid>("encoder run, paranoid", true),
                                        kind<EncodeBuffer>("encode_buffer", true),
                                        kind<EncodePath>("encode_path", true),
                                        kind<DecodeStream>("decoder write and finish", true),
                                        kind<DecodeRun>("decoder run", true),
                                        kind<DecodeBuffer>("decode_buffer", true),
                                        kind<DecodePath>("decode_path", true),
                                        kind<DecodeLargeFrames>("decode_path, large frames", true),
                                        kind<ReadFrames>("reader frames", false),
                                        kind<ReadRange>("reader read", true),
                                        kind<ReadRangeToPath>("reader read_path", true),
                                        kind<Compare>("reader compare", false),
                                        kind<ComparePath>("reader compare_path", false),
                                        kind<SalvageJob>("salvager run", false),
                                        kind<SalvagePath>("salvager run_path", false)};
  return kKinds;
}

// One attempt while the n-th request fails, one on the same handle when none does. False when none failed.
bool attempt_twice(const Kind& kind, std::int64_t threads, Resource resource, long n, bool lasting) {
  container();  // made before anything fails
  std::unique_ptr<Job> job = kind.make(threads);
  Attempt failing;
  Attempt again;
  Failing plan(resource, n, lasting);
  paxect_status status = job->work(failing);
  plan.stop();
  failing.over = true;
  INFO(paxect_status_name(status) << ": " << job->message());
  if (status == PAXECT_OK) {
    CHECK(job->right(failing));
  } else {
    REQUIRE(plan.happened());
    CHECK(status == PAXECT_ERROR_MEMORY);
    CHECK_FALSE(job->message().empty());
  }
  if (resource == Resource::kThread) CHECK(status == PAXECT_OK);
  failing.end();
  if (status == PAXECT_OK) return plan.happened();
  job->recover();
  REQUIRE(job->work(again) == PAXECT_OK);
  CHECK(job->right(again));
  return true;
}

// Every request by number, until the job needs no more of them.
void fail_each(Resource resource) {
  if (!can_fail(resource)) {
    WARN("skipped: a sanitizer has this function");
    return;
  }
  for (const Kind& kind : kinds()) {
    for (std::int64_t threads : {1, 3}) {
      if (threads != 1 && !kind.threads) continue;
      for (bool lasting : {false, true}) {
        long n = 1;
        for (bool failed = true; failed; ++n) {
          INFO(kind.name << ", " << threads << " threads, request " << n << (lasting ? " and later" : ""));
          REQUIRE(n < 5000);
          failed = attempt_twice(kind, threads, resource, n, lasting);
        }
        if (resource != Resource::kThread || threads != 1) CHECK(n > 2);
      }
    }
  }
}

TEST_CASE("each failing operator new ends a job with MEMORY and leaves the handle usable") {
  fail_each(Resource::kNew);
}

TEST_CASE("each failing malloc, those of libzstd and libcrypto included, does the same") {
  fail_each(Resource::kMalloc);
}

TEST_CASE("work continues with the threads that the system grants") { fail_each(Resource::kThread); }

// The caller's own allocator, which fails by number and counts what is live.
struct FailingAllocator {
  std::atomic<long> left{0};
  std::atomic<long> live{0};
  std::atomic<bool> happened{false};

  static void* allocate(void* opaque, std::size_t size) {
    auto& self = *static_cast<FailingAllocator*>(opaque);
    if (--self.left == 0) {
      self.happened = true;
      return nullptr;
    }
    ++self.live;
    return std::malloc(size);
  }
  static void release(void* opaque, void* memory) {
    if (memory == nullptr) std::abort();
    --static_cast<FailingAllocator*>(opaque)->live;
    std::free(memory);
  }
  paxect_allocator functions() { return {sizeof(paxect_allocator), this, allocate, release}; }
};

template <class Handle>
void fail_each_allocation(const char* name, paxect_status (*create)(const paxect_allocator*, Handle**),
                          void (*destroy)(Handle*), const std::function<paxect_status(Handle*)>& work) {
  INFO(name);
  bool failed = true;
  long n = 1;
  for (; failed; ++n) {
    INFO("request " << n);
    FailingAllocator allocator;
    allocator.left = n;
    paxect_allocator functions = allocator.functions();
    Handle* handle = nullptr;
    paxect_status status = create(&functions, &handle);
    if (status == PAXECT_OK) {
      status = work(handle);
      failed = allocator.happened;
      if (failed) CHECK(work(handle) == PAXECT_OK);
    }
    CHECK(status == (failed ? PAXECT_ERROR_MEMORY : PAXECT_OK));
    destroy(handle);
    CHECK(allocator.live == 0);
  }
  CHECK(n > 2);
}

TEST_CASE("each failing call of the caller's allocator ends a job with MEMORY, and all memory is released") {
  Files files;
  for (std::int64_t threads : {1, 3}) {
    INFO(threads << " threads");
    auto encode_job = [&](paxect_encoder* encoder) {
      paxect_encoder_set_parameter(encoder, PAXECT_PARAM_THREADS, threads);
      paxect_encoder_set_parameter(encoder, PAXECT_PARAM_PARANOID, 1);
      paxect_encoder_set_parameter(encoder, PAXECT_PARAM_FRAME_SIZE, 16384);
      return paxect_encoder_encode_path(encoder, files.data.c_str(), files.output.c_str());
    };
    auto decode_job = [&](paxect_decoder* decoder) {
      paxect_decoder_set_parameter(decoder, PAXECT_PARAM_THREADS, threads);
      return paxect_decoder_decode_path(decoder, files.freq.c_str(), files.output.c_str());
    };
    auto read_job = [&](paxect_reader* reader) {
      paxect_reader_set_parameter(reader, PAXECT_PARAM_THREADS, threads);
      paxect_status status = paxect_reader_open_path(reader, files.freq.c_str());
      if (status == PAXECT_OK) status = paxect_reader_read_path(reader, 0, UINT64_MAX, files.output.c_str());
      if (status != PAXECT_OK) return status;
      return paxect_reader_compare_path(reader, files.data.c_str(), nullptr, nullptr);
    };
    fail_each_allocation<paxect_encoder>("encoder", paxect_encoder_create, paxect_encoder_free, encode_job);
    fail_each_allocation<paxect_decoder>("decoder", paxect_decoder_create, paxect_decoder_free, decode_job);
    fail_each_allocation<paxect_reader>("reader", paxect_reader_create, paxect_reader_free, read_job);
  }
  MemoryFile copy(container());
  auto salvage_job = [&](paxect_salvager* salvager) {
    paxect_salvager_reset(salvager);
    paxect_salvager_add_fd(salvager, copy.fd(), "copy");
    return paxect_salvager_run_path(salvager, files.output.c_str());
  };
  fail_each_allocation<paxect_salvager>("salvager", paxect_salvager_create, paxect_salvager_free,
                                        salvage_job);
}

TEST_CASE("a handle that cannot be created leaves nothing behind") {
  if (!can_fail(Resource::kMalloc)) return;
  make_encoder();  // libcrypto has started
  bool failed = true;
  for (long n = 1; failed; ++n) {
    INFO("request " << n);
    paxect_encoder* encoder = nullptr;
    paxect_reader* reader = nullptr;
    Failing plan(Resource::kMalloc, n, true);
    paxect_status status = paxect_encoder_create(nullptr, &encoder);
    if (status == PAXECT_OK) status = paxect_reader_create(nullptr, &reader);
    plan.stop();
    failed = plan.happened();
    CHECK(status == (failed ? PAXECT_ERROR_MEMORY : PAXECT_OK));
    CHECK((status == PAXECT_OK) == (reader != nullptr));
    paxect_encoder_free(encoder);
    paxect_reader_free(reader);
  }
}

}  // namespace
}  // namespace paxect::test
