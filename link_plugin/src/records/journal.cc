#include "records/journal.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/clock.h"
#include "base/digest.h"
#include "base/relay_paths.h"
#include "base/token.h"

namespace paxect::link {
namespace {

constexpr std::size_t kLargest = std::size_t{1} << 30;
// Of records of the log, until the journal is written again for them.
constexpr std::size_t kMaxLogRecords = std::size_t{1} << 16;

}  // namespace

Status read_journal(const std::string& path, JournalContents* out, std::string* text) {
  *out = {};
  std::string own;
  if (text == nullptr) text = &own;
  Status status = read_small_file(path, kLargest, text);
  if (status.fault == Fault::kGone) return Status::success();
  if (!status.ok()) return status;
  if (is_later_journal(*text))
    return Status::refused("read_error",
                           path +
                               " was written by a later version: use that one, or finish its deliveries "
                               "there and move the file away");
  *out = parse_journal(*text);
  return Status::success();
}

const KnownPlace* current_place(const std::vector<KnownPlace>& places, const std::string& role,
                                const std::string& path) {
  auto found = std::find_if(places.rbegin(), places.rend(), [&](const KnownPlace& place) {
    return place.role == role && place.path == path;
  });
  return found == places.rend() ? nullptr : &*found;
}

SourceMatch match_source_at(const std::string& path, const FileIdentity& remembered,
                            const FileIdentity& found) {
  if (is_tombstone(base_name(path)) && remembered.same_but_name(found)) return SourceMatch::kSame;
  return match_source(remembered, found);
}

Status Journal::open(const std::string& path, std::string* damage) {
  path_ = path;
  in_flight_.clear();
  unwritten_ends_.clear();
  written_.clear();
  broken_ = false;
  // Kept: a sandbox may be around a process that opens its journal again.
  if (boot_.empty()) boot_ = boot_id();
  std::string text;
  Status status = read_journal(path, &contents_, &text);
  if (!status.ok()) return status;
  // As clear() has left it: the next one has nothing to do.
  const std::string whole = journal_text_without_log(contents_);
  if (without_log_records(text) == whole) written_ = fingerprint(whole);
  *damage = contents_.damage;
  last_old_id_ = contents_.last_id;
  size_ = contents_.valid;
  FileIdentity found;
  is_new_ = !identity_of(path, &found);
  if (is_new_) {
    contents_.relay_token = make_token();
    return rewrite(journal_text(contents_));
  }
  if (contents_.relay_token.empty()) contents_.relay_token = make_token();
  fd_.reset(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!fd_) return io_failure("open journal", path, errno);
  if (text.size() != size_ && ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
    return io_failure("write journal", path, errno);
  // Whoever made the file may have been killed before its name was durable.
  is_name_durable_ = false;
  // Before it gets a record that the version that wrote it would pass over.
  return is_earlier_journal(text) && damage->empty() ? rewrite(journal_text(contents_)) : Status::success();
}

// ---- writing -------------------------------------------------------------------------------------------

// Whether the path still leads to the file that is open. A state directory that was replaced does not.
bool Journal::is_in_place() const {
  FileIdentity named;
  const FileIdentity open = stat_fd(fd_.get()).identity;
  return identity_of(path_, &named) && named.device == open.device && named.inode == open.inode;
}

Status Journal::append(const std::string& lines, bool durable) {
  if (broken_ || !is_in_place())
    if (Status status = repair(); !status.ok()) return status;
  written_.clear();
  Status status = write_all(fd_.get(), lines.data(), lines.size(), path_);
  if (status.ok()) {
    // After a failed flush the kernel may count pages as written that are not on disk.
    if (durable) status = sync_file(fd_.get(), path_);
    if (durable && status.ok()) status = sync_name();
    broken_ = !status.ok();
  } else {
    // An incomplete line would be joined with the next one.
    broken_ = ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0;
  }
  if (status.ok()) size_ += lines.size();
  return status;
}

// Once for each file. On the usual file systems the flush of the file has done it already, and this takes no
// time.
Status Journal::sync_name() {
  if (is_name_durable_) return Status::success();
  Status status = sync_names_beside(path_);
  is_name_durable_ = status.ok();
  return status;
}

// The bytes that are known to be good, in a new file.
Status Journal::repair() {
  std::string text(size_, '\0');
  for (std::size_t at = 0; at < text.size();) {
    ssize_t got = pread(fd_.get(), text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return io_failure("read journal", path_, got < 0 ? errno : EIO);
    at += static_cast<std::size_t>(got);
  }
  return rewrite(text);
}

Status Journal::rewrite(const std::string& text) {
  broken_ = true;  // until the new file has the name
  // A loss of power may bring back the file from before: it says at least as much. The first record that has
  // to be durable makes the name durable too.
  is_name_durable_ = false;
  if (Status status = replace_file(path_, text, Durable::kContents); !status.ok()) return status;
  UniqueFd fd(::open(path_.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return io_failure("open journal", path_, errno);
  fd_ = std::move(fd);
  size_ = text.size();
  written_ = fingerprint(without_log_records(text));
  broken_ = false;
  return Status::success();
}

// ---- intents -------------------------------------------------------------------------------------------

void Journal::resolve(const std::function<bool(const Intent&)>& is_over) {
  std::erase_if(contents_.intents, [&](const Intent& intent) {
    if (!is_over(intent)) return false;
    // Where the entry was refused in the meantime, no delivery has used it up.
    const bool is_delivered =
        (intent.prepared || intent.finished) && contents_.received.used_by(intent.id).has_value();
    end_use(intent.id, is_delivered, &contents_.received);
    unwritten_ends_[intent.id] = is_delivered;
    return true;
  });
}

void Journal::end_use(std::uint64_t id, bool is_delivered, ReceivedStreams* received) {
  if (is_delivered)
    received->settle(id);
  else
    received->release(id);
}

std::size_t Journal::open_towards(const std::string& place_token) const {
  auto left = std::count_if(contents_.intents.begin(), contents_.intents.end(), [&](const Intent& intent) {
    return !intent.finished && intent.target_place == place_token;
  });
  auto ours = std::count_if(in_flight_.begin(), in_flight_.end(),
                            [&](const auto& entry) { return entry.second.target_place == place_token; });
  return static_cast<std::size_t>(left + ours);
}

Status Journal::begin(std::span<const Intent> intents) {
  std::string lines;
  for (const Intent& intent : intents) {
    lines += begin_record(intent);
    in_flight_[intent.id] = intent;
  }
  return append(lines, false);
}

Status Journal::prepare(std::span<const Intent> intents, std::span<const SentList> lists) {
  std::string lines;
  for (const SentList& list : lists) {
    contents_.sent.decide(list);
    lines += list_record(list);
  }
  if (!intents.empty())
    lines +=
        sizes_record(intents) + repaired_record(intents) + uses_record(intents) + prepare_record(intents);
  Status status = append(lines, true);
  if (status.ok())
    for (const SentList& list : lists) contents_.sent.note_durable(list.number);
  for (const Intent& intent : intents) {
    Intent& known = in_flight_[intent.id] = intent;
    // A record whose flush failed may be on disk. Rewritten, the journal says that it does not count.
    known.prepared = status.ok();
  }
  return status;
}

Status Journal::name(std::span<const std::uint64_t> ids) { return mark("name", ids, &Intent::named); }

Status Journal::name_under(std::uint64_t id, const std::string& name) {
  Status status = append(under_record(id, name) + ids_record("name", std::span(&id, 1)), false);
  if (!status.ok()) return status;
  if (auto found = in_flight_.find(id); found != in_flight_.end()) {
    found->second.named = true;
    found->second.tried_name = name;
  }
  return status;
}

Status Journal::link(std::span<const std::uint64_t> ids) { return mark("link", ids, &Intent::linked); }

Status Journal::note_duplicate(std::uint64_t id) {
  return mark("duplicate", std::span(&id, 1), &Intent::duplicate);
}

Status Journal::mark(std::string_view kind, std::span<const std::uint64_t> ids, bool Intent::*flag) {
  Status status = append(ids_record(kind, ids), false);
  if (!status.ok()) return status;
  for (std::uint64_t id : ids)
    if (auto found = in_flight_.find(id); found != in_flight_.end()) found->second.*flag = true;
  return status;
}

Status Journal::abort(std::span<const std::uint64_t> ids) {
  if (ids.empty()) return Status::success();
  Status status = append(ids_record("abort", ids), true);
  if (!status.ok()) return status;
  for (std::uint64_t id : ids) contents_.received.release(id);
  for (std::uint64_t id : ids)
    if (auto found = in_flight_.find(id); found != in_flight_.end()) {
      found->second.prepared = false;
      found->second.aborted = true;
    }
  for (Intent& intent : contents_.intents)
    if (std::find(ids.begin(), ids.end(), intent.id) != ids.end()) intent.prepared = false;
  return status;
}

void Journal::drop(std::uint64_t id) {
  auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  const bool is_recorded = found->second.aborted;
  contents_.received.release(id);
  in_flight_.erase(found);
  if (is_recorded) return;
  if (!append(ids_record("abort", std::span(&id, 1)), false).ok()) unwritten_ends_[id] = false;
}

void Journal::finish(std::span<const std::uint64_t> ids, std::span<const SentEntry> sent) {
  if (ids.empty()) return;
  std::string lines;
  for (const SentEntry& entry : sent) {
    contents_.sent.add(entry);
    lines += sent_record(entry);
  }
  for (std::uint64_t id : ids) contents_.received.settle(id);
  if (!append(lines + ids_record("finish", ids), false).ok())
    for (std::uint64_t id : ids) unwritten_ends_[id] = true;
  // Last: after an exception, leave_in_flight() takes up what is in flight still.
  for (std::uint64_t id : ids) in_flight_.erase(id);
}

// ---- lists ---------------------------------------------------------------------------------------------

Status Journal::begin_stream(const StreamStart& start) {
  SentStream begun;
  begun.begin(start.name, start.key, start.node, start.continues);
  const SentStream& before = start.taken_up ? *start.taken_up : contents_.sent;
  EndedStream ended = before.named();
  std::vector<std::string> lines;
  lines.reserve(start.lost.size() + start.shown.size() + start.digests.size() + start.adopted.size() + 4);
  // Before all that makes a later start look for the lists of one stream alone.
  for (const auto& entry : start.lost) lines.push_back(lost_record(entry));
  for (const ShownEntry& entry : start.shown) lines.push_back(shown_record(entry));
  lines.insert(lines.end(), start.digests.begin(), start.digests.end());
  if (start.taken_up) lines.push_back(stream_record(*start.taken_up));
  // What has its name stays listed there, also for who reads these records after a crash.
  if (!before.lists().empty() && before.lists().front().is_named) lines.push_back(listed_record(ended.lists));
  for (const SentList& list : start.adopted) {
    lines.push_back(adopted_record(list));
    ended = {list.number, list.first + list.entries.size() - 1, list.made};
  }
  if (!before.name.empty() && ended.entries > 0) lines.push_back(ended_record(before.name, ended));
  const bool is_durable =
      start.taken_up || !start.adopted.empty() || !start.shown.empty() || !start.lost.empty();
  lines.push_back(stream_record(begun));
  std::string text;
  for (const std::string& line : lines) text += line;
  Status status = append(text, is_durable);
  if (!status.ok()) return status;
  for (const std::string& line : lines) {
    JournalWords words(checked_line(std::string_view(line).substr(0, line.size() - 1)));
    const std::string_view kind = words.next();
    contents_.sent.take(kind, words);
  }
  return status;
}

void Journal::note_found(const LostEntries::key_type& digest_and_name) {
  contents_.sent.forget_lost(digest_and_name);
  Status ignored = append(found_record(digest_and_name), false);
}

void Journal::settle(const std::vector<std::string>& streams) {
  std::string records;
  for (const std::string& stream : streams) {
    records += settled_record(stream);
    contents_.sent.settle(stream);
  }
  if (!records.empty()) std::ignore = append(records, false);
}

Status Journal::forgo(const std::string& stream, const EntryRanges& ranges) {
  Status status = append(forgone_record(stream, ranges), true);
  if (!status.ok()) return status;
  for (const auto& [first, last] : ranges) contents_.sent.forgo(stream, first, last);
  return status;
}

Status Journal::note_keys() {
  if (contents_.had_keys) return Status::success();
  Status status = append(keys_record(), true);
  if (status.ok()) contents_.had_keys = true;
  return status;
}

bool Journal::is_news(const std::string& what) {
  const std::string digest = sha256_hex(what).substr(0, 16);
  auto& reported = contents_.reported;
  if (std::find(reported.begin(), reported.end(), digest) != reported.end()) return false;
  reported.push_back(digest);
  if (reported.size() > kMaxReported) reported.pop_front();
  std::ignore = append(reported_record(digest), false);
  return true;
}

void Journal::note_sent(const SentEntry& entry) {
  contents_.sent.add(entry);
  Status ignored = append(sent_record(entry), false);
}

void Journal::note_listed(std::uint64_t number) {
  contents_.sent.forget_lists(number);
  Status ignored = append(listed_record(number), false);
}

void Journal::relist(const std::vector<SentStream::EntryNumber>& numbers) {
  if (numbers.empty()) return;
  for (const SentStream::EntryNumber& number : numbers) contents_.sent.relist(number);
  Status ignored = append(relisted_record(numbers), false);
}

void Journal::keep(const SentStream::EntryNumber& number, const KeptSource& source) {
  contents_.sent.keep(number, source);
  Status ignored = append(kept_record(number, source), false);
}

void Journal::release(const std::vector<SentStream::EntryNumber>& numbers) {
  if (numbers.empty()) return;
  std::string lines;
  for (const SentStream::EntryNumber& number : numbers) {
    const auto found = contents_.sent.kept().find(number);
    if (found == contents_.sent.kept().end()) continue;
    const SentEntry entry = found->second.entry;
    contents_.sent.release(number);
    const SourceRecord* record = contents_.again.find(entry.place, entry.source);
    if (record == nullptr || contents_.sent.keeps(entry.place, entry.source)) continue;
    // Without its entry it would get another one, and be delivered a second time.
    lines += done_record(entry.place, entry.source, *record);
    contents_.done.set(entry.place, entry.source, *record);
    contents_.again.erase(entry.place, entry.source);
  }
  Status ignored = append(lines + released_record(numbers), false);
}

// ---- sources -------------------------------------------------------------------------------------------

Status Journal::leave_in_flight() {
  if (in_flight_.empty()) return Status::success();
  JournalContents found;
  if (Status status = read_journal(path_, &found); !status.ok()) return status;
  std::vector<Intent> left = contents_.intents;
  for (Intent& intent : found.intents)
    if (!intent.finished && in_flight_.contains(intent.id)) left.push_back(std::move(intent));
  for (const auto& [id, is_delivered] : unwritten_ends_) end_use(id, is_delivered, &found.received);
  // All or, after an exception, none.
  contents_.intents = std::move(left);
  contents_.received.take_over(std::move(found.received));
  in_flight_.clear();
  return Status::success();
}

Status Journal::note_place(const KnownPlace& place) {
  if (Status status = append(place_record(place), true); !status.ok()) return status;
  std::erase_if(contents_.places, [&](const KnownPlace& known) {
    return known.role == place.role && known.token == place.token && known.path == place.path;
  });
  contents_.places.push_back(place);
  return Status::success();
}

void Journal::remember(const std::string& place, const std::string& path, const SourceRecord& record) {
  contents_.done.set(place, path, record);
  contents_.again.erase(place, path);
  contents_.held.erase(place, path);
  Status ignored = append(done_record(place, path, record), false);
}

Status Journal::send_again(std::span<const SentStream::EntryNumber> numbers) {
  std::string lines;
  std::vector<const SentEntry*> entries;
  for (const SentStream::EntryNumber& number : numbers) {
    const auto found = contents_.sent.kept().find(number);
    if (found == contents_.sent.kept().end()) continue;
    entries.push_back(&found->second.entry);
    lines += again_record(entries.back()->place, entries.back()->source);
  }
  if (lines.empty()) return Status::success();
  if (Status status = append(lines, true); !status.ok()) return status;
  for (const SentEntry* entry : entries) contents_.send_again(entry->place, entry->source);
  return Status::success();
}

std::set<std::pair<std::string, std::string>> Journal::in_hand() const {
  std::set<std::pair<std::string, std::string>> sources;
  for (const auto& [id, intent] : in_flight_) sources.emplace(intent.source_place, intent.source);
  for (const Intent& intent : contents_.intents)
    if (!intent.finished) sources.emplace(intent.source_place, intent.source);
  return sources;
}

Status Journal::note_received(const std::string& records, bool durable) {
  if (Status status = append(records, durable); !status.ok()) return status;
  for (std::size_t begin = 0, end = 0; (end = records.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    JournalWords words(checked_line(std::string_view(records).substr(begin, end - begin)));
    const std::string_view kind = words.next();
    contents_.received.take_record(kind, words);
  }
  return Status::success();
}

void Journal::refuse_entry(std::uint64_t id, std::string_view reason) {
  const std::optional<EntryRef> entry = contents_.received.used_by(id);
  if (!entry) return;
  contents_.received.release(id);
  Status ignored = note_received(ReceivedStreams::refuse_record(*entry, reason));
}

Status Journal::set_aside(const Aside& aside) {
  Status status = append(aside_record(aside), true);
  if (status.ok()) contents_.asides.push_back(aside);
  return status;
}

void Journal::end_aside(std::uint64_t id) {
  std::erase_if(contents_.asides, [&](const Aside& aside) { return aside.id == id; });
  Status ignored = append(ids_record("over", std::span(&id, 1)), false);
}

SourceMatch Journal::match_done(const std::string& place, const std::string& path,
                                const FileIdentity& found) const {
  const SourceRecord* record = contents_.done.find(place, path);
  return record == nullptr ? SourceMatch::kOther : match_source_at(path, record->identity, found);
}

void Journal::note_log(const LogHead& head) {
  if (!fd_ || head == contents_.log) return;
  contents_.log = head;
  const std::string written = written_;
  if (append(log_record(head), false).ok()) written_ = written;
}

// ---- the whole -----------------------------------------------------------------------------------------

Status Journal::distrust(std::span<const std::string> inboxes, std::uint64_t last_id,
                         std::int64_t realtime_ns, std::string* kept) {
  contents_.last_id = last_old_id_ = std::max(contents_.last_id, last_id);
  for (Intent& intent : contents_.intents) intent.doubtful = true;
  if (!contents_.sent.name.empty()) contents_.sent.is_doubtful = true;
  contents_.received.end_receipts();
  for (const std::string& inbox : inboxes) contents_.unseen.emplace(inbox, "");
  for (const KnownPlace& place : contents_.places)
    if (place.role == "inbox") contents_.unseen.emplace(place.token, "");
  std::string old;
  Status status = read_small_file(path_, kLargest, &old);
  if (!status.ok()) return status;
  *kept = damaged_journal_of(path_, utc_stamp(realtime_ns));
  if (status = replace_file(*kept, old); !status.ok()) return status;
  status = rewrite(journal_text(contents_));
  if (status.ok()) status = sync_name();
  // What was missing has been dealt with.
  if (status.ok()) is_new_ = false;
  return status;
}

bool Journal::is_clear(const std::string& place) const {
  const std::string text = journal_text_without_log(contents_);
  return !broken_ && in_flight_.empty() && written_ == fingerprint(text) &&
         size_ <= text.size() + kMaxLogRecords && contents_.done.of(place).empty() &&
         contents_.again.of(place).empty() && contents_.held.of(place).empty();
}

Status Journal::clear(const std::string& place,
                      const std::function<bool(const std::string& path, const SourceRecord&)>& is_gone) {
  contents_.done.erase_if(place, is_gone);
  contents_.again.erase_if(place, is_gone);
  contents_.held.erase_if(place, is_gone);
  // Those of this process have higher ids than those that an earlier one left.
  const std::size_t left = contents_.intents.size();
  for (const auto& [id, intent] : in_flight_) contents_.intents.push_back(intent);
  const std::string text = journal_text_without_log(contents_);
  const bool is_written = written_ == fingerprint(text) && size_ <= text.size() + kMaxLogRecords;
  const std::string whole = broken_ || !is_written ? journal_text(contents_) : "";
  contents_.intents.resize(left);
  if (!whole.empty())
    if (Status status = rewrite(whole); !status.ok()) return status;
  contents_.sent.forget_ids();
  unwritten_ends_.clear();
  kept_ = size_;
  return Status::success();
}

}  // namespace paxect::link
