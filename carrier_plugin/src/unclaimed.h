// Whether a published job has waited for so long for a receiver to claim it that it has to be published
// again, whatever else its consumer does.
//
// The server can skip a job, or stop in the middle of the stream, while other jobs come and go: then nothing
// of the consumer as a whole shows it. What is only in the queue does not count, nor the time in which no
// receiver fetches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace paxect::carrier {

// What the server says of the consumer of the jobs.
struct QueueState {
  std::uint64_t last_given = 0;  // the sequence in the stream of the last job that it has given out
  std::uint64_t in_hand = 0;     // jobs that were given out and are not acknowledged
  std::uint64_t left = 0;        // jobs that were never given out
  std::uint64_t fetches = 0;     // of receivers, that are open
};

class Unclaimed {
 public:
  // To be called now and then while nobody has claimed the job, which has this number in the stream; 0: not
  // known. True when it has to be published again. Waits twice as long each time.
  bool observe(const QueueState& queue, std::uint64_t sequence, std::uint64_t patience_ns,
               std::uint64_t now_ns) {
    const Situation situation{.is_observed = true,
                              .sequence = sequence,
                              .is_given = sequence <= queue.last_given,
                              .last_given = sequence <= queue.last_given ? 0 : queue.last_given};
    // The only place where the age is set or grows.
    if (situation != situation_) {
      age_ns_ = 0;
    } else if (is_fetched_ && queue.fetches > 0) {
      age_ns_ += now_ns - seen_ns_;
    }
    situation_ = situation;
    seen_ns_ = now_ns;
    is_fetched_ = queue.fetches > 0;
    if (!is_fetched_ || age_ns_ < patience_ns << rounds_) return false;
    waited_ns_ = std::exchange(age_ns_, 0);
    rounds_ = std::min(rounds_ + 1, kMaxRounds);
    return true;
  }
  // A receiver has shown that it had the job, or the store may be another one: its age begins with the next
  // look.
  void begin_again() { situation_ = {}; }
  // A receiver has claimed it.
  void end() { *this = {}; }
  // How long it had waited when it was last published again; 0: it was not.
  std::uint64_t waited_ns() const { return waited_ns_; }

 private:
  static constexpr unsigned kMaxRounds = 6;
  // The age counts as long as this is the same.
  struct Situation {
    bool is_observed = false;
    std::uint64_t sequence = 0;    // another one: it was published again, or is in another store
    bool is_given = false;         // a receiver may have it in hand since it was given out
    std::uint64_t last_given = 0;  // while the job is behind it: the queue moves
    bool operator==(const Situation&) const = default;
  };
  Situation situation_;
  std::uint64_t seen_ns_ = 0;  // the last look
  bool is_fetched_ = false;    // at the last look
  std::uint64_t age_ns_ = 0;   // of the situation: the time between looks at both of which a receiver fetched
  std::uint64_t waited_ns_ = 0;
  unsigned rounds_ = 0;
};

}  // namespace paxect::carrier
