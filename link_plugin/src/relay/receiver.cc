#include "relay/receiver.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "base/clock.h"
#include "base/digest.h"
#include "base/relay_paths.h"
#include "records/stream_state.h"
#include "settings/pinned_keys.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxUnread = 100'000;  // names of lists that belong to no verified stream
// Between two checks of every list, where events show changes, and where they may not.
constexpr std::uint64_t kFullInterval = 600 * kSecond;
constexpr std::uint64_t kFullIntervalRemote = 60 * kSecond;
// For how long a folder must not have changed for the time of its change to say that it has not since.
constexpr std::int64_t kClockTick = 2'000'000'000;
constexpr std::size_t kReadsInScan = 512;
constexpr std::size_t kMaxSignature = 4096;
constexpr std::uint64_t kUsualWithin = 600;
constexpr std::uint64_t kMaxUnlisted = 65'536;

// By how much the clock must have been set to be followed, and after how long a pause it is not taken for
// granted.
constexpr std::int64_t kClockStep = 10;
constexpr std::int64_t kLongPause = 30 * 86'400;

std::string list_name(const ReceivedStream& stream, std::uint64_t number) {
  return "list " + std::to_string(number) + " of " + stream.address.node;
}

std::int64_t utc_seconds(const Host& host) { return host.realtime_ns() / static_cast<std::int64_t>(kSecond); }

}  // namespace

// ---- keys ------------------------------------------------------------------------------------------------

ProofMode Receiver::mode() const {
  if (parts_.config.mode != Mode::kReceive) return ProofMode::kOff;
  if (parts_.config.proof) return *parts_.config.proof;
  // Also where every key was revoked, or the folder of the keys is away: neither must let everything pass.
  return has_pinned_ || lacks_keys() ? ProofMode::kRequire : ProofMode::kOff;
}

bool Receiver::lacks_keys() const {
  return !has_pinned_ &&
         (is_unreadable_ || parts_.journal.had_keys() || !parts_.journal.received().streams().empty());
}

Status Receiver::read_keys() {
  if (parts_.config.mode != Mode::kReceive) return Status::success();
  std::vector<PinnedKey> pinned;
  Status status = read_pinned_keys(parts_.config.peers, &pinned);
  is_unreadable_ = !status.ok();
  if (is_unreadable_) return status;
  if (const std::string problem = problem_of(pinned); !problem.empty()) status = Status::environment(problem);
  std::vector<NodeKey> keys = node_keys_of(pinned);
  const ProofMode before = mode();
  has_pinned_ = !pinned.empty();
  if (mode() != before) {
    unlisted_.clear();
    parts_.ledger.end_blocks();
  }
  if (is_on() && lacks_keys())
    status =
        Status::environment("no key is pinned in " + parts_.config.peers +
                            ", and there was one: nothing is verified until it is back (to go on without "
                            "lists, set proof = off)");
  pinned_ = std::move(keys);
  const Status used = use_keys();
  return used.ok() ? status : used;
}

// With the streams that are known now.
Status Receiver::use_keys() {
  std::vector<NodeKey> keys = with_continued(parts_.journal.received(), pinned_);
  if (keys != keys_) {
    keys_ = std::move(keys);
    reopen(&Seen::by_keys);
    is_complete_ = false;  // until a scan has used them
  }
  return note_retired();
}

// Which lists count is part of the journal: no container is delivered by one that does not, and receipts say
// so.
Status Receiver::note_retired() {
  const auto& streams = parts_.journal.received().streams();
  bool is_changed = false;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const std::uint64_t last = counts_through(streams[i], keys_);
    if (streams[i].address.node.empty() || streams[i].counts_through == last) continue;
    if (Status status = parts_.journal.note_received(ReceivedStreams::until_record(i, last), true);
        !status.ok())
      return status;
    is_changed = true;
  }
  if (is_changed) end_waits();
  return Status::success();
}

