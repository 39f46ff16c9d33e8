#include "report_queue.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr std::uint64_t kFirstPause = 5 * kSecond;
constexpr std::uint64_t kMaxPause = 30 * kSecond;  // less than Refusals::kForgotten

}  // namespace

void ReportQueue::add(const Report& report) {
  drop(report.id);
  if (open_.size() >= kMax) open_.pop_front();
  open_.push_back({.report = report, .number = ++numbers_});
}

void ReportQueue::drop(const std::string& id) {
  std::erase_if(open_, [&](const Open& one) { return one.report.id == id; });
}

void ReportQueue::retry() { next_ns_ = pause_ns_ = 0; }

bool ReportQueue::has_new() const {
  return std::any_of(open_.begin(), open_.end(), [](const Open& one) { return !one.is_tried; });
}

// One at a time: a stream that refuses one refuses all of them.
std::uint64_t ReportQueue::tend() {
  constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  if (open_.empty() || sent_ != 0) return kNever;  // a reply has the caller called again
  if (host_.monotonic_ns() < next_ns_) return next_ns_;
  Open& next = open_.front();
  const std::string subject = names_.subject("report", next.report.id);
  const auto handler = [this, number = next.number, subject](const Message* reply) {
    on_reply(number, subject, reply);
  };
  if (!exchange_.send(subject, report_text(next.report), kReplyTime, handler)) return kNever;
  sent_ = next.number;
  return kNever;
}

void ReportQueue::on_reply(std::uint64_t number, const std::string& subject, const Message* reply) {
  sent_ = 0;
  if (reply != nullptr && reply->status() == 503) lose_streams_();
  std::uint64_t ignored = 0;
  const Stored stored = refusals_.take(subject, reply, &ignored);
  const bool is_stored = stored == Stored::kYes || stored == Stored::kAlready;
  const auto found =
      std::find_if(open_.begin(), open_.end(), [&](const Open& one) { return one.number == number; });
  if (found != open_.end()) {
    Open one = std::move(*found);
    open_.erase(found);
    one.is_tried = true;
    if (!is_stored) open_.push_back(std::move(one));
  }
  pause_ns_ = is_stored ? 0 : std::clamp(2 * pause_ns_, kFirstPause, kMaxPause);
  next_ns_ = is_stored ? 0 : host_.monotonic_ns() + pause_ns_;
}

}  // namespace paxect::carrier
