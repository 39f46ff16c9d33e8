// The deadlines of a relay: what it does from time to time, and when each is due. Times are nanoseconds of
// the host's monotonic clock.
//
// Every step serves what is due, whatever else waits, so that a stream of arrivals postpones nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace paxect::link {

enum class Task {
  kScan,     // read the whole inbox
  kUpkeep,   // policy, peers, manifest
  kState,    // the status file
  kMetrics,  // the metrics file
  kLists,    // lists of what was sent last, or an empty one
  kStalled,  // try again what a problem of our own holds up
};

class Schedule {
 public:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  void set(Task task, std::uint64_t at_ns) { at(task) = at_ns; }
  void set_no_later(Task task, std::uint64_t at_ns) { at(task) = std::min(at(task), at_ns); }
  void set_now(Task task) { set(task, 0); }

  bool is_due(Task task, std::uint64_t now_ns) const { return now_ns >= due_ns(task); }
  std::uint64_t due_ns(Task task) const { return due_[static_cast<std::size_t>(task)]; }
  // The earliest deadline; kNever when there is none.
  std::uint64_t next_ns() const { return *std::min_element(due_.begin(), due_.end()); }

 private:
  std::uint64_t& at(Task task) { return due_[static_cast<std::size_t>(task)]; }

  std::array<std::uint64_t, static_cast<std::size_t>(Task::kStalled) + 1> due_{0,      0,      kNever,
                                                                               kNever, kNever, kNever};
};

}  // namespace paxect::link
