// How a receiver reads the lists in its inbox: it verifies each new one and opens its entries.
#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "base/clock.h"
#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "relay/receiver.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxUnread = 100'000;  // names of lists that belong to no verified stream
// Between two checks of every list, where events show changes, and where they may not.
constexpr std::uint64_t kFullInterval = 600 * kSecond;
constexpr std::uint64_t kFullIntervalRemote = 60 * kSecond;
// For how long a folder must not have changed for the time of its change to say that it has not since.
constexpr std::int64_t kClockTick = 2'000'000'000;
constexpr std::size_t kMaxUnpinned = 1000;  // names of lists of nodes of which no key is pinned
constexpr std::size_t kReadsInScan = 512;
constexpr std::size_t kBytesInScan = std::size_t{64} << 20;

bool is_before(const StatementName& one, const StatementName& other) {
  return std::tie(one.node, one.stream, one.number) < std::tie(other.node, other.stream, other.number);
}

}  // namespace

void Receiver::reopen(bool Seen::*why) {
  for (auto& [name, seen] : seen_)
    if (seen.*why) seen.is_over = false;
}

bool Receiver::scan(std::uint64_t now_ns) {
  due_ns_ = UINT64_MAX;
  waiting_ = 0;
  is_complete_ = false;
  const bool is_any = end_waits_of_released();
  if (!is_on() || !parts_.inbox.is_open()) return is_any;
  // Kept, so that it is watched.
  if (folder_ != nullptr && !folder_->is_in_place()) folder_.reset();
  if (folder_ == nullptr) listed_ = {};
  Status status = has_pinned_ ? parts_.journal.note_keys() : Status::success();
  if (status.ok()) status = parts_.inbox.folder(kProofFolder, &folder_);
  if (status.ok()) status = follow_clock(now_ns);
  std::vector<StatementName> lists;
  problem_.clear();
  if (status.ok()) status = find_lists(*folder_, now_ns, &lists);
  if (problem_.empty()) problem_ = names_problem_;
  is_held_up_ = !names_problem_.empty();
  const bool is_missing = status.fault == Fault::kGone;
  if (is_missing) is_complete_ = !lacks_keys();
  parts_.reporter.report_problem("lists", is_missing ? "" : status.message);
  if (is_missing) note_scanned();
  if (!status.ok()) return is_any;
  // Where the last scan did not come to the end this one goes on: those in front must not keep the others
  // from being read, whoever has put them there.
  if (next_)
    std::rotate(lists.begin(), std::lower_bound(lists.begin(), lists.end(), *next_, is_before), lists.end());
  next_.reset();
  reads_left_ = kReadsInScan;
  bytes_left_ = kBytesInScan;
  for (const StatementName& name : lists) {
    const bool is_over = reads_left_ == 0 || bytes_left_ == 0 || parts_.host.stop_requested();
    if (is_over && !next_) next_ = name;
    if (is_over)
      leave_for_next(name, now_ns);
    else
      examine(*folder_, name, now_ns);
  }
  if (!seen_.contains(roomless_)) roomless_.clear();
  // It waits also where this scan did not come to it.
  if (problem_.empty() && !roomless_.empty()) problem_ = roomless_why_;
  is_complete_ = !next_ && !is_held_up_ && !lacks_keys();
  if (has_new_) {
    // A list that was too far ahead may follow the ones that came.
    reopen(&Seen::by_lists);
    due_ns_ = now_ns;
    if (Status used = use_keys(); !used.ok() && problem_.empty()) problem_ = used.message;
  }
  parts_.reporter.report_problem("list", problem_);
  if (!next_) note_scanned();
  return (std::exchange(has_new_, false) && end_waits()) || is_any;
}

// A list that this scan does not come to. One that has to wait is read again with the next scan in any case.
void Receiver::leave_for_next(const StatementName& name, std::uint64_t now_ns) {
  const std::string file = statement_file(name);
  const auto seen = seen_.find(file);
  const bool is_new = seen == seen_.end() || !seen->second.is_read;
  const bool is_quiet = !is_new && seen->second.is_over;
  if (is_quiet) changed_.insert(file);
  if (is_new || is_quiet) due_ns_ = now_ns;
}