Status Receiver::follow_clock(std::uint64_t now_ns) {
  const std::int64_t now_s = utc_seconds(parts_.host);
  const bool is_first = clock_ns_ == 0;
  const std::int64_t newest = is_first ? parts_.journal.received().newest_time() : 0;
  if (is_first && newest > 0 && now_s - newest > kLongPause)
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "clock",
                         .status = "ok",
                         .message = "by the clock of this machine the last list was verified " +
                                    std::to_string((now_s - newest) / 86'400) +
                                    " days ago: what it names counts as late",
                         .advice = "if that is not so, set the clock and restart the relay"});
  // A list from the future was verified by a clock that was set back since.
  const std::int64_t expected =
      is_first ? std::max(now_s, newest)
               : clock_utc_s_ + static_cast<std::int64_t>((now_ns - clock_ns_) / kSecond);
  const std::int64_t step = now_s - expected;
  if (is_first || std::abs(step) >= kClockStep) {
    if (std::abs(step) >= kClockStep && !parts_.journal.received().empty()) {
      if (Status status = parts_.journal.note_received(ReceivedStreams::shift_record(step), true);
          !status.ok())
        return status;
      parts_.reporter.log({.level = Level::kWarn,
                           .name = "clock",
                           .status = "ok",
                           .message = "the clock of this machine was set " +
                                      std::string(step > 0 ? "forward" : "back") + " by " +
                                      std::to_string(std::abs(step)) +
                                      " s: what is listed is late by how long it has been listed"});
    }
    clock_utc_s_ = now_s;
    clock_ns_ = now_ns;
  }
  return Status::success();
}

void Receiver::reopen(bool Seen::*why) {
  for (auto& [name, seen] : seen_)
    if (seen.*why) seen.is_over = false;
}

// ---- lists -----------------------------------------------------------------------------------------------

