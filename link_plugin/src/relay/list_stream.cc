#include "relay/list_stream.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/statement.h"

namespace paxect::link {

bool ListStream::is_ours() const {
  const SentStream& stream = parts_.journal.sent();
  return stream.key == line_of(parts_.config.sign_key.key()->public_key()) &&
         stream.node == parts_.config.node;
}

void ListStream::give_up_numbers(std::uint64_t list) {
  used_number_ = std::max(used_number_, list);
  is_given_up_ = true;
}

Status ListStream::open(bool* is_new) {
  *is_new = false;
  const PublicKey& key = parts_.config.sign_key.key()->public_key();
  const SentStream& stream = parts_.journal.sent();
  std::shared_ptr<const Directory> folder;
  Status status = parts_.outbox.folder(kProofFolder, IfMissing::kFail, &folder);
  ShownLists shown;
  const Stop stop = [this] { return parts_.host.stop_requested(); };
  if (status.ok()) status = read_shown(*folder, parts_.config.node, stream, key, stop, &shown);
  if (!status.ok() && status.fault != Fault::kGone) return status;
  Directory also;
  if (!parts_.config.proof_also.empty() && Directory::open(parts_.config.proof_also, &also).ok())
    if (status = read_shown(also, parts_.config.node, stream, key, stop, &shown); !status.ok()) return status;
  const std::string why = why_another(shown);
  if (why.empty()) return Status::success();
  status = begin_another(why, shown);
  *is_new = status.ok();
  return status;
}

// "" where the journal's stream goes on.
std::string ListStream::why_another(const ShownLists& shown) const {
  const SentStream& stream = parts_.journal.sent();
  if (stream.name.empty()) return "the journal knows none";
  if (stream.key != line_of(parts_.config.sign_key.key()->public_key())) return "sign_key is another key";
  if (stream.node != parts_.config.node) return "node is another name";
  if (stream.is_doubtful) return "the journal was damaged";
  if (used_number_ > 0)
    return "a receipt is about another list " + std::to_string(used_number_) + ": the journal was put back";
  if (is_given_up_) return "another text has the name of its list " + std::to_string(stream.next - 1);
  if (shown.stream != stream.name) return "";
  if (shown.number >= stream.next) return "the journal is older than list " + std::to_string(shown.number);
  if (shown.number + 1 == stream.next && shown.digest != stream.previous)
    return "the journal knows another list " + std::to_string(shown.number);
  return "";
}

// What the receivers have of the old stream is not what the journal says, so nobody confirms these.
void ListStream::relist(const std::string& stream) {
  std::vector<SentStream::EntryNumber> numbers;
  for (const auto& [number, source] : parts_.journal.sent().kept())
    if (number.first == stream) numbers.push_back(number);
  parts_.journal.relist(numbers);
}

void ListStream::find_named() {
  Directory also;
  std::shared_ptr<const Directory> folder;
  std::vector<const Directory*> open;
  if (parts_.outbox.folder(kProofFolder, IfMissing::kFail, &folder).ok()) open.push_back(folder.get());
  if (!parts_.config.proof_also.empty() && Directory::open(parts_.config.proof_also, &also).ok())
    open.push_back(&also);
  const SentStream& stream = parts_.journal.sent();
  std::vector<std::uint64_t> named;
  for (const SentList& list : stream.lists())
    for (const Directory* each : open) {
      std::string text;
      if (!list.is_named &&
          each->read_small(list_of(stream.node, stream.name, list.number), kMaxStatementSize, &text).ok() &&
          sha256_hex(text) == list.digest)
        named.push_back(list.number);
    }
  for (const std::uint64_t number : named) parts_.journal.note_named(number);
}

// The first of the lists before the last one that have no gap between them. Requires: there is one.
const List& ListStream::first_in_chain(const ShownLists& shown) {
  auto first = shown.unknown.find({shown.stream, shown.number});
  while (first != shown.unknown.begin()) {
    const auto before = std::prev(first);
    const bool is_next = before->first == std::pair(shown.stream, first->first.second - 1) &&
                         before->second.digest == first->second.list.head.previous;
    if (!is_next) break;
    first = before;
  }
  return first->second.list;
}

// The lists that follow those of the journal in the folder without a gap: what they name is listed, and
// receipts about them can be compared.
std::vector<SentList> ListStream::adoptable(const SentStream& stream, const ShownLists& shown) {
  std::vector<SentList> lists;
  std::vector<bool> is_used(stream.unlisted().size());
  std::uint64_t next_entry = stream.next_entry;
  std::string previous = stream.previous;
  for (std::uint64_t number = stream.next; !stream.name.empty(); ++number) {
    const auto found = shown.unknown.find({stream.name, number});
    if (found == shown.unknown.end()) break;
    const auto& [list, digest] = found->second;
    if (list.first != next_entry || list.head.previous != previous) break;
    SentList adopted{.number = number,
                     .first = list.first,
                     .previous = list.head.previous,
                     .made = list.head.made,
                     .within = list.within,
                     .to = list.head.to,
                     .log = list.head.log,
                     .entries = {},
                     .digest = digest};
    for (const ListEntry& entry : list.entries) {
      SentEntry sent{.digest = entry.digest, .name = entry.name};
      for (std::size_t i = 0; i < is_used.size(); ++i) {
        const SentEntry& known = stream.unlisted()[i];
        if (is_used[i] || known.digest != entry.digest || known.name != entry.name) continue;
        sent = known;
        is_used[i] = true;
        break;
      }
      sent.again = entry.again;
      adopted.entries.push_back(std::move(sent));
    }
    next_entry += list.entries.size();
    previous = digest;
    lists.push_back(std::move(adopted));
  }
  return lists;
}

// The stream as the first of its lists that are there found it.
SentStream ListStream::take_up(const SentStream& stream, const std::string& key, const List& first) {
  SentStream taken = stream;
  taken.begin(first.head.stream, key, first.head.from, first.head.continues);
  taken.is_doubtful = true;
  taken.next = first.head.number;
  taken.next_entry = first.first;
  taken.previous = first.head.previous;
  taken.made = first.head.made;
  return taken;
}

// What the lists name that the journal does not know: what was sent and is not listed yet as far as it knows,
// and what it does not know as sent. Receipts about lists that are not adopted are compared by their digests.
void ListStream::find_entries(const SentStream& stream, const ShownLists& shown, StreamStart* start) const {
  const std::int64_t now_ns = parts_.host.realtime_ns();
  // By digest and name the ids of what is not listed, in their order.
  std::map<std::pair<std::string, std::string>, std::deque<std::uint64_t>> unlisted;
  for (const SentEntry& entry : stream.unlisted()) unlisted[{entry.digest, entry.name}].push_back(entry.id);
  const auto note_lost = [&](const ListEntry& entry, const SentStream::EntryNumber& number,
                             const List& list) {
    start->lost.try_emplace({entry.digest, entry.name}, LostEntry{.number = number,
                                                                  .made = list.head.made,
                                                                  .noted_ns = now_ns,
                                                                  .to = receivers_text(list.head.to)});
  };
  for (const SentList& list : start->adopted)
    for (std::size_t i = 0; i < list.entries.size(); ++i) {
      const SentEntry& entry = list.entries[i];
      if (entry.id == 0)
        note_lost({entry.digest, entry.name}, {stream.name, list.first + i},
                  shown.unknown.at({stream.name, list.number}).list);
      else
        std::erase(unlisted[{entry.digest, entry.name}], entry.id);
    }
  for (const auto& [number, each] : shown.unknown) {
    const bool is_adopted = number.first == stream.name && !start->adopted.empty() &&
                            number.second >= start->adopted.front().number &&
                            number.second <= start->adopted.back().number;
    if (is_adopted || each.list.entries.empty()) continue;
    for (std::size_t i = 0; i < each.list.entries.size(); ++i) {
      const ListEntry& entry = each.list.entries[i];
      const SentStream::EntryNumber named{number.first, each.list.first + i};
      std::deque<std::uint64_t>& ids = unlisted[{entry.digest, entry.name}];
      if (ids.empty()) {
        note_lost(entry, named, each.list);
        continue;
      }
      start->shown.push_back({.id = ids.front(),
                              .number = named,
                              .made = each.list.head.made,
                              .to = receivers_text(each.list.head.to)});
      ids.pop_front();
    }
    start->digests.push_back(digest_record(number.first, number.second, each.list.first, each.digest));
  }
}

// As far as its folders can be read.
std::size_t ListStream::count_containers(const Directory& folder, unsigned depth) const {
  constexpr unsigned kMaxDepth = 64;
  std::size_t count = 0;
  std::vector<std::string> folders;
  std::ignore = folder.list([&](const char* name) {
    if (is_never_taken(name)) return true;
    const FileKind kind = folder.stat_of(name).kind;
    if (kind == FileKind::kRegular && is_container(name)) ++count;
    if (kind == FileKind::kDirectory) folders.emplace_back(name);
    return true;
  });
  for (const std::string& name : folders) {
    Directory below;
    if (depth < kMaxDepth && folder.open_below(name, false, &below).ok())
      count += count_containers(below, depth + 1);
  }
  return count;
}

Status ListStream::begin_another(const std::string& why, const ShownLists& shown) {
  StreamStart start;
  start.key = line_of(parts_.config.sign_key.key()->public_key());
  start.node = parts_.config.node;
  if (parts_.journal.sent().name.empty() && shown.number > 0)
    start.taken_up = take_up(parts_.journal.sent(), start.key, first_in_chain(shown));
  const SentStream& stream = start.taken_up ? *start.taken_up : parts_.journal.sent();
  if (!stream.name.empty()) {
    // A list that never got its name is not to be waited for.
    const std::uint64_t known = std::max(stream.named().lists, used_number_);
    const std::uint64_t number = shown.stream == stream.name ? std::max(known, shown.number) : known;
    start.continues = number == 0 ? stream.continues : Continued{stream.name, number};
  }
  start.adopted = adoptable(stream, shown);
  find_entries(stream, shown, &start);
  const std::string old = stream.name;
  start.name = make_stream();
  Status status = parts_.journal.begin_stream(start);
  if (!status.ok()) return status;
  is_given_up_ = false;
  if (std::exchange(used_number_, 0) > 0) relist(old);
  // What was sent before there was a key has no entry, and a receiver that requires one does not deliver it.
  const std::size_t unnamed = !start.continues && old.empty() ? count_containers(parts_.outbox.root(), 0) : 0;
  const std::string early =
      unnamed == 0 ? ""
                   : "; no list of this node names the " + std::to_string(unnamed) +
                         " containers that are in the outbox already, and a receiver with proof = require "
                         "delivers none of them";
  const std::string before = start.continues ? "; it continues " + start.continues->stream + " " +
                                                   std::to_string(start.continues->number)
                                             : "";
  const std::string known =
      start.lost.empty()
          ? ""
          : "; the sources of " + std::to_string(start.lost.size()) +
                " containers that its lists name are not sent again if they are still there, and "
                "what was sent after its last list is";
  parts_.reporter.log({.level = start.continues || unnamed > 0 ? Level::kWarn : Level::kInfo,
                       .name = "list_stream",
                       .target = parts_.outbox.root().path_of(kProofFolder),
                       .status = "ok",
                       .message = "a new stream of lists begins: " + why + before + known + early,
                       .texts = {{"stream", start.name}},
                       .advice = unnamed == 0 ? ""
                                              : "have them received first, or deliver their sources again "
                                                "while they are there: that gives them entries"});
  return status;
}

}  // namespace paxect::link