// What came while no relay ran is read: what is still awaited may be given up. Now, since a run with --once
// may not get to it again.
void Receiver::note_scanned() {
  if (!std::exchange(has_scanned_, true)) take_write_offs();
}

void Receiver::note_event(const std::string& name) {
  constexpr std::string_view kSuffix = ".minisig";
  changed_.insert(name.ends_with(kSuffix) ? name.substr(0, name.size() - kSuffix.size()) : name);
}

// Whether the folder has the names that it had when they were read.
bool Receiver::is_unchanged(const Directory& folder) {
  const FileStat now = folder.stat_of(".");
  const bool is_same = is_listed_late_ && now.kind == FileKind::kDirectory && now.identity == listed_;
  listed_ = now.identity;
  is_listed_late_ = std::abs(parts_.host.realtime_ns() - now.identity.mtime_ns) > kClockTick;
  return is_same;
}

// Those that are settled are not kept: there may be many more of them than memory is worth.
Status Receiver::read_names(const Directory& folder) {
  std::map<std::pair<std::string, std::string>, const ReceivedStream*> streams;
  for (const ReceivedStream& stream : parts_.journal.received().streams())
    streams[{stream.address.node, stream.address.stream}] = &stream;
  std::map<std::string, Seen> still;
  std::size_t unread = 0;
  std::size_t unpinned = 0;
  Status status = folder.list([&](const char* text) {
    StatementName name;
    if (!parse_statement_name(text, &name) || name.kind != StatementKind::kList || name.is_signature)
      return true;
    const auto stream = streams.find({name.node, name.stream});
    if (stream != streams.end() && stream->second->is_beyond(name.number)) return true;
    // None of them can be verified: some are kept, so that they are reported.
    if (stream == streams.end() && !check_list_name(name, keys_).ok() && ++unpinned > kMaxUnpinned)
      return true;
    const bool is_near =
        stream != streams.end() && name.number <= stream->second->last_list() + parts_.config.max_jump;
    if (!is_near && ++unread > kMaxUnread) return true;
    auto seen = seen_.extract(text);
    if (seen.empty())
      still.try_emplace(text);
    else
      still.insert(std::move(seen));
    return true;
  });
  if (!status.ok()) {
    // Those that were moved away come back with the next names.
    for (auto& [name, seen] : still) seen_[name] = std::move(seen);
    listed_ = {};
    return status;
  }
  seen_ = std::move(still);
  names_problem_.clear();
  if (unread > kMaxUnread)
    names_problem_ =
        folder.path() + " has more than " + std::to_string(kMaxUnread) +
        " lists of streams of which none was verified: find out who puts them there, and remove them";
  return status;
}

Status Receiver::find_lists(const Directory& folder, std::uint64_t now_ns, std::vector<StatementName>* out) {
  const bool is_full = now_ns >= full_due_ns_;
  if (is_full) full_due_ns_ = now_ns + (folder.is_local() ? kFullInterval : kFullIntervalRemote);
  const bool is_same = is_unchanged(folder);
  if (!is_same || is_full)
    if (Status status = read_names(folder); !status.ok()) return status;
  for (const auto& [file, seen] : seen_) {
    const bool is_quiet = seen.is_over && seen.reported.empty();
    if (is_quiet && !is_full && !changed_.contains(file)) continue;
    if (StatementName name; parse_statement_name(file, &name)) out->push_back(std::move(name));
  }
  changed_.clear();
  std::sort(out->begin(), out->end(), is_before);
  return Status::success();
}

// What is reported once of a file. The message about a list that jumped names the last list before the gap,
// and each one that comes makes it another.
std::string Receiver::reported_text(const Status& status) const {
  return status.event == "jumped" ? "jumped over more than " + std::to_string(parts_.config.max_jump)
                                  : status.message;
}

