#include "stop_reminder.h"

#include <algorithm>

namespace paxect::host {
namespace {

constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr std::uint64_t kFirstReport = 3000 * kNanosecondsPerMillisecond;
constexpr std::uint64_t kMaxInterval = 3'600'000 * kNanosecondsPerMillisecond;

}  // namespace

bool StopReminder::is_due(bool stop_requested, std::uint64_t now_ns) {
  if (!stop_requested) return false;
  if (begin_ns_ == 0) {
    begin_ns_ = now_ns;
    due_ns_ = now_ns + kFirstReport;
  }
  if (now_ns < due_ns_) return false;
  due_ns_ = now_ns + std::min(now_ns - begin_ns_, kMaxInterval);
  return true;
}

int StopReminder::timeout(std::uint64_t now_ns) const {
  if (begin_ns_ == 0) return -1;
  return now_ns < due_ns_ ? static_cast<int>((due_ns_ - now_ns) / kNanosecondsPerMillisecond + 1) : 0;
}

}  // namespace paxect::host
