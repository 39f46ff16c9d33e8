// Whether a published job has waited for so long for a receiver to claim it that it has to be published
// again, whatever else its consumer does.
//
// The server can skip a job, or stop in the middle of the stream, while other jobs come and go: then nothing
// of the consumer as a whole shows it. What is only in the queue does not count, nor the time in which no
// receiver fetches.
#pragma once

#include <algorithm>
#include <cstdint>

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
    const bool has_moved = queue.last_given != last_given_;
    last_given_ = queue.last_given;
    if (since_ns_ == 0 || (has_moved && sequence > queue.last_given)) {
      since_ns_ = now_ns;
      return false;
    }
    const std::uint64_t waited = now_ns - since_ns_;
    if (queue.fetches == 0 || waited < patience_ns << rounds_) return false;
    waited_ns_ = waited;
    since_ns_ = now_ns;
    rounds_ = std::min(rounds_ + 1, kMaxRounds);
    return true;
  }
  // A receiver has shown that it had the job.
  void note_sign(std::uint64_t now_ns) { since_ns_ = now_ns; }
  // A receiver has claimed it.
  void end() { *this = {}; }
  // How long it had waited when it was last published again; 0: it was not.
  std::uint64_t waited_ns() const { return waited_ns_; }

 private:
  static constexpr unsigned kMaxRounds = 6;
  std::uint64_t last_given_ = 0;
  std::uint64_t since_ns_ = 0;  // 0: it was not looked at
  std::uint64_t waited_ns_ = 0;
  unsigned rounds_ = 0;
};

}  // namespace paxect::carrier
