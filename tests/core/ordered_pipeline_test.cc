#include "ordered_pipeline.h"

#include <atomic>
#include <chrono>

#include "support/catch.h"

namespace paxect::core {
namespace {

struct SquareJob {
  int value = 0;
  int result = 0;
};

std::atomic<int> g_busy{0};
std::atomic<int> g_most{0};

struct Squarer {
  void operator()(SquareJob& job) noexcept {
    int busy = ++g_busy;
    int most = g_most;
    while (busy > most && !g_most.compare_exchange_weak(most, busy)) {
    }
    if (job.value % 7 == 0) std::this_thread::yield();  // some jobs finish out of order
    job.result = job.value * job.value;
    --g_busy;
  }
};

using Pipeline = OrderedPipeline<SquareJob, Squarer>;

TEST_CASE("jobs come back in order, and at most the given number of threads is busy") {
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    g_most = 0;
    Pipeline pipeline(threads, 2 * threads, [] { return SquareJob{}; });
    int next = 0;
    auto take = [&](Pipeline::Wait wait) {
      SquareJob* job = pipeline.finished(wait);
      if (job == nullptr) return false;
      CHECK(job->result == next * next);
      ++next;
      pipeline.release();
      return true;
    };
    for (int i = 0; i < 2000; ++i) {
      SquareJob* job;
      while ((job = pipeline.acquire()) == nullptr) REQUIRE(take(Pipeline::Wait::kYes));
      job->value = i;
      pipeline.submit();
      while (take(Pipeline::Wait::kNo)) {
      }
    }
    while (take(Pipeline::Wait::kYes)) {
    }
    CHECK(next == 2000);
    CHECK(g_most <= static_cast<int>(threads));
  }
}

TEST_CASE("abandoned jobs are dropped, and the pipeline accepts new ones") {
  Pipeline pipeline(3, 6, [] { return SquareJob{}; });
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 5; ++i) {
      pipeline.acquire()->value = 1000 + i;
      pipeline.submit();
    }
    pipeline.abandon();
    CHECK(pipeline.finished(Pipeline::Wait::kYes) == nullptr);
    pipeline.acquire()->value = round;
    pipeline.submit();
    CHECK(pipeline.finished(Pipeline::Wait::kYes)->result == round * round);
    pipeline.release();
  }
}

}  // namespace
}  // namespace paxect::core
