#include "stages/intake.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/place_marker.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr int kMaxDepth = 64;  // folders within folders

bool is_older(const Candidate& a, const Candidate& b) {
  if (a.identity.mtime_ns != b.identity.mtime_ns) return a.identity.mtime_ns < b.identity.mtime_ns;
  if (a.name != b.name) return a.name < b.name;
  return a.folder < b.folder;
}

}  // namespace

Candidate candidate_of(const std::string& path, const FileIdentity& identity) {
  return {folder_of(path), std::string(base_name(path)), identity};
}

Status Intake::scan(const Directory& inbox, std::uint64_t now_ns, const Classify& classify,
                    const Unexpected& unexpected, const BrokenRemoval& broken_removal) {
  ledger_.begin_scan();
  now_ns_ = now_ns;
  classify_ = &classify;
  unexpected_ = &unexpected;
  broken_removal_ = &broken_removal;
  clear_window();
  has_more_ = has_more_large_ = false;
  beyond_window_ = 0;
  unsettled_ = 0;
  unread_ = 0;
  next_observation_ns_ = UINT64_MAX;
  next_new_observation_ns_ = UINT64_MAX;
  Status status = scan_folder(inbox, "", 0);
  // A window is a heap with the youngest on top while it fills; sorted, the oldest comes last.
  for (std::vector<Candidate>* window : {&window_, &large_window_})
    std::sort(window->begin(), window->end(),
              [](const Candidate& a, const Candidate& b) { return is_older(b, a); });
  if (status.ok()) ledger_.end_scan();
  return status;
}

Status Intake::scan_folder(const Directory& folder, const std::string& relative, int depth) {
  return folder.list([&](const char* name) {
    visit(folder, relative, name, depth);
    return true;
  });
}

void Intake::visit(const Directory& folder, const std::string& relative, const std::string& name, int depth) {
  if (is_tombstone(name) && *broken_removal_) (*broken_removal_)(folder, relative, name);
  if (is_never_taken(name) || (settings_.ignored && settings_.ignored(name))) return;
  FileStat observed = folder.stat_of(name);
  std::string path = join(relative, name);
  switch (observed.kind) {
    case FileKind::kRegular:
      visit_file(folder, {relative, name, observed.identity});
      break;
    case FileKind::kDirectory: {
      if (!settings_.recursive) break;
      Directory below;
      Status status =
          depth < kMaxDepth
              ? folder.open_below(name, false, &below)
              : Status::environment("more than " + std::to_string(kMaxDepth) + " folders deep: not scanned");
      if (status.ok() && has_place_marker(below)) {
        report_unexpected(
            path, "skipped",
            "it is the place of another relay, which takes its files; if none uses it any more, remove its " +
                std::string(kPlaceMarker));
        break;
      }
      if (status.ok()) status = scan_folder(below, path, depth + 1);
      if (!status.ok() && status.fault != Fault::kGone) {
        ++unread_;
        report_unexpected(path, "skipped", status.message);
      }
      break;
    }
    case FileKind::kSymlink:
      report_unexpected(path, "path_outside_inbox", "a symbolic link is never followed");
      break;
    case FileKind::kOther:
      report_unexpected(path, "skipped", "not a regular file");
      break;
    case FileKind::kMissing:
      break;
    case FileKind::kUnknown:
      ++unread_;
      report_unexpected(path, "skipped", io_failure("stat", path, observed.error).message);
      break;
  }
}

void Intake::visit_file(const Directory& folder, Candidate candidate) {
  LedgerEntry* entry = observe(folder, candidate, now_ns_);
  if (entry == nullptr) {
    has_more_ = true;
    return;
  }
  if (entry->working) return;
  if (is_ready(*entry, now_ns_)) {
    const FileState state = (*classify_)(candidate);
    // It may have been removed, and another file got the name back.
    if (entry->identity == candidate.identity) entry->last_state = state;
    if (state == FileState::kReady) offer(std::move(candidate));
    return;
  }
  ++unsettled_;
  // The end of writing shows in an event or at one of the next scans.
  if (entry->written) return;
  std::uint64_t due =
      entry->complete ? entry->quiet_ns + settings_.min_age_ns : entry->since_ns + settings_.settle_ns;
  next_observation_ns_ = std::min(next_observation_ns_, due);
  if (!entry->restless) next_new_observation_ns_ = std::min(next_new_observation_ns_, due);
}