bool Receiver::scan(std::uint64_t now_ns) {
  due_ns_ = UINT64_MAX;
  waiting_ = 0;
  is_complete_ = false;
  if (!is_on() || !parts_.inbox.is_open()) return false;
  // Kept, so that it is watched.
  if (folder_ != nullptr && !folder_->is_in_place()) folder_.reset();
  if (folder_ == nullptr) listed_ = {};
  Status status = has_pinned_ ? parts_.journal.note_keys() : Status::success();
  if (status.ok()) status = parts_.inbox.folder(kProofFolder, &folder_);
  if (status.ok()) status = follow_clock(now_ns);
  std::vector<StatementName> lists;
  problem_.clear();
  if (status.ok()) status = find_lists(*folder_, now_ns, &lists);
  const bool is_missing = status.fault == Fault::kGone;
  if (is_missing) is_complete_ = !lacks_keys();
  parts_.reporter.report_problem("lists", is_missing ? "" : status.message);
  if (!status.ok()) return false;
  reads_left_ = kReadsInScan;
  for (const StatementName& name : lists) {
    if (reads_left_ == 0 || parts_.host.stop_requested()) {
      due_ns_ = now_ns;
      break;
    }
    examine(*folder_, name, now_ns);
  }
  is_complete_ = due_ns_ != now_ns && problem_.empty() && !lacks_keys();
  if (has_new_) {
    // A list that was too far ahead may follow the ones that came.
    reopen(&Seen::by_lists);
    due_ns_ = now_ns;
    if (Status used = use_keys(); !used.ok() && problem_.empty()) problem_ = used.message;
  }
  parts_.reporter.report_problem("list", problem_);
  return std::exchange(has_new_, false) && end_waits();
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
  Status status = folder.list([&](const char* text) {
    StatementName name;
    if (!parse_statement_name(text, &name) || name.kind != StatementKind::kList || name.is_signature)
      return true;
    const auto stream = streams.find({name.node, name.stream});
    if (stream != streams.end() && stream->second->is_beyond(name.number)) return true;
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
  if (unread > kMaxUnread)
    problem_ = folder.path() + " has more than " + std::to_string(kMaxUnread) +
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
  std::sort(out->begin(), out->end(), [](const StatementName& one, const StatementName& other) {
    return std::tie(one.node, one.stream, one.number) < std::tie(other.node, other.stream, other.number);
  });
  return Status::success();
}

// A list that cannot be verified may be on its way: it is read again once, after the settle time.
void Receiver::examine(const Directory& folder, const StatementName& name, std::uint64_t now_ns) {
  const std::string file = statement_file(name);
  const FileStat list = folder.stat_of(file);
  const FileStat signature = folder.stat_of(signature_of(file));
  if (list.kind == FileKind::kMissing) return;
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
  --reads_left_;
  const Status status = read(folder, name);
  if (status.ok()) {
    seen.is_over = true;
    return;
  }
  ++waiting_;
  if (status.fault == Fault::kWait || status.fault == Fault::kEnvironment) {
    problem_ = status.message;
    seen.is_retried = true;
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
  if (std::exchange(seen.reported, status.message) != status.message) report(folder.path_of(file), status);
}

Status Receiver::read(const Directory& folder, const StatementName& name) {
  const std::string file = statement_file(name);
  std::string text;
  std::string signature;
  const auto refused = [&](const std::string& why) {
    return Status::refused("list_refused",
                           "list " + std::to_string(name.number) + " of " + name.node + ": " + why);
  };
  Status status = folder.read_small(file, kMaxStatementSize, &text);
  if (status.fault == Fault::kEnvironment) return status;
  if (!status.ok()) return refused(status.message);
  const std::string digest = sha256_hex(text);
  if (was_taken(name, digest)) return Status::success();
  status = folder.read_small(signature_of(file), kMaxSignature, &signature);
  if (status.fault == Fault::kEnvironment) return status;
  if (status.fault == Fault::kGone)
    return refused("its signature " + signature_of(file) + " is not here: have it copied too");
  if (!status.ok()) return refused(status.message);
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

// Whether this very text was verified before, so that its signature need not be.
bool Receiver::was_taken(const StatementName& name, const std::string& digest) {
  for (const ReceivedStream& stream : parts_.journal.received().streams()) {
    if (stream.address.node != name.node || stream.address.stream != name.stream) continue;
    if (stream.has(name.number, digest) && is_whole(stream)) return true;
  }
  return false;
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
  const std::int64_t now = utc_seconds(parts_.host);
  Status status = parts_.journal.note_received(is_ours ? received.list_records(address, list, digest, now)
                                                       : received.other_records(address, list, digest, now));
  if (!status.ok()) return status;
  has_new_ = true;
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
  if (!parts_.journal.is_news(path + " " + status.message)) return;
  parts_.reporter.log({.level = is_alarm  ? Level::kError
                                : is_fine ? Level::kInfo
                                          : Level::kWarn,
                       .name = status.event,
                       .source = path,
                       .status = is_fine ? "skipped" : "rejected",
                       .message = status.message});
}

bool Receiver::end_waits() {
  const auto may_pass = [&](const auto& item) {
    const auto& [path, file] = item;
    const ReceivedStreams& received = parts_.journal.received();
    const bool is_foreign = file.why.event == "unlisted" && received.find_foreign(file.digest).has_value();
    if (!is_foreign && !received.find_open(file.digest, path)) return false;
    parts_.ledger.end_wait(path);
    return true;
  };
  const bool is_any = std::erase_if(unlisted_, may_pass) > 0;
  return is_any | end_untracked();
}

// Those that did not fit are read again.
bool Receiver::end_untracked() {
  if (!std::exchange(has_untracked_, false)) return false;
  parts_.ledger.end_blocks();
  return true;
}

// ---- containers ------------------------------------------------------------------------------------------

Status Receiver::claim(Transfer* transfer) {
  if (!is_on() || transfer->route != Route::kDecode) return Status::success();
  const std::string digest = content_of(*transfer).of_sidecar();
  const std::string path = transfer->source.path();
  const ReceivedStreams& received = parts_.journal.received();
  const std::optional<EntryRef> entry = received.find_open(digest, path);
  const bool is_required = mode() == ProofMode::kRequire;
  if (entry) {
    const std::string name = received.entry(*entry)->name;
    if (Status status = name == path ? Status::success() : rename(transfer, name); !status.ok())
      return status;
    transfer->intent.entry = *entry;
    parts_.journal.use_entry(*entry, transfer->intent.id);
    unlisted_.erase(path);
    return Status::success();
  }
  const std::optional<EntryRef> used = received.find_used(digest);
  std::string why = "no list that was verified names this container";
  std::string event = used ? "replayed" : "unlisted";
  if (used) {
    const ReceivedStream& stream = received.streams()[used->stream];
    why = "entry " + std::to_string(used->number) + " of " + stream.address.node +
          ", which names this container, is used up: it was delivered before";
  }
  if (!is_required) {
    parts_.reporter.log({.level = Level::kWarn,
                         .name = event,
                         .source = transfer->source_path(),
                         .status = "ok",
                         .message = why + "; proof = check delivers it all the same"});
    // Its list mostly comes later, and its entry must not stay open then. So does that of the same content
    // that is sent again.
    const auto [known, is_new] = early_.try_emplace(path);
    if (!is_new && known->second == transfer->source.identity) return Status::success();
    known->second = transfer->source.identity;
    if (early_.size() > kMaxUnlisted) early_.clear();
    return parts_.journal.note_received(ReceivedStreams::early_record(digest));
  }
  // Also one that was delivered before waits: the sender may have sent the same once more, and its list comes
  // after its container.
  if (const std::optional<EntryRef> foreign = received.find_foreign(digest); foreign && !used) {
    // Whoever it is for takes it.
    event = "foreign";
    why = "a list of " + received.streams()[foreign->stream].address.node +
          " names this container for other nodes";
  }
  if (unlisted_.size() < kMaxUnlisted || unlisted_.contains(path)) {
    Unlisted& waits = unlisted_[path];
    if (!(waits.identity == transfer->source.identity))
      waits = {transfer->source.identity, digest, parts_.host.monotonic_ns()};
    waits.why = Status::integrity(event, why);
  } else {
    has_untracked_ = true;
  }
  return {Fault::kBlocked, event, event + ": " + why};
}

// The name that the sender has signed wins over the one under which the container came.
Status Receiver::rename(Transfer* transfer, const std::string& name) {
  Intent renamed = transfer->intent;
  renamed.folder = folder_of(name);
  renamed.name = data_of(base_name(name));
  Product& product = transfer->product;
  if (renamed.folder != transfer->intent.folder) {
    std::shared_ptr<const Directory> folder;
    Status status = parts_.open_target(renamed, &folder);
    bool taken = false;
    if (status.ok())
      status = product.directory->move_new(product.temporary, *folder, product.temporary, &taken);
    if (taken) status = Status::environment(folder->path_of(product.temporary) + " exists already");
    if (!status.ok()) return status;
    transfer->target_directory = folder;
    product.directory = folder.get();
    renamed.target_nested = folder->device() != parts_.outbox.root().device();
    if (status = folder->sync(); !status.ok()) return status;
  }
  product.name = renamed.name;
  product.compared.clear();
  transfer->intent = std::move(renamed);
  return Status::success();
}

void Receiver::note_failed(const Transfer& transfer) {
  const Status& status = transfer.status;
  const bool is_refused = status.fault == Fault::kIntegrity || status.fault == Fault::kRefused;
  if (!is_on() || !is_refused || status.event == "replayed" || transfer.route != Route::kDecode) return;
  const std::string digest = content_of(transfer).of_sidecar();
  const ReceivedStreams& received = parts_.journal.received();
  const std::optional<EntryRef> entry = received.find_open(digest, transfer.source.path());
  if (!entry || received.entry(*entry)->reason == status.event) return;
  std::ignore = parts_.journal.note_received(ReceivedStreams::refuse_record(*entry, status.event));
}

void Receiver::describe(const Intent& intent, Event* event) const {
  if (!intent.entry) return;
  const ReceivedStreams& received = parts_.journal.received();
  const ReceivedEntry* entry = received.entry(*intent.entry);
  if (entry == nullptr) return;
  const StreamAddress& address = received.streams()[intent.entry->stream].address;
  event->numbers.emplace_back("entry", intent.entry->number);
  event->texts.emplace_back("sender", address.node);
  event->texts.emplace_back("list", address.stream + " " + std::to_string(entry->list));
}

// A sender lists what it sends within a time that its lists state.
std::uint64_t Receiver::longest_wait_ns() const {
  std::uint64_t within = 0;
  for (const ReceivedStream& stream : parts_.journal.received().streams())
    if (is_live(stream)) within = std::max(within, stream.within);
  if (within == 0) within = kUsualWithin;
  return (within + parts_.config.late_after) * kSecond;
}

std::vector<Receiver::Overdue> Receiver::take_overdue(std::uint64_t now_ns) {
  std::vector<Overdue> overdue;
  if (mode() != ProofMode::kRequire || unlisted_.empty() || !is_complete_) return overdue;
  const std::uint64_t patience = longest_wait_ns();
  std::erase_if(unlisted_, [&](const auto& item) {
    const auto& [path, file] = item;
    const Wait* wait = parts_.ledger.find_wait(path, file.identity);
    if (wait == nullptr || wait->event != file.why.event) return true;
    if (file.why.event == "foreign" || now_ns - file.since_ns < patience) return false;
    overdue.push_back({candidate_of(path, file.identity), file.why});
    return true;
  });
  if (!overdue.empty()) end_untracked();
  return overdue;
}

// ---- what is missing -------------------------------------------------------------------------------------

// Whether more lists are to be expected.
bool Receiver::is_live(const ReceivedStream& stream) const {
  return !stream.address.node.empty() &&
         state_of(parts_.journal.received(), stream, keys_) == StreamState::kLive;
}

// What is held is here, and nobody has read it: a receipt must not call it missing. By its name, which is all
// that is known of it.
void Receiver::note_held() {
  std::set<std::string> held;
  for (const Wait& wait : parts_.ledger.waits())
    if (wait.state == FileState::kHeld) held.insert(wait.file->first);
  if (held.empty()) return;
  std::string records;
  const auto& all = parts_.journal.received().streams();
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const auto& [number, entry] : all[i].entries)
      if (entry.intent == 0 && entry.reason.empty() && held.contains(entry.name))
        records += ReceivedStreams::refuse_record({i, number}, "held");
  if (!records.empty()) std::ignore = parts_.journal.note_received(records);
}

void Receiver::watch(std::uint64_t now_ns) {
  if (!is_on()) return;
  parts_.reporter.report_problem("clock", follow_clock(now_ns).message);
  const auto& all = parts_.journal.received().streams();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].address.node.empty()) continue;
    auto [found, is_first] = watched_.try_emplace(i);
    Watch& watch = found->second;
    if (is_first || watch.list != all[i].last_list()) {
      watch.list = all[i].last_list();
      watch.heard_ns = now_ns;
      watch.is_silent = false;
    }
    watch_silence(all[i], now_ns, &watch);
    watch_missing(all[i], now_ns, &watch);
  }
}

