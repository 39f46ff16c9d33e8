// Every job of the C API while memory or threads run out: each request by number fails, alone and with all
// that follow it. A call then ends with a clean status, nothing of the library uses the caller's memory
// afterwards, and the same handle does the same job when there is memory again.
#include "failing_resources.h"

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>

#include "codec.h"
#include "failing_jobs.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::test {
namespace {

// Runs the job while the n-th request fails, then again on the same handle without failures. Returns false
// when no request failed.
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

// The number of the request to fail after request n. Late requests of a long job come from the same few calls
// again and again: so the steps grow, unless PAXECT_TEST_LONG=1 asks for each request.
long next_request(long n) {
  static const bool each = std::getenv("PAXECT_TEST_LONG") != nullptr;
  return n + 1 + (each ? 0 : n / 16);
}

// Requests by number, until the job needs no more of them.
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
        for (bool failed = true; failed; n = next_request(n)) {
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

// The caller's allocator: fails at a given request, and counts the live allocations.
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
