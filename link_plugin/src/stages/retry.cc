#include "stages/retry.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace paxect::link {

RetryTable::RetryTable(std::uint64_t backoff_ns, std::function<std::uint64_t()> random)
    : backoff_ns_(backoff_ns), random_(std::move(random)) {}

const FileRecord* RetryTable::find(const std::string& path, const FileIdentity& identity) const {
  auto found = records_.find(path);
  return found != records_.end() && found->second.identity == identity ? &found->second : nullptr;
}

bool RetryTable::note(const std::string& path, const FileIdentity& identity, FileState state, bool counts,
                      const std::string& event, const std::string& reason, std::uint64_t now_ns,
                      std::int64_t utc_ns) {
  FileRecord& record = records_[path];
  bool same_file = record.identity == identity && record.delays > 0;
  if (!same_file) {
    record = {};
    record.identity = identity;
    record.first_utc_ns = utc_ns;
  }
  bool news = !same_file || record.event != event || record.reason != reason;
  record.state = state;
  record.event = event;
  record.reason = reason;
  record.attempts += counts ? 1 : 0;
  ++record.delays;
  record.last_utc_ns = utc_ns;
  record.next_try_ns =
      state == FileState::kBlocked ? UINT64_MAX : now_ns + delay_ns(backoff_ns_, record.delays, random_());
  return news;
}

void RetryTable::recall(const std::string& path, const FileIdentity& identity, unsigned attempts,
                        std::int64_t first_utc_ns) {
  FileRecord& record = records_[path];
  record = {};
  record.identity = identity;
  record.attempts = record.delays = attempts;
  record.first_utc_ns = record.last_utc_ns = first_utc_ns;
}

void RetryTable::forget_blocks() {
  std::erase_if(records_, [](const auto& entry) { return entry.second.state == FileState::kBlocked; });
}

void RetryTable::keep_only(
    const std::function<bool(const std::string& path, const FileRecord&)>& still_there) {
  std::erase_if(records_, [&](const auto& entry) { return !still_there(entry.first, entry.second); });
}

std::uint64_t RetryTable::next_try_ns(std::uint64_t seen_ns) const {
  std::uint64_t next = UINT64_MAX;
  for (const auto& [path, record] : records_)
    if (record.next_try_ns > seen_ns) next = std::min(next, record.next_try_ns);
  return next;
}

std::uint64_t RetryTable::delay_ns(std::uint64_t backoff_ns, unsigned delays, std::uint64_t random) {
  constexpr std::uint64_t kMost = 3600 * kSecond;
  std::uint64_t delay = std::min(backoff_ns, kMost);
  for (unsigned i = 1; i < delays && delay < kMost; ++i) delay = std::min(delay * 2, kMost);
  return delay / 2 + (delay > 1 ? random % (delay / 2) : 0);
}

}  // namespace paxect::link
