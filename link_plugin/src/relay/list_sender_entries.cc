// Which entry of a list a container gets, or has already.
#include <algorithm>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "relay/list_sender.h"

namespace paxect::link {

SentEntry ListSender::entry_of(const Intent& intent, const std::string& name) const {
  SentEntry entry = {.id = intent.id,
                     .digest = intent.digest,
                     .name = join(intent.folder, name),
                     .place = intent.source_place,
                     .source = intent.source};
  if (parts_.config.keep != Keep::kNo || parts_.journal.sent().knows(entry)) return entry;
  entry.place.clear();
  entry.source.clear();
  return entry;
}

bool ListSender::lacks(SentEntry* entry, bool was_there, std::span<const SentEntry> before) {
  const SentStream& stream = parts_.journal.sent();
  if (!stream.knows(*entry)) return !was_there || !is_listed(entry, before);
  if (stream.knows_for(*entry, parts_.config.to)) return false;
  entry->again = stream.first_of(*entry);
  return true;
}

// A receiver ignores a list that does not name it: an entry in one is none for that receiver. And an entry
// has one source that waits for its receipts: another one that is to stay gets an entry of its own.
bool ListSender::is_listed(SentEntry* entry, std::span<const SentEntry> before) {
  const SentStream& stream = parts_.journal.sent();
  // The newest one is that of the container that is there.
  struct Newest {
    std::uint64_t number = 0;
    std::optional<EarlierEntry> again;
    bool is_for_them = true;
    const OwnEntry* shown = nullptr;
  } newest;
  const auto note = [&](const SentEntry& each, std::uint64_t number, bool is_for_them) {
    if (each.digest == entry->digest && each.name == entry->name && number >= newest.number)
      newest = {.number = number, .again = each.again, .is_for_them = is_for_them};
  };
  for (const SentList& list : stream.lists()) {
    const bool is_for_them = is_for_all(receivers_text(list.to), parts_.config.to);
    for (std::size_t i = 0; i < list.entries.size(); ++i) note(list.entries[i], list.first + i, is_for_them);
  }
  const auto [begin, end] = shown()->equal_range({entry->digest, entry->name});
  for (auto found = begin; found != end; ++found)
    if (const OwnEntry& each = found->second; each.number.second >= newest.number)
      newest = {.number = each.number.second,
                .again = each.again,
                .is_for_them = is_for_all(each.to, parts_.config.to),
                .shown = &each};
  // What is not listed yet is listed in this order, for the present receivers.
  std::uint64_t next = stream.next_entry;
  for (const SentEntry& each : stream.unlisted()) note(each, next++, true);
  for (const SentEntry& each : before) note(each, next++, true);
  if (newest.number == 0) {
    // Its list was carried away, or is one of a stream that is over.
    for (const auto& [number, source] : stream.kept())
      if (source.entry.digest == entry->digest && source.entry.name == entry->name)
        entry->again = source.entry.again ? source.entry.again : EarlierEntry{number.first, number.second};
    return false;
  }
  const bool goes = entry->source.empty();
  if (newest.is_for_them && goes) return true;
  if (newest.is_for_them && newest.shown != nullptr && !stream.kept().contains(newest.shown->number)) {
    parts_.journal.keep(newest.shown->number, {*entry, newest.shown->made, newest.shown->to});
    return true;
  }
  entry->again = newest.again ? *newest.again : EarlierEntry{stream.name, newest.number};
  return false;
}

OwnEntries* ListSender::shown() {
  if (shown_ && is_shown_complete_) return &*shown_;
  std::shared_ptr<const Directory> folder;
  shown_.emplace();
  Status status = parts_.outbox.folder(kProofFolder, IfMissing::kFail, &folder);
  if (status.ok())
    status =
        read_entries(*folder, parts_.journal.sent(), parts_.config.sign_key.key()->public_key(), &*shown_);
  // What is known so far; the others are read again.
  is_shown_complete_ = status.ok() || status.fault == Fault::kGone;
  parts_.reporter.report_problem("lists", is_shown_complete_ ? "" : status.message);
  return &*shown_;
}

bool ListSender::is_kept_by_other(const SentStream::EntryNumber& number, const Intent& intent) const {
  const auto& kept = parts_.journal.sent().kept();
  const auto found = parts_.config.keep == Keep::kNo ? kept.end() : kept.find(number);
  return found != kept.end() &&
         (found->second.entry.place != intent.source_place || found->second.entry.source != intent.source);
}

Status ListSender::claim(Transfer* transfer) {
  const LostEntries& lost = parts_.journal.sent().lost();
  if (!is_on() || !transfer->makes_container() || lost.empty()) return Status::success();
  const Intent& intent = transfer->intent;
  std::vector<std::string> names = {intent.name};
  for (const std::size_t digits : kConflictDigits)
    names.push_back(conflict_of(intent.name, transfer->result.data_digest, digits));
  for (const std::string& name : names) {
    const auto found = lost.find({transfer->product.digest, join(intent.folder, name)});
    // Whoever has put it there or touched it since wants it sent.
    if (found == lost.end() || transfer->source.identity.ctime_ns > found->second.noted_ns) continue;
    const auto [key, entry] = *found;
    // Another source stays for it: this one is sent, and stays for an entry of its own.
    if (is_kept_by_other(entry.number, intent)) continue;
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "sent_before",
                         .source = transfer->source_path(),
                         .target = parts_.outbox.root().path_of(key.second),
                         .status = "ok",
                         .message = "entry " + std::to_string(entry.number.second) + " of stream " +
                                    entry.number.first +
                                    " names its container: it was sent before the journal was put back",
                         .advice = "touch it to send it again"});
    // As with any delivery, its line is durable before its source goes.
    if (Status status = parts_.reporter.flush(); !status.ok()) return status;
    if (parts_.config.keep != Keep::kNo)
      parts_.journal.keep(entry.number, {.entry = {.id = intent.id,
                                                   .digest = key.first,
                                                   .name = key.second,
                                                   .place = intent.source_place,
                                                   .source = intent.source},
                                         .made = entry.made,
                                         .to = entry.to});
    transfer->sent_before = key;
    return Status::delivered();
  }
  return Status::success();
}

}  // namespace paxect::link
