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

TEST_CASE("pipelines that share threads have no more of them busy, and each keeps its order") {
  for (unsigned threads : {1u, 2u, 4u}) {
    g_most = 0;
    auto shared = std::make_shared<WorkerThreads>(threads);
    Pipeline first(shared, 2 * threads, [] { return SquareJob{}; });
    auto second = std::make_unique<Pipeline>(shared, threads, [] { return SquareJob{}; });
    int next[] = {0, 0};
    auto take = [&](Pipeline& pipeline, int& number) {
      SquareJob* job = pipeline.finished(Pipeline::Wait::kYes);
      REQUIRE(job != nullptr);
      CHECK(job->result == number * number);
      ++number;
      pipeline.release();
    };
    auto submit = [&](Pipeline& pipeline, int& number, int value) {
      SquareJob* job;
      while ((job = pipeline.acquire()) == nullptr) take(pipeline, number);
      job->value = value;
      pipeline.submit();
    };
    for (int i = 0; i < 1000; ++i) {
      submit(first, next[0], i);
      if (i % 3 == 0) submit(*second, next[1], i / 3);
    }
    second.reset();  // with jobs that are waiting or being done
    while (next[0] != 1000) take(first, next[0]);
    CHECK(next[1] > 0);
    CHECK(g_most <= static_cast<int>(threads));
  }
}

TEST_CASE("an owner that blocks on a long job is asked whether to go on") {
  Pipeline pipeline(2, 4, [] { return SquareJob{}; });
  for (int i = 0; i < 4; ++i) {
    pipeline.acquire()->value = i;
    pipeline.submit();
  }
  for (int i = 0; i < 4; ++i) {
    SquareJob* job = pipeline.finished_asking([] { return true; });
    REQUIRE(job != nullptr);
    CHECK(job->result == i * i);
    pipeline.release();
  }
  CHECK(pipeline.finished_asking([] { return true; }) == nullptr);
}

struct HeldJob {
  std::atomic<bool>* is_taken = nullptr;
  std::atomic<bool>* may_end = nullptr;
};

struct Holder {
  void operator()(HeldJob& job) noexcept {
    if (job.is_taken == nullptr) return;
    *job.is_taken = true;
    while (!*job.may_end) std::this_thread::yield();
  }
};

TEST_CASE("a job that another thread does not end can be given up") {
  OrderedPipeline<HeldJob, Holder> pipeline(2, 2, [] { return HeldJob{}; });
  std::atomic<bool> is_taken{false};
  std::atomic<bool> may_end{false};
  // The worker starts when two jobs wait, and takes the first one.
  *pipeline.acquire() = {&is_taken, &may_end};
  pipeline.submit();
  *pipeline.acquire() = {};
  pipeline.submit();
  while (!is_taken) std::this_thread::yield();
  int asked = 0;
  CHECK(pipeline.finished_asking([&] { return ++asked < 2; }) == nullptr);
  CHECK(asked == 2);
  may_end = true;
  pipeline.abandon();
}

}  // namespace
}  // namespace paxect::core
