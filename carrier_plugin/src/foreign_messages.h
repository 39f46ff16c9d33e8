// Messages of others on the subjects that a sender listens to: what is no claim, receipt, report, question or
// announcement, or is one of another ID than its subject. They are ignored. They are counted, and reported
// once for each subject, up to a limit. The server does not say who has published a message.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "host.h"
#include "problems.h"

namespace paxect::carrier {

class ForeignMessages {
 public:
  ForeignMessages(const Host& host, Problems* problems) : host_(host), problems_(*problems) {}

  // `what` is what the message should be: "a claim". `server` is who brought it.
  void note(std::string_view subject, std::string_view what, std::size_t bytes, const std::string& server) {
    ++count_;
    last_ns_ = host_.monotonic_ns();
    if (subjects_.size() >= kMaxSubjects || !subjects_.emplace(subject).second) return;
    const std::string text = "a message of " + std::to_string(bytes) + " bytes on the subject " +
                             std::string(subject) + " at " + server + " is not " + std::string(what) +
                             " of a carrier and is ignored: find out who may publish there; see man "
                             "paxect-carrier, SECURITY";
    if (subjects_.size() > 1) return host_.log(PAXECT_LOG_WARN, text);
    problems_.set(kForeign, text);
  }
  // The report ends when none has come for a while. Then each subject is reported again.
  void tend() {
    if (subjects_.empty() || host_.monotonic_ns() - last_ns_ < kReported) return;
    subjects_.clear();
    problems_.set(kForeign, "");
  }
  std::uint64_t count() const { return count_; }

 private:
  static constexpr char kForeign[] = "messages of others come";
  static constexpr std::uint64_t kReported = std::uint64_t{600} * 1'000'000'000;
  static constexpr std::size_t kMaxSubjects = 100;

  const Host& host_;
  Problems& problems_;
  std::set<std::string, std::less<>> subjects_;  // that were reported
  std::uint64_t last_ns_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace paxect::carrier
