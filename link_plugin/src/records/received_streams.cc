#include "records/received_streams.h"

#include <algorithm>
#include <utility>

#include "records/digest_word.h"
#include "records/stream_state.h"

namespace paxect::link {
namespace {

std::string forked(const std::string& why) {
  return why +
         ": the sender has signed two texts for one number; what it signs in this stream is not "
         "delivered any more: have it begin a new stream";
}

// As a text of RefIndex. No name has a byte 0.
std::string with_name(const std::string& name, const std::string& digest = "") {
  return name + std::string(1, '\0') + digest;
}

}  // namespace

// ---- what it has -----------------------------------------------------------------------------------------

std::optional<std::size_t> ReceivedStreams::find(const StreamAddress& address) const {
  for (const std::size_t i : streams_named(address.node, address.stream))
    if (streams_[i].address == address) return i;
  return std::nullopt;
}

const std::vector<std::size_t>& ReceivedStreams::streams_named(const std::string& node,
                                                               const std::string& stream) const {
  static const std::vector<std::size_t> kNone;
  const auto found = by_name_.find({node, stream});
  return found == by_name_.end() ? kNone : found->second;
}

std::uint64_t ReceivedStreams::lists_missing(const ReceivedStream& stream) const {
  // The number with which a key was retired takes no list away that its sender says there is.
  const std::uint64_t taken = std::min(stream.last_list(), stream.counts_through);
  const std::uint64_t last = continued_after(*this, stream);
  const std::uint64_t settled = std::max(taken, lists_written_off(*this, stream));
  return stream.is_forked || last <= settled ? 0 : last - settled;
}

std::uint64_t ReceivedStreams::lists_off_unseen(const std::string& node, const std::string& stream) const {
  const auto found = unseen_off_.find({node, stream});
  return found == unseen_off_.end() ? 0 : found->second;
}

std::optional<EntryRef> ReceivedStreams::find_open(const std::string& digest, const std::string& name) const {
  const std::optional<EntryRef> named = first_that_counts(named_, with_name(name, digest));
  return named ? named : first_that_counts(open_, digest);
}

// The lists of a stream have their entries in the order of their numbers: where the first of the entries does
// not count, the others of its stream do not either.
std::optional<EntryRef> ReceivedStreams::first_that_counts(const RefIndex& index,
                                                           const std::string& text) const {
  std::optional<EntryRef> found = index.first(text);
  while (found) {
    const ReceivedStream& of = streams_[found->stream];
    const ReceivedEntry* each = entry(*found);
    const bool counts = each != nullptr && !of.is_forked && each->list <= of.counts_through;
    if (counts && !is_other_in_use(*found, *each)) break;
    found = index.first(text,
                        counts ? EntryRef{found->stream, found->number + 1} : EntryRef{found->stream + 1, 0});
  }
  return found;
}

std::optional<EntryRef> ReceivedStreams::find_used(const std::string& digest) const {
  const std::optional<EntryRef> spent = spent_.first(digest);
  return spent ? spent : used_.first(digest);
}

std::optional<EntryRef> ReceivedStreams::find_foreign(const std::string& digest) const {
  return foreign_.first(digest);
}

const ReceivedEntry* ReceivedStreams::entry(const EntryRef& ref) const {
  if (ref.stream >= streams_.size()) return nullptr;
  const auto& entries = streams_[ref.stream].entries;
  const auto found = entries.find(ref.number);
  return found == entries.end() ? nullptr : &found->second;
}

std::optional<EntryRef> ReceivedStreams::used_by(std::uint64_t intent) const {
  const auto found = in_use_.find(intent);
  return found == in_use_.end() ? std::nullopt : std::optional(found->second);
}

// ---- lists -----------------------------------------------------------------------------------------------

ReceivedStreams::Verdict ReceivedStreams::judge(const StreamAddress& address, const List& list,
                                                const std::string& digest, std::uint64_t max_jump,
                                                std::string* why) const {
  static const ReceivedStream kNew;
  const std::optional<std::size_t> index = find(address);
  const ReceivedStream& known = index ? streams_[*index] : kNew;
  const std::uint64_t number = list.head.number;
  const std::uint64_t next = list.first + list.entries.size();
  const ListRun* before = nullptr;
  const ListRun* after = nullptr;
  for (const ListRun& run : known.runs) {
    if (run.last_list < number) before = &run;
    if (run.first_list > number && after == nullptr) after = &run;
    if (number < run.first_list || number > run.last_list) continue;
    const auto text = known.known.find(number);
    if (text == known.known.end()) return Verdict::kKnown;
    if (text->second == digest) return opens_lost(known, list, why);
    *why = forked("a second text for list " + std::to_string(number));
    return Verdict::kForked;
  }
  // What else it names, somebody else may have signed.
  if (known.is_forked) {
    *why =
        "list " + std::to_string(number) + " is of a stream that is forked, of which nothing more is taken";
    return Verdict::kForked;
  }
  const std::uint64_t last_list = before == nullptr ? 0 : before->last_list;
  const std::uint64_t last_next = before == nullptr ? 1 : before->next_entry;
  const std::uint64_t lists_between = number - last_list - 1;
  if (lists_between > max_jump) {
    *why = "list " + std::to_string(number) + " follows list " + std::to_string(last_list) + ": more than " +
           std::to_string(max_jump) + " are missing between them: find out why, then raise max_jump for it";
    return Verdict::kJumped;
  }
  bool fits = list.first >= last_next &&
              (list.first - last_next + kMaxListEntries - 1) / kMaxListEntries <= lists_between;
  if (lists_between == 0)
    fits = list.first == last_next && (before == nullptr || list.head.previous == before->digest);
  if (fits && after != nullptr)
    fits = after->first_list == number + 1 ? next == after->first_entry && digest == after->previous
                                           : next <= after->first_entry;
  if (fits && index) fits = known.continues == list.head.continues;
  if (!fits) {
    *why = forked("list " + std::to_string(number) + " does not agree with the lists beside it");
    return Verdict::kForked;
  }
  const bool is_gap = before == nullptr ? number != 1 : lists_between != 0;
  const bool is_room_left = streams_.size() < kMaxStreams ||
                            (streams_.size() < kMaxIndex && holdings_of(address.node).streams < kStreamShare);
  if (!index && !is_room_left) {
    *why = "this receiver knows " + std::to_string(streams_.size()) + " streams, " +
           std::to_string(holdings_of(address.node).streams) + " of them of " + address.node +
           ", and takes no further one of it: find out why a sender begins so many (paxect link peers)";
    return Verdict::kFull;
  }
  if (is_gap && known.runs.size() >= kMaxGaps) {
    *why = "there is no room for list " + std::to_string(number) + ": lists are missing in " +
           std::to_string(kMaxGaps) + " places before it: have them sent again (paxect link missing)";
    return Verdict::kFull;
  }
  std::size_t name_bytes = 0;
  for (const ListEntry& entry : list.entries) name_bytes += entry.name.size();
  if (has_room_for(address.node, list.entries.size(), name_bytes)) return Verdict::kNew;
  *why = no_room(list);
  return Verdict::kFull;
}

ReceivedStreams::Holdings ReceivedStreams::holdings_of(const std::string& node) const {
  Holdings holdings;
  for (const ReceivedStream& each : streams_) {
    if (each.address.node != node) continue;
    ++holdings.streams;
    holdings.entries += each.entries.size();
    holdings.name_bytes += each.name_bytes;
  }
  return holdings;
}

bool ReceivedStreams::has_room_for(const std::string& node, std::size_t entries,
                                   std::size_t name_bytes) const {
  if (entries_ + entries <= kMaxEntries && name_bytes_ + name_bytes <= kMaxNameBytes) return true;
  const Holdings holdings = holdings_of(node);
  return holdings.entries + entries <= kEntryShare && holdings.name_bytes + name_bytes <= kNameShare;
}

std::string ReceivedStreams::no_room(const List& list) const {
  const std::string& node = list.head.from;
  const Holdings holdings = holdings_of(node);
  const std::string mebibytes = std::to_string(name_bytes_ >> 20) + " MiB";
  const std::string own = std::to_string(holdings.name_bytes >> 20) + " MiB";
  return "there is no room for list " + std::to_string(list.head.number) + ": " + std::to_string(entries_) +
         " containers are listed and not delivered, with names of " + mebibytes + ", " +
         std::to_string(holdings.entries) + " of them of " + node + ", with names of " + own +
         ": it waits until some of these come (paxect link missing)";
}

// A list that was taken before. Where a damaged journal has lost some of its entries it opens them again.
ReceivedStreams::Verdict ReceivedStreams::opens_lost(const ReceivedStream& of, const List& list,
                                                     std::string* why) const {
  std::size_t lost = 0;
  std::size_t name_bytes = 0;
  for (std::uint64_t i = 0; i < list.entries.size(); ++i) {
    if (of.knows(list.first + i)) continue;
    ++lost;
    name_bytes += list.entries[i].name.size();
  }
  if (lost == 0) return Verdict::kKnown;
  if (has_room_for(of.address.node, lost, name_bytes)) return Verdict::kNew;
  *why = no_room(list);
  return Verdict::kFull;
}

std::int64_t ReceivedStreams::newest_time() const {
  std::int64_t newest = 0;
  for (const ReceivedStream& each : streams_) {
    newest = std::max(newest, each.heard);
    for (const auto& [number, entry] : each.entries) newest = std::max(newest, entry.since);
  }
  return newest;
}

// ---- entries ---------------------------------------------------------------------------------------------

void ReceivedStreams::use(const EntryRef& ref, std::uint64_t intent) {
  const auto is_free = [&] { return entry(ref) != nullptr && entry(ref)->intent == 0; };
  if (intent == 0 || !is_free()) return;
  // An intent uses one entry. What it gives back may be delivered already, and this one with it.
  release(intent);
  if (!is_free()) return;
  ReceivedEntry& used = streams_[ref.stream].entries[ref.number];
  erase_open(ref, used);
  used.intent = intent;
  used_.add(used.digest, ref);
  in_use_[intent] = ref;
}

void ReceivedStreams::release(std::uint64_t intent) {
  const auto used = in_use_.find(intent);
  if (used == in_use_.end()) return;
  const EntryRef ref = used->second;
  ReceivedEntry& entry = streams_[ref.stream].entries[ref.number];
  entry.intent = 0;
  used_.erase(entry.digest, ref);
  add_open(ref, entry);
  in_use_.erase(used);
  ++releases_;
  use_up_if_delivered(ref);
}

// Whatever was in use may be open then.
void ReceivedStreams::take_over(ReceivedStreams other) {
  const std::uint64_t releases = releases_ + other.releases_ + 1;
  *this = std::move(other);
  releases_ = releases;
}

void ReceivedStreams::release_unless(const std::function<bool(std::uint64_t intent)>& exists) {
  std::vector<std::uint64_t> ended;
  for (const auto& [intent, ref] : in_use_)
    if (!exists(intent)) ended.push_back(intent);
  for (const std::uint64_t intent : ended) release(intent);
}

void ReceivedStreams::settle(std::uint64_t intent) {
  const auto used = in_use_.find(intent);
  if (used == in_use_.end()) return;
  use_up(EntryRef(used->second));
  in_use_.erase(intent);
}

// Requires: the entry is here.
void ReceivedStreams::use_up(const EntryRef& ref) {
  const ReceivedEntry delivered = *entry(ref);
  end_entry(ref);
  use_up_others(ref, delivered);
}

// Requires: the entry is here.
void ReceivedStreams::end_entry(const EntryRef& ref) {
  const std::string word = named_digest(entry(ref)->digest, entry(ref)->name);
  // An exception leaves an entry that is used up and there, which no list opens again.
  add_gone(&streams_[ref.stream], ref.number, ref.number);
  add_spent(ref, word);
  erase_entry(ref);
}

void ReceivedStreams::use_up_entries(std::size_t index, std::uint64_t first, std::uint64_t last) {
  const auto& entries = streams_[index].entries;
  for (auto each = entries.lower_bound(first); each != entries.end() && each->first <= last;
       each = entries.lower_bound(first))
    use_up({index, each->first});
}

// Requires: the entry is here.
void ReceivedStreams::erase_entry(const EntryRef& ref) {
  auto& entries = streams_[ref.stream].entries;
  const auto found = entries.find(ref.number);
  const auto used = in_use_.find(found->second.intent);
  if (used != in_use_.end() && used->second == ref) in_use_.erase(used);
  erase_indexed(ref, found->second);
  forget_again(ref, found->second);
  streams_[ref.stream].name_bytes -= found->second.name.size();
  name_bytes_ -= found->second.name.size();
  entries.erase(found);
  --entries_;
}

bool ReceivedStreams::is_gone(const EntryRef& ref) const {
  const EntryRanges& gone = streams_[ref.stream].gone;
  const auto after = gone.upper_bound(ref.number);
  return after != gone.begin() && std::prev(after)->second >= ref.number;
}

void ReceivedStreams::end_receipts() {
  for (ReceivedStream& each : streams_) each.receipts = {};
}

void ReceivedStreams::note_gone(const EntryRef& ref) {
  ReceivedStream* of = stream(ref.stream);
  if (of == nullptr || ref.number == 0 || ref.number == UINT64_MAX) return;
  // Open, or in use by a delivery of which the record that gave it back was lost.
  if (of->entries.contains(ref.number))
    use_up(ref);
  else
    add_gone(of, ref.number, ref.number);
}

void ReceivedStreams::add_entry(const EntryRef& ref, ReceivedEntry entry) {
  ReceivedStream& of = streams_[ref.stream];
  const std::uint64_t intent = std::exchange(entry.intent, 0);
  // A record that is read again must not open what was used up.
  if (is_gone(ref)) return add_spent(ref, named_digest(entry.digest, entry.name));
  if (of.entries.contains(ref.number) || count_in(of.others, ref.number, ref.number) > 0) return;
  if (entry.again && !has_room_again(ref, entry)) entry.again.reset();
  if (entry.again) later_.emplace(*container_of(ref, entry), ref);
  add_open(ref, entry);
  of.name_bytes += entry.name.size();
  name_bytes_ += entry.name.size();
  of.entries.emplace(ref.number, std::move(entry));
  ++entries_;
  if (intent != 0 && !in_use_.contains(intent)) use(ref, intent);
}

void ReceivedStreams::add_open(const EntryRef& ref, const ReceivedEntry& entry) {
  open_.add(entry.digest, ref);
  named_.add(with_name(entry.name, entry.digest), ref);
}

void ReceivedStreams::erase_open(const EntryRef& ref, const ReceivedEntry& entry) {
  open_.erase(entry.digest, ref);
  named_.erase(with_name(entry.name, entry.digest), ref);
}

void ReceivedStreams::erase_indexed(const EntryRef& ref, const ReceivedEntry& entry) {
  if (entry.intent != 0)
    used_.erase(entry.digest, ref);
  else
    erase_open(ref, entry);
}

void ReceivedStreams::add_gone(ReceivedStream* stream, std::uint64_t first, std::uint64_t last) {
  add_range(&stream->gone, first, last);
}

// The list of a container that was delivered already: its entry is used up. Not one of another name: that of
// another container of the same content, which may not have come.
bool ReceivedStreams::take_early(const ReceivedEntry& entry) {
  if (early_.empty()) return false;
  auto found = std::find(early_.begin(), early_.end(), named_digest(entry.digest, entry.name));
  if (found == early_.end()) found = std::find(early_.begin(), early_.end(), entry.digest);
  if (found == early_.end()) return false;
  early_.erase(found);
  return true;
}

// Whether its container is in the quarantine since before its list came.
bool ReceivedStreams::take_put_away(const ReceivedEntry& entry) {
  const auto found = std::find_if(put_away_.begin(), put_away_.end(), [&](const std::string& what) {
    return what == entry.digest || what == entry.name;
  });
  if (found == put_away_.end()) return false;
  put_away_.erase(found);
  return true;
}

std::vector<EntryRef> ReceivedStreams::open_with_name(const std::string& name) const {
  return named_.with_beginning(with_name(name));
}

void ReceivedStreams::add_spent(const EntryRef& ref, const std::string& word) {
  add_digest(ref, word, &streams_[ref.stream].spent, &spent_);
}

void ReceivedStreams::add_digest(const EntryRef& ref, const std::string& word,
                                 std::map<std::uint64_t, std::string>* digests, RefIndex* index) {
  if (!digests->emplace(ref.number, word).second) return;
  index->add(digest_of_word(word), ref);
  if (digests->size() <= kSpent) return;
  index->erase(digest_of_word(digests->begin()->second), {ref.stream, digests->begin()->first});
  digests->erase(digests->begin());
}

// Joins it with its neighbours where no list is missing between them.
void ReceivedStreams::add_run(ReceivedStream* stream, const ListRun& run) {
  auto& runs = stream->runs;
  auto at = std::find_if(runs.begin(), runs.end(),
                         [&](const ListRun& each) { return each.first_list > run.first_list; });
  if (at != runs.begin() && std::prev(at)->last_list >= run.first_list) return;
  if (at != runs.end() && at->first_list <= run.last_list) return;
  at = runs.insert(at, run);
  if (const auto after = std::next(at); after != runs.end() && after->first_list == at->last_list + 1) {
    at->last_list = after->last_list;
    at->next_entry = after->next_entry;
    at->digest = after->digest;
    runs.erase(after);
  }
  if (at == runs.begin()) return;
  const auto before = std::prev(at);
  if (before->last_list + 1 != at->first_list) return;
  before->last_list = at->last_list;
  before->next_entry = at->next_entry;
  before->digest = at->digest;
  runs.erase(at);
}

ReceivedStream* ReceivedStreams::stream(std::uint64_t index) {
  return index < streams_.size() && !streams_[index].address.node.empty() ? &streams_[index] : nullptr;
}

}  // namespace paxect::link
