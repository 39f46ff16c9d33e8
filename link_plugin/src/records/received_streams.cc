#include "records/received_streams.h"

#include <algorithm>
#include <tuple>
#include <type_traits>

namespace paxect::link {
namespace {

constexpr std::size_t kWordsInLine = 256;  // items of a record that was rewritten
constexpr std::uint64_t kNobody = UINT64_MAX;

std::string forked(const std::string& why) {
  return why +
         ": the sender has signed two texts for one number; what it signs in this stream is not "
         "delivered any more: have it begin a new stream";
}

std::string no_room(std::uint64_t number) {
  return "there is no room for list " + std::to_string(number) + ": too much of what is listed is missing";
}

bool is_reason(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// Appends one entry to ranges of which each covers successive entries.
void append(std::vector<OutcomeRange>* ranges, OutcomeRange next) {
  if (!ranges->empty()) {
    OutcomeRange& last = ranges->back();
    if (last.outcome == next.outcome && last.reason == next.reason) {
      last.last = next.last;
      return;
    }
  }
  ranges->push_back(std::move(next));
}

OutcomeRange outcome_of(std::uint64_t number, const ReceivedEntry& entry, std::int64_t now,
                        std::int64_t late_after) {
  OutcomeRange range{.first = number, .last = number};
  if (entry.intent == 0 && !entry.reason.empty()) {
    range.outcome = Outcome::kRefused;
    range.reason = entry.reason;
  } else if (entry.intent == 0 && now - entry.since >= late_after) {
    range.outcome = Outcome::kMissing;
  }
  return range;
}

}  // namespace

// ---- views -----------------------------------------------------------------------------------------------

std::vector<std::pair<std::uint64_t, std::uint64_t>> ReceivedStream::gaps() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
  std::uint64_t next = 1;
  for (const ListRun& run : runs) {
    if (run.first_entry > next) found.emplace_back(next, run.first_entry - 1);
    next = run.next_entry;
  }
  return found;
}

// Also where a damaged journal has lost records: a number that nothing is known of is missing, and where two
// records are about one number a delivery wins.
std::vector<OutcomeRange> ReceivedStream::outcomes(std::int64_t now, std::int64_t late_after) const {
  std::vector<OutcomeRange> all;
  for (const auto& [first, last] : gone)
    all.push_back({.outcome = Outcome::kDelivered, .first = first, .last = last});
  for (const auto& [number, entry] : entries) all.push_back(outcome_of(number, entry, now, late_after));
  std::stable_sort(all.begin(), all.end(), [](const OutcomeRange& one, const OutcomeRange& other) {
    return one.first < other.first;
  });
  std::vector<OutcomeRange> joined;
  std::uint64_t next = 1;
  const auto fill = [&](std::uint64_t end) {
    if (next < end) append(&joined, {.outcome = Outcome::kMissing, .first = next, .last = end - 1});
    next = std::max(next, end);
  };
  for (OutcomeRange& range : all) {
    if (range.last < next) continue;
    fill(range.first);
    range.first = next;
    next = range.last + 1;
    append(&joined, std::move(range));
  }
  fill(next_entry());
  return joined;
}

bool ReceivedStream::knows(std::uint64_t number) const {
  if (entries.contains(number)) return true;
  const auto after = gone.upper_bound(number);
  return after != gone.begin() && std::prev(after)->second >= number;
}

bool ReceivedStream::is_listed(std::uint64_t number) const {
  return std::any_of(runs.begin(), runs.end(), [&](const ListRun& run) {
    return run.first_entry <= number && number < run.next_entry;
  });
}

bool ReceivedStream::is_in_run(std::uint64_t number) const {
  return std::any_of(runs.begin(), runs.end(),
                     [&](const ListRun& run) { return run.first_list <= number && number <= run.last_list; });
}

bool ReceivedStream::has(std::uint64_t number, const std::string& digest) const {
  const auto text = known.find(number);
  return text != known.end() && text->second == digest && is_in_run(number);
}

bool ReceivedStream::is_beyond(std::uint64_t number) const {
  return !known.contains(number) && is_in_run(number);
}

bool ReceivedStream::is_whole() const {
  std::uint64_t unknown = 0;
  for (const ListRun& run : runs) {
    unknown += run.next_entry - run.first_entry;
    unknown -= static_cast<std::uint64_t>(
        std::distance(entries.lower_bound(run.first_entry), entries.lower_bound(run.next_entry)));
    for (const auto& [first, last] : gone) {
      const std::uint64_t begin = std::max(first, run.first_entry);
      const std::uint64_t end = std::min(last + 1, run.next_entry);
      if (begin < end) unknown -= end - begin;
    }
  }
  return unknown == 0;
}

std::optional<std::size_t> ReceivedStreams::find(const StreamAddress& address) const {
  for (std::size_t i = 0; i < streams_.size(); ++i)
    if (streams_[i].address == address) return i;
  return std::nullopt;
}

std::optional<EntryRef> ReceivedStreams::find_open(const std::string& digest, const std::string& name) const {
  std::optional<EntryRef> best;
  bool has_name = false;
  const auto [begin, end] = by_digest_.equal_range(digest);
  for (auto found = begin; found != end; ++found) {
    const EntryRef& ref = found->second;
    const ReceivedEntry* each = entry(ref);
    if (each == nullptr || each->intent != 0 || streams_[ref.stream].is_forked) continue;
    const bool is_named = each->name == name;
    const bool is_earlier = best && std::tie(ref.stream, ref.number) < std::tie(best->stream, best->number);
    if (best && (has_name > is_named || (has_name == is_named && !is_earlier))) continue;
    best = ref;
    has_name = is_named;
  }
  return best;
}

std::optional<EntryRef> ReceivedStreams::find_used(const std::string& digest) const {
  if (auto found = spent_.find(digest); found != spent_.end()) return found->second;
  const auto [begin, end] = by_digest_.equal_range(digest);
  for (auto found = begin; found != end; ++found)
    if (const ReceivedEntry* each = entry(found->second); each != nullptr && each->intent != 0)
      return found->second;
  return std::nullopt;
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
  if ((!index && streams_.size() >= kMaxStreams) || (is_gap && known.runs.size() >= kMaxGaps) ||
      entries_ + list.entries.size() > kMaxEntries) {
    *why = no_room(number);
    return Verdict::kFull;
  }
  return Verdict::kNew;
}

// A list that was taken before. Where a damaged journal has lost some of its entries it opens them again.
ReceivedStreams::Verdict ReceivedStreams::opens_lost(const ReceivedStream& of, const List& list,
                                                     std::string* why) const {
  std::size_t lost = 0;
  for (std::uint64_t i = 0; i < list.entries.size(); ++i)
    if (!of.knows(list.first + i)) ++lost;
  if (lost == 0) return Verdict::kKnown;
  if (entries_ + lost <= kMaxEntries) return Verdict::kNew;
  *why = no_room(list.head.number);
  return Verdict::kFull;
}

std::string ReceivedStreams::list_records(const StreamAddress& address, const List& list,
                                          const std::string& digest, std::int64_t now) const {
  const std::optional<std::size_t> known = find(address);
  const std::size_t index = known.value_or(streams_.size());
  std::string text;
  if (!known)
    text = JournalLine("stream")
               .number(index)
               .text(address.node)
               .text(address.key)
               .text(address.stream)
               .text(list.head.continues ? list.head.continues->stream : "")
               .number(list.head.continues ? list.head.continues->number : 0)
               .finish();
  JournalLine line("list");
  line.number(index)
      .number(list.head.number)
      .text(digest)
      .text(list.head.previous)
      .number(list.first)
      .number(list.within)
      .number(now);
  for (const ListEntry& entry : list.entries) line.text(entry.digest).text(entry.name);
  return text + line.finish();
}

bool ReceivedStreams::is_settled(const ReceivedStream& stream, std::uint64_t number) {
  if (stream.known.contains(number)) return false;
  return std::any_of(stream.runs.begin(), stream.runs.end(),
                     [&](const ListRun& run) { return run.first_list <= number && number <= run.last_list; });
}

std::string ReceivedStreams::fork_record(std::size_t stream) const {
  return JournalLine("fork").number(stream).finish();
}

std::string ReceivedStreams::refuse_record(const EntryRef& entry, std::string_view reason) {
  return JournalLine("refuse").number(entry.stream).number(entry.number).text(reason).finish();
}

std::string ReceivedStreams::receipt_record(std::size_t stream, const std::string& receipt_stream,
                                            std::uint64_t number, const std::string& text) {
  return JournalLine("receipt").number(stream).text(receipt_stream).number(number).text(text).finish();
}

std::string ReceivedStreams::receipted_record(std::size_t stream, const std::string& receipt_stream,
                                              std::uint64_t number, const std::string& digest,
                                              std::int64_t now, const std::string& key,
                                              const std::string& contents) {
  return JournalLine("receipted")
      .number(stream)
      .text(receipt_stream)
      .number(number)
      .text(digest)
      .number(now)
      .text(key)
      .text(contents)
      .finish();
}

// ---- entries ---------------------------------------------------------------------------------------------

void ReceivedStreams::use(const EntryRef& ref, std::uint64_t intent) {
  ReceivedStream* of = stream(ref.stream);
  if (of == nullptr || intent == 0) return;
  const auto found = of->entries.find(ref.number);
  if (found == of->entries.end() || found->second.intent != 0) return;
  found->second.intent = intent;
  in_use_[intent] = ref;
}

void ReceivedStreams::release(std::uint64_t intent) {
  const auto used = in_use_.find(intent);
  if (used == in_use_.end()) return;
  streams_[used->second.stream].entries[used->second.number].intent = 0;
  in_use_.erase(used);
}

void ReceivedStreams::settle(std::uint64_t intent) {
  const auto used = in_use_.find(intent);
  if (used == in_use_.end()) return;
  const EntryRef ref = used->second;
  ReceivedStream& of = streams_[ref.stream];
  const std::string digest = of.entries[ref.number].digest;
  in_use_.erase(used);
  of.entries.erase(ref.number);
  erase(&by_digest_, digest, ref);
  --entries_;
  add_gone(&of, ref.number, ref.number);
  add_spent(ref, digest);
}

void ReceivedStreams::end_receipts() {
  for (ReceivedStream& each : streams_) each.receipts = {};
}

void ReceivedStreams::note_gone(const EntryRef& ref) {
  ReceivedStream* of = stream(ref.stream);
  if (of != nullptr && ref.number != 0 && ref.number < kNobody && !of->entries.contains(ref.number))
    add_gone(of, ref.number, ref.number);
}

void ReceivedStreams::add_entry(const EntryRef& ref, ReceivedEntry entry) {
  ReceivedStream& of = streams_[ref.stream];
  const std::uint64_t intent = std::exchange(entry.intent, 0);
  const std::string digest = entry.digest;
  // A record that is read again must not open what was used up.
  const auto after = of.gone.upper_bound(ref.number);
  if (after != of.gone.begin() && std::prev(after)->second >= ref.number) return;
  if (!of.entries.emplace(ref.number, std::move(entry)).second) return;
  by_digest_.emplace(digest, ref);
  ++entries_;
  if (intent != 0 && !in_use_.contains(intent)) use(ref, intent);
}

void ReceivedStreams::add_gone(ReceivedStream* stream, std::uint64_t first, std::uint64_t last) {
  auto& gone = stream->gone;
  auto after = gone.upper_bound(first);
  if (after != gone.begin()) {
    const auto before = std::prev(after);
    if (before->second >= last) return;
    if (before->second + 1 >= first) {
      first = before->first;
      gone.erase(before);
    }
  }
  while (after != gone.end() && after->first <= last + 1) {
    last = std::max(last, after->second);
    after = gone.erase(after);
  }
  gone[first] = last;
}

void ReceivedStreams::add_spent(const EntryRef& ref, const std::string& digest) {
  auto& spent = streams_[ref.stream].spent;
  if (!spent.emplace(ref.number, digest).second) return;
  spent_.emplace(digest, ref);
  if (spent.size() <= kSpent) return;
  erase(&spent_, spent.begin()->second, {ref.stream, spent.begin()->first});
  spent.erase(spent.begin());
}

void ReceivedStreams::erase(Index* index, const std::string& digest, const EntryRef& ref) {
  const auto [begin, end] = index->equal_range(digest);
  for (auto found = begin; found != end; ++found)
    if (found->second == ref) {
      index->erase(found);
      return;
    }
}

// Joins it with its neighbours where no list is missing between them.
void ReceivedStreams::add_run(ReceivedStream* stream, const ListRun& run) {
  auto& runs = stream->runs;
  auto at = std::find_if(runs.begin(), runs.end(),
                         [&](const ListRun& each) { return each.first_list > run.first_list; });
  if (at != runs.begin() && std::prev(at)->last_list >= run.first_list) return;
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

// ---- records ---------------------------------------------------------------------------------------------

ReceivedStream* ReceivedStreams::stream(std::uint64_t index) {
  return index < streams_.size() && !streams_[index].address.node.empty() ? &streams_[index] : nullptr;
}

void ReceivedStreams::take_stream(JournalWords& words) {
  std::uint64_t index = kNobody;
  ReceivedStream read;
  Continued continued;
  words.number(&index);
  read.address.node = words.text();
  read.address.key = words.text();
  read.address.stream = words.text();
  continued.stream = words.text();
  words.number(&continued.number);
  if (!continued.stream.empty()) read.continues = continued;
  // A record before this one may have been lost: the numbers of the others stay what they are.
  if (index >= kMaxStreams || read.address.node.empty()) return;
  if (index >= streams_.size()) streams_.resize(index + 1);
  if (streams_[index].address.node.empty()) streams_[index] = std::move(read);
}

void ReceivedStreams::take_list(JournalWords& words) {
  std::uint64_t index = kNobody;
  std::uint64_t number = 0;
  ListRun run;
  words.number(&index);
  words.number(&number);
  run.digest = words.text();
  run.previous = words.text();
  words.number(&run.first_entry);
  std::uint64_t within = 0;
  std::int64_t heard = 0;
  words.number(&within);
  words.number(&heard);
  ReceivedStream* of = stream(index);
  if (of == nullptr || number == 0 || run.first_entry == 0) return;
  run.first_list = run.last_list = number;
  run.next_entry = run.first_entry;
  std::vector<ReceivedEntry> entries;
  while (!words.empty() && entries.size() < kMaxListEntries) {
    ReceivedEntry entry{.list = number, .since = heard};
    entry.digest = words.text();
    entry.name = words.text();
    entries.push_back(std::move(entry));
  }
  run.next_entry += entries.size();
  if (number > of->last_list()) {
    of->within = within;
    of->heard = heard;
  }
  add_run(of, run);
  of->known[number] = run.digest;
  if (of->known.size() > kKnownLists) of->known.erase(of->known.begin());
  for (std::size_t i = 0; i < entries.size(); ++i)
    add_entry({static_cast<std::size_t>(index), run.first_entry + i}, std::move(entries[i]));
}

void ReceivedStreams::take_entries(JournalWords& words) {
  std::uint64_t index = kNobody;
  words.number(&index);
  if (stream(index) == nullptr) return;
  while (!words.empty()) {
    std::uint64_t number = 0;
    ReceivedEntry entry;
    words.number(&number);
    words.number(&entry.list);
    words.number(&entry.since);
    words.number(&entry.intent);
    entry.digest = words.text();
    entry.name = words.text();
    entry.reason = words.text();
    add_entry({static_cast<std::size_t>(index), number}, std::move(entry));
  }
}

bool ReceivedStreams::take_record(std::string_view kind, JournalWords& words) {
  if (kind == "stream") {
    take_stream(words);
    return true;
  }
  if (kind == "list") {
    take_list(words);
    return true;
  }
  if (kind == "entry") {
    take_entries(words);
    return true;
  }
  constexpr std::string_view kKinds[] = {"fork", "refuse", "receipt", "receipted", "heard",
                                         "run",  "known",  "gone",    "spent"};
  if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) return false;
  std::uint64_t index = kNobody;
  words.number(&index);
  ReceivedStream* of = stream(index);
  if (of == nullptr) return true;
  if (kind == "fork") {
    of->is_forked = true;
  } else if (kind == "refuse") {
    std::uint64_t number = 0;
    words.number(&number);
    const std::string reason = words.text();
    const auto found = of->entries.find(number);
    if (found != of->entries.end() && is_reason(reason)) found->second.reason = reason;
  } else if (kind == "receipt") {
    of->receipts.stream = words.text();
    std::uint64_t number = 0;
    words.number(&number);
    of->receipts.pending = words.text();
    if (number > 0) of->receipts.number = number - 1;
    if (number == 1) of->receipts.digest.clear();
  } else if (kind == "receipted") {
    of->receipts.stream = words.text();
    words.number(&of->receipts.number);
    of->receipts.digest = words.text();
    words.number(&of->receipts.made);
    of->receipts.key = words.text();
    of->receipts.contents = words.text();
    of->receipts.pending.clear();
  } else if (kind == "heard") {
    words.number(&of->within);
    words.number(&of->heard);
  } else if (kind == "run") {
    ListRun run;
    for (std::uint64_t* value : {&run.first_list, &run.last_list, &run.first_entry, &run.next_entry})
      words.number(value);
    run.previous = words.text();
    run.digest = words.text();
    if (run.first_list > 0 && run.last_list >= run.first_list) add_run(of, run);
  } else {
    while (!words.empty()) {
      std::uint64_t number = 0;
      words.number(&number);
      if (kind == "gone") {
        std::uint64_t last = 0;
        words.number(&last);
        if (number > 0 && last >= number && last < kNobody) add_gone(of, number, last);
      } else if (kind == "known") {
        of->known[number] = words.text();
      } else {
        add_spent({static_cast<std::size_t>(index), number}, words.text());
      }
    }
  }
  return true;
}

namespace {

// Lines of this kind with at most kWordsInLine of the items each.
template <class Items, class Add>
void add_lines(std::string_view kind, std::size_t index, const Items& items, const Add& add,
               std::vector<std::string>* lines) {
  auto item = items.begin();
  while (item != items.end()) {
    JournalLine line(kind);
    line.number(index);
    for (std::size_t n = 0; n < kWordsInLine && item != items.end(); ++n, ++item) add(line, *item);
    lines->push_back(line.finish());
  }
}

}  // namespace

std::vector<std::string> ReceivedStreams::records() const {
  std::vector<std::string> lines;
  const auto pair = [](JournalLine& line, const auto& item) {
    if constexpr (std::is_same_v<std::remove_cv_t<decltype(item.second)>, std::string>)
      line.number(item.first).text(item.second);
    else
      line.number(item.first).number(item.second);
  };
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const ReceivedStream& of = streams_[i];
    if (of.address.node.empty()) continue;
    lines.push_back(JournalLine("stream")
                        .number(i)
                        .text(of.address.node)
                        .text(of.address.key)
                        .text(of.address.stream)
                        .text(of.continues ? of.continues->stream : "")
                        .number(of.continues ? of.continues->number : 0)
                        .finish());
    lines.push_back(JournalLine("heard").number(i).number(of.within).number(of.heard).finish());
    for (const ListRun& run : of.runs)
      lines.push_back(JournalLine("run")
                          .number(i)
                          .number(run.first_list)
                          .number(run.last_list)
                          .number(run.first_entry)
                          .number(run.next_entry)
                          .text(run.previous)
                          .text(run.digest)
                          .finish());
    add_lines("known", i, of.known, pair, &lines);
    add_lines("gone", i, of.gone, pair, &lines);
    add_lines(
        "entry", i, of.entries,
        [](JournalLine& line, const auto& item) {
          const ReceivedEntry& entry = item.second;
          line.number(item.first)
              .number(entry.list)
              .number(entry.since)
              .number(entry.intent)
              .text(entry.digest)
              .text(entry.name)
              .text(entry.reason);
        },
        &lines);
    add_lines("spent", i, of.spent, pair, &lines);
    if (of.is_forked) lines.push_back(fork_record(i));
    const OwnReceipts& own = of.receipts;
    if (own.number > 0)
      lines.push_back(
          receipted_record(i, own.stream, own.number, own.digest, own.made, own.key, own.contents));
    if (!own.pending.empty()) lines.push_back(receipt_record(i, own.stream, own.number + 1, own.pending));
  }
  return lines;
}

}  // namespace paxect::link
