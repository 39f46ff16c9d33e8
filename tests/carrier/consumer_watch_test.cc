#include "consumer_watch.h"

#include "support/catch.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

ConsumerState state_of(std::uint64_t given, std::uint64_t in_hand, std::uint64_t left) {
  return {.created = "now",
          .given = given,
          .acknowledged = 0,
          .in_hand = in_hand,
          .left = left,
          .max_in_hand = 10,
          .ack_wait_ns = 30 * kSecond};
}

constexpr std::int64_t kNever = -1;

// After how many seconds it has to be replaced, when it is looked at each second for a day.
std::int64_t patience(ConsumerWatch* watch, const ConsumerState& state, std::uint64_t held,
                      std::uint64_t begin = 1) {
  for (std::uint64_t second = 0; second < 86'400; ++second)
    if (watch->observe(state, held, (begin + second) * kSecond)) return static_cast<std::int64_t>(second);
  return kNever;
}

TEST_CASE("A consumer that has nothing is not replaced") {
  ConsumerWatch watch;
  CHECK(patience(&watch, state_of(5, 0, 0), 0) == kNever);
}

TEST_CASE("A consumer that gives out nothing is replaced after six times its AckWait") {
  ConsumerWatch watch;
  CHECK(patience(&watch, state_of(5, 0, 3), 0) == 180);
  ConsumerWatch given;
  CHECK(patience(&given, state_of(5, 3, 0), 0) == 180);
  ConsumerWatch quick;
  ConsumerState state = state_of(5, 3, 0);
  state.ack_wait_ns = kSecond;
  CHECK(patience(&quick, state, 0) == 45);
}

TEST_CASE("Jobs in the hand of a receiver are not given to others, but what was never given out is") {
  ConsumerWatch held;
  CHECK(patience(&held, state_of(5, 3, 0), 3) == kNever);
  ConsumerWatch left;
  CHECK(patience(&left, state_of(5, 3, 1), 3) == 180);
  ConsumerWatch some;
  CHECK(patience(&some, state_of(5, 3, 0), 2) == 180);
  ConsumerWatch full;
  CHECK(patience(&full, state_of(5, 10, 1), 10) == kNever);
}

TEST_CASE("A consumer that moves is not replaced") {
  ConsumerWatch watch;
  for (std::uint64_t i = 0; i < 100; ++i) {
    CHECK_FALSE(watch.observe(state_of(i, 3, 3), 0, (1 + i * 100) * kSecond));
    ConsumerState other = state_of(i, 3, 3);
    other.created = "later";
    CHECK_FALSE(watch.observe(other, 0, (50 + i * 100) * kSecond));
  }
  watch.reset();
  CHECK_FALSE(watch.observe(state_of(99, 3, 3), 0, 100'000 * kSecond));
}

TEST_CASE("A consumer that was replaced in vain is replaced less and less often") {
  ConsumerWatch watch;
  const ConsumerState state = state_of(0, 0, 1);
  std::int64_t expected = 180;
  for (int i = 0; i < 6; ++i) {
    // It gives out what it has, up to the same place.
    watch.on_job(kSecond);
    watch.on_job(500 * kSecond);
    CHECK(patience(&watch, state, 0, 500) == expected);
    expected = std::min<std::int64_t>(2 * expected, 3600);
  }
  watch.on_job(1000 * kSecond);
  watch.on_job(1600 * kSecond);
  CHECK(patience(&watch, state, 0, 1600) == 180);
  // One whose AckWait is longer than that is still waited for.
  watch.reset();
  ConsumerState slow = state;
  slow.ack_wait_ns = 3600 * kSecond;
  CHECK(patience(&watch, slow, 0) == 6 * 3600);
}

TEST_CASE("What the server says of a consumer is read") {
  ConsumerState state;
  REQUIRE(parse_consumer(
      R"({"type":"t","stream_name":"test_job","name":"receivers","created":"2026-01-02T03:04:05Z",)"
      R"("config":{"durable_name":"receivers","ack_wait":1000000000,"max_deliver":-1,"max_ack_pending":10000},)"
      R"("delivered":{"consumer_seq":7,"stream_seq":5},"ack_floor":{"consumer_seq":4,"stream_seq":3},)"
      R"("num_ack_pending":2,"num_redelivered":1,"num_waiting":1,"num_pending":3})",
      &state));
  CHECK(state.created == "2026-01-02T03:04:05Z");
  CHECK(state.given == 7);
  CHECK(state.acknowledged == 4);
  CHECK(state.in_hand == 2);
  CHECK(state.left == 3);
  CHECK(state.max_in_hand == 10'000);
  CHECK(state.ack_wait_ns == kSecond);
  CHECK_FALSE(parse_consumer(R"({"error":{"code":404,"err_code":10014}})", &state));
  CHECK_FALSE(parse_consumer("", &state));
}

}  // namespace
}  // namespace paxect::carrier