// A list that cannot be verified may be on its way: it is read again once, after the settle time.
void Receiver::examine(const Directory& folder, const StatementName& name, std::uint64_t now_ns) {
  const std::string file = statement_file(name);
  const FileStat list = folder.stat_of(file);
  const FileStat signature = folder.stat_of(signature_of(file));
  if (list.kind == FileKind::kMissing) {
    if (file == roomless_) roomless_.clear();
    return;
  }
  Seen& seen = seen_[file];
  if (!(seen.list == list.identity && seen.signature == signature.identity))
    seen = {.list = list.identity, .signature = signature.identity, .since_ns = now_ns};
  if (seen.is_over) {
    if (!seen.reported.empty()) ++waiting_;
    return;
  }
  const std::uint64_t judge_ns = seen.since_ns + parts_.config.settle_ns;
  const bool is_settled = now_ns >= judge_ns && seen.is_read;
  if (seen.is_read && !is_settled && !seen.is_retried) {
    // Nothing has changed since it was read.
    ++waiting_;
    due_ns_ = std::min(due_ns_, judge_ns);
    return;
  }
  seen.is_read = true;
  seen.is_retried = false;
  const Status status = read(folder, name);
  const bool lacks_room = status.fault == Fault::kWait;
  if (!lacks_room && file == roomless_) roomless_.clear();
  if (lacks_room && roomless_.empty()) {
    roomless_ = file;
    roomless_why_ = status.message;
  }
  if (status.ok()) {
    // It may have been too far ahead before.
    seen.is_over = true;
    seen.by_keys = seen.by_lists = false;
    seen.reported.clear();
    return;
  }
  ++waiting_;
  if (lacks_room || status.fault == Fault::kEnvironment) {
    problem_ = lacks_room ? roomless_why_ : status.message;
    seen.is_retried = true;
    // One file that stays unreadable does not stand for the folder.
    const bool may_pass = now_ns - seen.since_ns < longest_wait_ns();
    if (lacks_room || may_pass) is_held_up_ = true;
    return;
  }
  const bool is_certain = status.event != "list_refused";
  if (!is_settled && !is_certain) {
    due_ns_ = std::min(due_ns_, judge_ns);
    return;
  }
  seen.is_over = true;
  seen.by_keys = !is_certain;
  seen.by_lists = status.event == "jumped";
  const std::string problem = reported_text(status);
  if (std::exchange(seen.reported, problem) != problem) report(folder.path_of(file), status);
}

// The signature is read first: it shows whether the text, which may be large, is worth it. That of a list
// that was verified before need not be there.
Status Receiver::read(const Directory& folder, const StatementName& name) {
  const bool is_known_name = is_known(name);
  Status status = is_known_name ? Status::success() : check_list_name(name, keys_);
  if (!status.ok()) return status;
  --reads_left_;
  const std::string file = statement_file(name);
  std::string text;
  std::string signature;
  const auto refused = [&](const std::string& why) {
    return Status::refused("list_refused",
                           "list " + std::to_string(name.number) + " of " + name.node + ": " + why);
  };
  const auto read_signature = [&] {
    status = folder.read_small(signature_of(file), kMaxSignatureSize, &signature);
    if (status.ok()) status = check_list_signature(name, signature, keys_);
    if (status.fault == Fault::kGone)
      return refused("its signature " + signature_of(file) + " is not here: have it copied too");
    const bool is_reported =
        status.ok() || status.fault == Fault::kEnvironment || status.event == "list_refused";
    return is_reported ? status : refused(status.message);
  };
  if (!is_known_name) status = read_signature();
  if (!status.ok()) return status;
  status = folder.read_small(file, kMaxStatementSize, &text);
  bytes_left_ -= std::min(bytes_left_, text.size());
  if (status.fault == Fault::kEnvironment) return status;
  if (!status.ok()) return refused(status.message);
  const std::string digest = sha256_hex(text);
  if (const std::optional<std::size_t> stream = find_taken(name, digest)) {
    note_repeated(*stream, seen_[file].list);
    return Status::success();
  }
  if (is_known_name) status = read_signature();
  if (!status.ok()) return status;
  List list;
  PublicKey key;
  status = check_list(name, text, signature, keys_, parts_.config.node, &list, &key);
  if (!status.ok() && status.event != "list_ignored") return status;
  const Status judged = judge(folder.path_of(file), list, digest, key, status.ok());
  return judged.ok() ? status : judged;
}

