#include "relay/reporter.h"

#include <algorithm>

#include "base/relay_paths.h"

namespace paxect::link {

void Reporter::log(const Event& event) {
  const int level = static_cast<int>(event.level);
  if (level < std::min(level_, static_cast<int>(Level::kInfo))) return;
  audit_.append(event, host_.realtime_ns());
  if (level < level_) return;
  std::string text = event.name + " " + std::string(base_name(event.source)) + " " + event.message;
  if (!event.advice.empty()) text += ": " + event.advice;
  host_.log(level, text);
}

Status Reporter::flush() {
  Status status = audit_.flush(host_.realtime_ns());
  if (status.ok()) on_flushed_(audit_.head());
  return status;
}

void Reporter::report_problem(const std::string& about, const std::string& message) {
  if (message.empty()) {
    problems_.erase(about);
    return;
  }
  std::string& reported = problems_[about];
  if (reported == message) return;
  reported = message;
  host_.log(PAXECT_LOG_ERROR, "deferred " + message);
  // The log itself may have the problem; then the line waits in memory.
  audit_.append({.level = Level::kError, .name = "deferred", .status = "pending", .message = message},
                host_.realtime_ns());
}

}  // namespace paxect::link