LedgerEntry* Intake::observe(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns) {
  const std::string path = candidate.path();
  bool is_new = false;
  LedgerEntry* entry = ledger_.observe(path, candidate.identity, now_ns, &is_new);
  if (entry == nullptr || entry->complete) return entry;
  const Judgement judgement =
      settings_.judge ? settings_.judge(folder, candidate, entry->written) : Judgement{};
  if (judgement.progress == Progress::kWritten) {
    mark_written(path, candidate.identity, now_ns);
    return entry;
  }
  if (is_new) entry->quiet_ns = now_ns - std::min(now_ns, judgement.quiet_ns);
  entry->written = false;
  entry->complete = judgement.progress == Progress::kComplete ||
                    (now_ns > entry->since_ns && now_ns - entry->since_ns >= settings_.settle_ns);
  return entry;
}

bool Intake::is_ready(const LedgerEntry& entry, std::uint64_t now_ns) const {
  return entry.complete && !entry.working &&
         (now_ns < entry.quiet_ns || now_ns - entry.quiet_ns >= settings_.min_age_ns);
}

bool Intake::is_ready(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns) {
  const LedgerEntry* entry = observe(folder, candidate, now_ns);
  return entry != nullptr && is_ready(*entry, now_ns);
}

void Intake::offer(Candidate candidate) {
  std::vector<Candidate>& window = window_of(candidate);
  window.push_back(std::move(candidate));
  std::push_heap(window.begin(), window.end(), is_older);
  if (window.size() <= settings_.window) return;
  std::pop_heap(window.begin(), window.end(), is_older);
  window.pop_back();
  (&window == &window_ ? has_more_ : has_more_large_) = true;
  ++beyond_window_;
}

void Intake::report_unexpected(const std::string& path, const std::string& event, const std::string& reason) {
  if (ledger_.note_unexpected(path)) (*unexpected_)(path, event, reason);
}

void Intake::arrived(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  ledger_.restart(path, identity, now_ns)->complete = true;
  if (settings_.min_age_ns == 0) return;
  next_observation_ns_ = std::min(next_observation_ns_, now_ns + settings_.min_age_ns);
  next_new_observation_ns_ = std::min(next_new_observation_ns_, next_observation_ns_);
}

void Intake::still_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  mark_written(path, identity, now_ns);
  ++unsettled_;
}

void Intake::mark_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  LedgerEntry* entry = ledger_.restart(path, identity, now_ns);
  entry->restless = true;
  entry->written = true;
}

Candidate Intake::take() {
  Candidate candidate = std::move(window_.back());
  window_.pop_back();
  return candidate;
}

bool Intake::take_large(std::uint64_t max_size, Candidate* candidate) {
  auto found = std::find_if(large_window_.rbegin(), large_window_.rend(),
                            [&](const Candidate& each) { return each.identity.size <= max_size; });
  if (found == large_window_.rend()) return false;
  *candidate = std::move(*found);
  large_window_.erase(std::prev(found.base()));
  return true;
}

void Intake::made(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  LedgerEntry* entry = ledger_.restart(path, identity, now_ns);
  entry->complete = true;
  entry->last_state = is_sidecar(path) ? FileState::kAttached : FileState::kReady;
  entry->quiet_ns = 0;  // whatever the minimum age: nobody else writes it
}

void Intake::add(Candidate candidate, std::uint64_t now_ns) {
  made(candidate.path(), candidate.identity, now_ns);
  window_of(candidate).push_back(std::move(candidate));
}

void Intake::add_youngest(Candidate candidate) {
  ledger_.set_ready(candidate.path(), candidate.identity);
  std::vector<Candidate>& window = window_of(candidate);
  // It may have been known with another size.
  std::vector<Candidate>& other = &window == &window_ ? large_window_ : window_;
  auto is_same = [&](const Candidate& known) {
    return known.name == candidate.name && known.folder == candidate.folder;
  };
  std::erase_if(other, is_same);
  auto known = std::find_if(window.begin(), window.end(), is_same);
  if (known != window.end())
    known->identity = candidate.identity;
  else
    window.insert(window.begin(), std::move(candidate));
}

}  // namespace paxect::link