// A damaged journal is known by what it says when it is read: nothing is lost of it later.
bool Receiver::is_whole(const ReceivedStream& stream) {
  const auto index = static_cast<std::size_t>(&stream - parts_.journal.received().streams().data());
  const auto [found, is_first] = whole_.try_emplace(index, false);
  if (is_first) found->second = stream.is_whole();
  return found->second;
}

bool Receiver::is_known(const StatementName& name) const {
  const auto& streams = parts_.journal.received().streams();
  return std::any_of(streams.begin(), streams.end(), [&](const ReceivedStream& stream) {
    return stream.address.node == name.node && stream.address.stream == name.stream &&
           stream.known.contains(name.number);
  });
}

// The stream of which this very text was verified before, so that its signature need not be.
std::optional<std::size_t> Receiver::find_taken(const StatementName& name, const std::string& digest) {
  const auto& streams = parts_.journal.received().streams();
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (streams[i].address.node != name.node || streams[i].address.stream != name.stream) continue;
    if (streams[i].has(name.number, digest) && is_whole(streams[i])) return i;
  }
  return std::nullopt;
}

// A start reads every list again. By the time of its change, which nobody sets, a file is one that came after
// the last receipt.
void Receiver::note_repeated(std::size_t stream, const FileIdentity& list) {
  const std::int64_t changed = list.ctime_ns / static_cast<std::int64_t>(kSecond);
  if (changed > parts_.journal.received().streams()[stream].receipts.made) repeated_.insert(stream);
}

Status Receiver::judge(const std::string& path, const List& list, const std::string& digest,
                       const PublicKey& key, bool is_ours) {
  using Verdict = ReceivedStreams::Verdict;
  const ReceivedStreams& received = parts_.journal.received();
  const StreamAddress address{list.head.from, whole_key_text(key), list.head.stream};
  const std::string what = "list " + std::to_string(list.head.number) + " of " + list.head.from;
  std::string why;
  switch (received.judge(address, list, digest, parts_.config.max_jump, &why)) {
    case Verdict::kKnown:
      return Status::success();
    case Verdict::kForked: {
      const std::optional<std::size_t> stream = received.find(address);
      const bool is_later = stream && received.streams()[*stream].is_forked &&
                            !received.streams()[*stream].is_in_run(list.head.number);
      if (is_later) return Status::refused("list_refused", what + ": " + why);
      if (stream && !received.streams()[*stream].is_forked)
        if (Status status = parts_.journal.note_received(received.fork_record(*stream), true); !status.ok())
          return status;
      return Status::refused("forked", what + " (sha256=" + digest + "): " + why);
    }
    case Verdict::kJumped:
      return Status::refused("jumped", what + ": " + why);
    case Verdict::kFull:
      return Status::wait("list_refused", what + ": " + why);
    case Verdict::kNew:
      break;
  }
  const std::int64_t now = parts_.host.realtime_s();
  Status status = parts_.journal.note_received(is_ours ? received.list_records(address, list, digest, now)
                                                       : received.other_records(address, list, digest, now));
  if (!status.ok()) return status;
  has_new_ = true;
  unlisted_.note_listed(list);
  if (!is_ours) return status;
  const std::string last = std::to_string(list.first + list.entries.size() - 1);
  parts_.reporter.log({.name = "list_verified",
                       .source = path,
                       .status = "ok",
                       .message = what + (list.entries.empty() ? ", which names nothing"
                                                               : ", of the entries " +
                                                                     std::to_string(list.first) + "-" + last),
                       .texts = {{"sender", list.head.from},
                                 {"key", key_id_text(key.id)},
                                 {"list", list.head.stream + " " + std::to_string(list.head.number)}}});
  return Status::success();
}

void Receiver::report(const std::string& path, const Status& status) {
  const bool is_alarm = status.event == "forked";
  const bool is_fine = status.event == "list_ignored";
  // Not again with each start.
  if (!parts_.journal.is_news(path + " " + reported_text(status))) return;
  parts_.reporter.log({.level = is_alarm  ? Level::kError
                                : is_fine ? Level::kInfo
                                          : Level::kWarn,
                       .name = status.event,
                       .source = path,
                       .status = is_fine ? "skipped" : "rejected",
                       .message = status.message});
}

}  // namespace paxect::link
