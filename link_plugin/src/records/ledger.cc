#include "records/ledger.h"

#include <algorithm>
#include <limits>

#include "base/backoff.h"
#include "base/clock.h"

namespace paxect::link {
namespace {

// How many scans LedgerEntry::scan tells apart. After a complete scan every entry has the number of that scan
// or belongs to a batch.
constexpr std::uint32_t kScans = std::uint32_t{1} << 20;

}  // namespace

std::string_view name_of(FileState state) {
  static constexpr std::array<std::string_view, kFileStates> kNames = {
      "settling", "ready", "attached", "working", "done", "pending", "blocked", "held", "unexpected"};
  return kNames[static_cast<std::size_t>(state)];
}

// ---- observations --------------------------------------------------------------------------------------

void Ledger::begin_scan() {
  scan_ = (scan_ + 1) % kScans;
  has_returned_ = false;
}

void Ledger::end_scan() {
  has_scanned_ = true;
  for (auto file = files_.begin(); file != files_.end();) {
    LedgerEntry& entry = file->second;
    if (entry.scan == scan_ || entry.working) {
      ++file;
      continue;
    }
    end_wait(&entry);
    file = files_.erase(file);
  }
}

LedgerEntry* Ledger::find_entry(const std::string& path) {
  auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

const LedgerEntry* Ledger::find(const std::string& path) const {
  auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

std::int32_t Ledger::arrival(const FileIdentity& identity, std::uint64_t now_ns) const {
  std::int64_t arrived = static_cast<std::int64_t>(now_ns);
  if (!has_scanned_ && settings_.realtime_ns)
    arrived -= std::max<std::int64_t>(0, settings_.realtime_ns() - identity.ctime_ns);
  arrived /= static_cast<std::int64_t>(kSecond);
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(arrived, LedgerEntry::kNever + 1, std::numeric_limits<std::int32_t>::max()));
}

// A file keeps its wait for as long as it does not change, and its time of arrival for as long as it is the
// same file.
void Ledger::begin_again(LedgerEntry* entry, const FileIdentity& identity, std::uint64_t now_ns) {
  if (entry->identity != identity) {
    end_wait(entry);
    entry->news = entry->working;
  }
  const bool is_one_file =
      entry->identity.device == identity.device && entry->identity.inode == identity.inode;
  if (entry->arrived_s == LedgerEntry::kNever || !is_one_file)
    entry->arrived_s = now_ns == 0 ? LedgerEntry::kNever : arrival(identity, now_ns);
  entry->identity = identity;
  entry->since_ns = entry->quiet_ns = now_ns;
  entry->scan = scan_ % kScans;
  entry->last_state = entry->has_wait ? entry->wait->state : FileState::kSettling;
  entry->complete = entry->restless = entry->written = entry->returned = false;
}

LedgerEntry* Ledger::observe(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns,
                             bool* is_new) {
  LedgerEntry* entry = find_entry(path);
  if (entry == nullptr) {
    if (files_.size() >= settings_.max_entries) return nullptr;
    entry = &files_[path];
  }
  // Known by other means than an observation: what we made ourselves is complete.
  *is_new = (entry->since_ns == 0 && !entry->complete) || entry->last_state == FileState::kUnexpected;
  const bool is_another = entry->identity != identity;
  if (*is_new || is_another) begin_again(entry, identity, now_ns);
  entry->restless |= is_another && !*is_new;
  entry->scan = scan_ % kScans;
  return entry;
}

LedgerEntry* Ledger::restart(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  LedgerEntry* entry = &files_[path];
  begin_again(entry, identity, now_ns);
  return entry;
}

bool Ledger::note_unexpected(const std::string& path) {
  LedgerEntry& entry = files_[path];
  const bool is_known = entry.last_state == FileState::kUnexpected;
  if (!is_known) begin_again(&entry, {}, 0);
  entry.scan = scan_ % kScans;
  entry.last_state = FileState::kUnexpected;
  return !is_known;
}

void Ledger::note_returned(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  const LedgerEntry* known = find(path);
  const bool is_restless = known != nullptr && known->identity != identity;
  LedgerEntry* entry = restart(path, identity, now_ns);
  entry->restless = is_restless;
  entry->returned = true;
  has_returned_ = true;
}

bool Ledger::is_returned(const std::string& path, const FileIdentity& identity) const {
  const LedgerEntry* entry = find(path);
  return entry != nullptr && entry->returned && entry->identity == identity;
}

// ---- batches -------------------------------------------------------------------------------------------

void Ledger::mark_working(const std::string& path) {
  LedgerEntry& entry = files_[path];
  entry.working = true;
  entry.news = false;
}

bool Ledger::unmark_working(const std::string& path) {
  LedgerEntry* entry = find_entry(path);
  if (entry == nullptr) return false;
  entry->working = false;
  return entry->news;
}

void Ledger::end_work() {
  for (auto& [path, entry] : files_) entry.working = false;
}

void Ledger::set_ready(const std::string& path, const FileIdentity& identity) {
  LedgerEntry* entry = find_entry(path);
  if (entry != nullptr && entry->identity == identity) entry->last_state = FileState::kReady;
}

void Ledger::note_done(const std::string& path, const FileIdentity& identity) {
  LedgerEntry* entry = find_entry(path);
  if (entry == nullptr || entry->identity != identity) return;
  end_wait(entry);
  entry->last_state = FileState::kDone;
}

// ---- waits ---------------------------------------------------------------------------------------------

Wait* Ledger::begin_wait(Files::value_type* file, std::int64_t utc_ns) {
  LedgerEntry& entry = file->second;
  end_wait(&entry);
  entry.wait = waits_.insert(waits_.end(), Wait{.file = file, .first_utc_ns = utc_ns});
  entry.has_wait = true;
  return &*entry.wait;
}

Ledger::Noted Ledger::note(const std::string& path, const FileIdentity& identity, FileState state,
                           bool counts, const std::string& event, const std::string& reason,
                           std::uint64_t now_ns, std::int64_t utc_ns) {
  auto [file, is_new] = files_.try_emplace(path, LedgerEntry{.identity = identity, .scan = scan_ % kScans});
  LedgerEntry& entry = file->second;
  if (entry.identity != identity) return {};
  const bool is_first = !entry.has_wait;
  Wait& wait = is_first ? *begin_wait(&*file, utc_ns) : *entry.wait;
  const bool is_news = is_first || wait.event != event || wait.reason != reason;
  wait.state = entry.last_state = state;
  wait.event = event;
  wait.reason = reason;
  wait.attempts += counts ? 1 : 0;
  ++wait.delays;
  wait.last_utc_ns = utc_ns;
  const std::uint64_t random = settings_.random ? settings_.random() : 0;
  wait.next_try_ns = state == FileState::kPending
                         ? now_ns + backoff_delay_ns(settings_.backoff_ns, wait.delays, random)
                         : UINT64_MAX;
  return {is_news, &wait};
}

void Ledger::recall(const std::string& path, const FileIdentity& identity, unsigned attempts,
                    std::int64_t first_utc_ns) {
  auto file = files_.try_emplace(path).first;
  LedgerEntry& entry = file->second;
  if (entry.identity != identity) begin_again(&entry, identity, 0);
  Wait& wait = *begin_wait(&*file, first_utc_ns);
  wait.attempts = wait.delays = attempts;
  wait.last_utc_ns = first_utc_ns;
  entry.last_state = wait.state;
}

const Wait* Ledger::find_wait(const std::string& path, const FileIdentity& identity) const {
  const LedgerEntry* entry = find(path);
  return entry != nullptr && entry->has_wait && entry->identity == identity ? &*entry->wait : nullptr;
}

void Ledger::end_wait(LedgerEntry* entry) {
  if (!entry->has_wait) return;
  waits_.erase(entry->wait);
  entry->has_wait = false;
  entry->last_state = entry->complete ? FileState::kReady : FileState::kSettling;
}

void Ledger::end_wait(const std::string& path) {
  if (LedgerEntry* entry = find_entry(path); entry != nullptr) end_wait(entry);
}

void Ledger::end_blocks() {
  for (auto wait = waits_.begin(); wait != waits_.end();) {
    const std::string& path = wait->file->first;
    const bool is_blocked = wait->state == FileState::kBlocked;
    ++wait;
    if (is_blocked) end_wait(path);
  }
}

std::uint64_t Ledger::next_try_ns(std::uint64_t seen_ns) const {
  std::uint64_t next = UINT64_MAX;
  for (const Wait& wait : waits_)
    if (wait.next_try_ns > seen_ns) next = std::min(next, wait.next_try_ns);
  return next;
}

void Ledger::set_owes_quarantine(const std::string& path, bool owes) {
  LedgerEntry* entry = find_entry(path);
  if (entry != nullptr && entry->has_wait) entry->wait->owes_quarantine = owes;
}

LedgerTally Ledger::tally() const {
  LedgerTally tally;
  for (const auto& [path, entry] : files_) {
    const FileState state = entry.state();
    ++tally.files[static_cast<std::size_t>(state)];
    const bool counts =
        state == FileState::kReady || state == FileState::kWorking || state == FileState::kPending;
    if (counts && entry.arrived_s != LedgerEntry::kNever)
      tally.oldest_s = std::min(tally.oldest_s.value_or(entry.arrived_s), entry.arrived_s);
  }
  return tally;
}

const Wait* Ledger::first_owed() const {
  auto owed =
      std::find_if(waits_.begin(), waits_.end(), [](const Wait& wait) { return wait.owes_quarantine; });
  return owed == waits_.end() ? nullptr : &*owed;
}

}  // namespace paxect::link
