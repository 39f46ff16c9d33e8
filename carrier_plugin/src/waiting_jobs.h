// Jobs that a receiver cannot decide about yet, each with the reason.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace paxect::carrier {

class WaitingJobs {
 public:
  void set(const std::string& id, const std::string& reason, std::uint64_t now_ns) {
    jobs_[id] = {reason, now_ns};
  }
  void clear(const std::string& id) { jobs_.erase(id); }
  // One of the reasons; "" when no job waits.
  std::string text(std::uint64_t now_ns) {
    std::erase_if(jobs_, [&](const auto& one) { return now_ns - one.second.seen_ns > kForgotten; });
    if (jobs_.empty()) return "";
    const std::string& first = jobs_.begin()->second.reason;
    return jobs_.size() == 1 ? first : first + " (others wait too)";
  }

 private:
  struct Job {
    std::string reason;
    std::uint64_t seen_ns = 0;
  };
  // The server gives a job that waits again every few seconds: one that has not come for a minute is not in
  // the stream any more.
  static constexpr std::uint64_t kForgotten = 60'000'000'000;
  std::map<std::string, Job> jobs_;  // by ID
};

}  // namespace paxect::carrier