void Receiver::watch_silence(const ReceivedStream& stream, std::uint64_t now_ns, Watch* watch) {
  const std::uint64_t patience = (stream.within + parts_.config.late_after) * kSecond;
  if (watch->is_silent || !is_live(stream) || now_ns - watch->heard_ns <= patience) return;
  watch->is_silent = true;
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "silent",
                       .source = parts_.inbox.root().path_of(kProofFolder),
                       .status = "pending",
                       .message = "no list of " + stream.address.node + " after " +
                                  list_name(stream, watch->list) + ", which promised one within " +
                                  std::to_string(stream.within) + " s",
                       .texts = {{"sender", stream.address.node}},
                       .advice = "find out whether the sender runs and its files get here"});
}

void Receiver::watch_missing(const ReceivedStream& stream, std::uint64_t now_ns, Watch* watch) {
  // A container that has just come is not worth a line.
  const auto grace = static_cast<std::int64_t>(parts_.config.poll_ns * 2 / kSecond) + 1;
  const std::int64_t late = static_cast<std::int64_t>(parts_.config.late_after) + grace;
  std::uint64_t missing = 0;
  std::uint64_t first = 0;
  for (const OutcomeRange& range : stream.outcomes(utc_seconds(parts_.host), late)) {
    if (range.outcome != Outcome::kMissing) continue;
    missing += range.last - range.first + 1;
    if (first == 0) first = range.first;
  }
  std::uint64_t lists = parts_.journal.received().lists_missing(stream);
  if (lists == 0) watch->ended_ns = 0;
  if (lists > 0 && watch->ended_ns == 0) watch->ended_ns = now_ns;
  if (now_ns - watch->ended_ns < static_cast<std::uint64_t>(late) * kSecond) lists = 0;
  const auto report = [&](Level level, const char* event, const std::string& message, const char* advice) {
    parts_.reporter.log({.level = level,
                         .name = event,
                         .source = parts_.inbox.root().path_of(kProofFolder),
                         .status = level == Level::kWarn ? "pending" : "ok",
                         .message = message,
                         .texts = {{"sender", stream.address.node}},
                         .advice = advice});
  };
  if (missing > watch->missing)
    report(Level::kWarn, "missing",
           std::to_string(missing) + " containers of " + stream.address.node +
               " are missing, the first is entry " + std::to_string(first),
           "`paxect link missing` lists them");
  if (lists > watch->lists_missing)
    report(Level::kWarn, "missing",
           std::to_string(lists) + " lists of " + stream.address.node + " are missing after " +
               list_name(stream, stream.last_list()) +
               ", and so is what they name: another stream continues this one",
           "`paxect link missing --request FILE` asks for them");
  if (missing + lists == 0 && watch->missing + watch->lists_missing > 0)
    report(Level::kInfo, "complete", "no container of " + stream.address.node + " is missing any more", "");
  watch->missing = missing;
  watch->lists_missing = lists;
}

Receiver::Counts Receiver::count() const {
  Counts counts;
  if (!is_on()) return counts;
  const std::int64_t now = utc_seconds(parts_.host);
  for (const ReceivedStream& stream : parts_.journal.received().streams()) {
    for (const OutcomeRange& range :
         stream.outcomes(now, static_cast<std::int64_t>(parts_.config.late_after))) {
      const std::uint64_t size = range.last - range.first + 1;
      if (range.outcome == Outcome::kExpected) counts.expected += size;
      if (range.outcome == Outcome::kMissing) counts.missing += size;
    }
    counts.missing += parts_.journal.received().lists_missing(stream);
    if (stream.is_forked) ++counts.forked;
  }
  for (const auto& [path, file] : unlisted_)
    if (file.why.event != "foreign") ++counts.unlisted;
  for (const auto& [index, watch] : watched_)
    if (watch.is_silent) ++counts.silent;
  return counts;
}

}  // namespace paxect::link
