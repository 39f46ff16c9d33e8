// Whether the consumer of the jobs gives out what it has.
//
// The one of a server that was killed can count jobs as given out, never give them again, and leave every
// fetch without an answer: Debian's 2.9.10 does, with "error looking up message for consumer: deleted
// message" in its log. Nothing but another consumer helps. It begins with the first job of the stream, so
// that what is delivered already comes once more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paxect::carrier {

// What the server says of it.
struct ConsumerState {
  std::string created;
  std::uint64_t given = 0;         // how often it has given out a job
  std::uint64_t acknowledged = 0;  // of these, the first ones that are all acknowledged
  std::uint64_t in_hand = 0;       // jobs that were given out and are not acknowledged
  std::uint64_t left = 0;          // jobs that were never given out
  std::uint64_t max_in_hand = 0;
  std::uint64_t ack_wait_ns = 0;
};
// The reply to CONSUMER.INFO. False when it is none.
bool parse_consumer(std::string_view text, ConsumerState* out);

class ConsumerWatch {
 public:
  // A job came, the connection is a new one, or this receiver has not fetched.
  void reset() { since_ns_ = 0; }
  // A job came: the consumer works. One that was made again gives out all that it has before it stops where
  // the one before has stopped, so that only ten minutes of work without a replacement count.
  void on_job(std::uint64_t now_ns) {
    reset();
    if (works_since_ns_ == 0) works_since_ns_ = now_ns;
    if (now_ns - works_since_ns_ >= kSpanOfWork) rounds_ = 0;
  }
  // True when it has to be replaced: there are jobs to give out, and nothing has changed for several times of
  // its AckWait. `held`: how many jobs the receivers have in hand, which are given to nobody else. Waits
  // twice as long each time, up to an hour. Requires: a fetch of ours is open.
  bool observe(const ConsumerState& state, std::uint64_t held, std::uint64_t now_ns);
  // For how long nothing has changed.
  std::uint64_t stalled_ns(std::uint64_t now_ns) const { return since_ns_ == 0 ? 0 : now_ns - since_ns_; }

 private:
  static constexpr std::uint64_t kSpanOfWork = std::uint64_t{600} * 1'000'000'000;
  ConsumerState last_;
  std::uint64_t since_ns_ = 0;        // 0: not watched
  std::uint64_t works_since_ns_ = 0;  // without a replacement; 0: no job came
  unsigned rounds_ = 0;
};

}  // namespace paxect::carrier
