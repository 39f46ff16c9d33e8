#include "relay/unlisted_files.h"

#include <vector>

#include "base/clock.h"

namespace paxect::link {
namespace {

// How often those of which nothing is known are read again where there is no room for them.
constexpr std::uint64_t kReadInterval = 600 * kSecond;

bool is_for_a_list(const Wait& wait) {
  return wait.state == FileState::kBlocked &&
         (wait.event == "unlisted" || wait.event == "replayed" || wait.event == "foreign");
}

}  // namespace

void UnlistedFiles::note(const std::string& path, const FileIdentity& identity, const std::string& digest,
                         const Status& why, std::uint64_t now_ns) {
  auto found = files_.find(path);
  if (found == files_.end() && files_.size() >= max_tracked_) {
    if (!std::exchange(has_untracked_, true)) ended_ns_ = now_ns;
    return;
  }
  if (found == files_.end()) found = files_.try_emplace(path).first;
  File& file = found->second;
  if (file.identity != identity) file = {.identity = identity, .digest = digest, .since_ns = now_ns};
  file.why = why;
}

void UnlistedFiles::note_listed(const List& list) {
  if (!has_untracked_) return;
  for (const ListEntry& entry : list.entries) {
    const LedgerEntry* known = ledger_.find(entry.name);
    if (known == nullptr || !known->has_wait || !is_for_a_list(*known->wait) || files_.contains(entry.name))
      continue;
    ledger_.end_wait(entry.name);
    has_ended_ = true;
  }
}

bool UnlistedFiles::end_waits(const std::function<bool(const std::string& path, const File& file)>& may_pass,
                              std::uint64_t now_ns) {
  bool is_any = std::exchange(has_ended_, false);
  erase_if([&](const std::string& path, const File& file) {
    if (!may_pass(path, file)) return false;
    ledger_.end_wait(path);
    is_any = true;
    return true;
  });
  return end_untracked(now_ns) || is_any;
}

void UnlistedFiles::erase_if(const std::function<bool(const std::string& path, const File& file)>& is_over) {
  std::erase_if(files_, [&](const auto& item) { return is_over(item.first, item.second); });
}

// Each of them is read as a whole to know its digest.
bool UnlistedFiles::end_untracked(std::uint64_t now_ns) {
  const bool has_room = files_.size() <= max_tracked_ / 2;
  if (!has_untracked_ || (!has_room && now_ns - ended_ns_ < kReadInterval)) return false;
  has_untracked_ = false;
  std::vector<std::string> paths;
  for (const Wait& wait : ledger_.waits())
    if (is_for_a_list(wait) && !files_.contains(wait.file->first)) paths.push_back(wait.file->first);
  for (const std::string& path : paths) ledger_.end_wait(path);
  return !paths.empty();
}

}  // namespace paxect::link
