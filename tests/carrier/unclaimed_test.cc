#include "unclaimed.h"

#include <vector>

#include "support/catch.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kMinute = std::uint64_t{60} * 1'000'000'000;

// In which minutes of a day a job is published again, when it is looked at in each. `queue` changes the state
// of the consumer before each look.
template <typename Function>
std::vector<std::uint64_t> republished(Unclaimed* job, std::uint64_t sequence, Function queue) {
  std::vector<std::uint64_t> minutes;
  QueueState state{.last_given = 10, .in_hand = 1, .left = 0, .fetches = 1};
  for (std::uint64_t minute = 0; minute < 1440; ++minute) {
    queue(minute, &state);
    if (job->observe(state, sequence, 10 * kMinute, (1 + minute) * kMinute)) minutes.push_back(minute);
  }
  return minutes;
}

const std::vector<std::uint64_t> kDoubled = {10, 30, 70, 150, 310, 630, 1270};

TEST_CASE("A job that was passed over is published again though another one is given out all the time") {
  Unclaimed job;
  CHECK(republished(&job, 7, [](std::uint64_t minute, QueueState* queue) { queue->in_hand = minute % 2; }) ==
        kDoubled);
  CHECK(job.waited_ns() == 640 * kMinute);
}

TEST_CASE("A job that was passed over is published again though the jobs behind it move on") {
  Unclaimed job;
  CHECK(republished(&job, 7, [](std::uint64_t, QueueState* queue) { ++queue->last_given; }) == kDoubled);
}

TEST_CASE("A job that its consumer never reaches is published again") {
  Unclaimed job;
  CHECK(republished(&job, 11, [](std::uint64_t, QueueState*) {}) == kDoubled);
  Unclaimed unknown;
  CHECK(republished(&unknown, 0, [](std::uint64_t, QueueState*) {}) == kDoubled);
}

TEST_CASE("A job in a queue that moves is not published again") {
  Unclaimed job;
  CHECK(republished(&job, 100'000, [](std::uint64_t, QueueState* queue) { ++queue->last_given; }).empty());
}

TEST_CASE("A job is not published again while no receiver fetches") {
  Unclaimed job;
  const auto away = [](std::uint64_t minute, QueueState* queue) { queue->fetches = minute < 100 ? 0 : 1; };
  CHECK(republished(&job, 7, away).front() == 110);
}

TEST_CASE("Only the time counts in which a receiver fetches, and it counts with breaks") {
  Unclaimed job;
  const auto busy = [](std::uint64_t minute, QueueState* queue) { queue->fetches = minute % 4 < 2 ? 1 : 0; };
  CHECK(republished(&job, 7, busy).front() == 37);  // one minute of four
}

TEST_CASE("A job that a receiver is given after a long absence has its age from then") {
  for (const std::uint64_t sequence : {std::uint64_t{11}, std::uint64_t{5000}}) {
    Unclaimed job;
    const auto away = [&](std::uint64_t minute, QueueState* queue) {
      queue->fetches = minute < 1000 ? 0 : 1;
      queue->last_given = minute < 1000 ? 10 : sequence;
    };
    CHECK(republished(&job, sequence, away).front() == 1010);
  }
}

TEST_CASE("A job that is given out after it waited in a queue that stood still has its age from then") {
  Unclaimed job;
  const auto given = [](std::uint64_t minute, QueueState* queue) {
    queue->last_given = minute < 9 ? 10 : 11;
  };
  CHECK(republished(&job, 11, given).front() == 19);
}

TEST_CASE("A job that is published again, or looked for in another store, has its age from then") {
  Unclaimed job;
  const QueueState queue{.last_given = 10, .in_hand = 1, .left = 0, .fetches = 1};
  CHECK_FALSE(job.observe(queue, 7, 10 * kMinute, kMinute));
  CHECK_FALSE(job.observe(queue, 7, 10 * kMinute, 10 * kMinute));
  CHECK_FALSE(job.observe(queue, 9, 10 * kMinute, 12 * kMinute));  // another number
  CHECK_FALSE(job.observe(queue, 9, 10 * kMinute, 21 * kMinute));
  job.begin_again();  // the same number, of another store
  CHECK_FALSE(job.observe(queue, 9, 10 * kMinute, 23 * kMinute));
  CHECK_FALSE(job.observe(queue, 9, 10 * kMinute, 32 * kMinute));
  CHECK(job.observe(queue, 9, 10 * kMinute, 33 * kMinute));
}

TEST_CASE("A sign of a receiver begins the time again, and a claim ends it") {
  Unclaimed job;
  const QueueState queue{.last_given = 10, .in_hand = 1, .left = 0, .fetches = 1};
  CHECK_FALSE(job.observe(queue, 7, 10 * kMinute, kMinute));
  job.begin_again();
  CHECK_FALSE(job.observe(queue, 7, 10 * kMinute, 11 * kMinute));
  CHECK(job.observe(queue, 7, 10 * kMinute, 21 * kMinute));
  CHECK_FALSE(job.observe(queue, 7, 10 * kMinute, 22 * kMinute));
  CHECK_FALSE(job.observe(queue, 7, 10 * kMinute, 40 * kMinute));
  job.end();
  CHECK(job.waited_ns() == 0);
  CHECK_FALSE(job.observe(queue, 7, 10 * kMinute, 42 * kMinute));
  CHECK(job.observe(queue, 7, 10 * kMinute, 52 * kMinute));
}

}  // namespace
}  // namespace paxect::carrier
