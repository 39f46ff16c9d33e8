// The records of ReceivedStreams: their text, and the changes that they make.
#include <algorithm>
#include <type_traits>

#include "records/digest_word.h"
#include "records/received_streams.h"

namespace paxect::link {
namespace {

constexpr std::size_t kWordsInLine = 256;  // items of a record that was rewritten
constexpr std::uint64_t kNobody = UINT64_MAX;

bool is_reason(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// A time of a damaged record may be any number.
void shift(std::int64_t* time, std::int64_t seconds) {
  std::int64_t moved = 0;
  if (!__builtin_add_overflow(*time, seconds, &moved)) *time = moved;
}

// What the records of lists have in common.
JournalLine list_line(std::string_view kind, std::size_t stream, const List& list, const std::string& digest,
                      std::int64_t now) {
  JournalLine line(kind);
  line.number(stream)
      .number(list.head.number)
      .text(digest)
      .text(list.head.previous)
      .number(list.first)
      .number(list.within)
      .number(now);
  return line;
}

}  // namespace

// ---- one change ------------------------------------------------------------------------------------------

std::string ReceivedStreams::list_records(const StreamAddress& address, const List& list,
                                          const std::string& digest, std::int64_t now) const {
  const std::size_t index = find(address).value_or(streams_.size());
  JournalLine line = list_line("list", index, list, digest, now);
  for (const ListEntry& entry : list.entries)
    line.text(digest_word(entry.digest, entry.again)).text(entry.name);
  return new_stream_record(address, list) + line.finish();
}

std::string ReceivedStreams::other_records(const StreamAddress& address, const List& list,
                                           const std::string& digest, std::int64_t now) const {
  JournalLine line = list_line("other", find(address).value_or(streams_.size()), list, digest, now);
  for (const ListEntry& entry : list.entries) line.text(entry.digest);
  return new_stream_record(address, list) + line.finish();
}

// "" for a stream that is known.
std::string ReceivedStreams::new_stream_record(const StreamAddress& address, const List& list) const {
  if (find(address)) return "";
  return JournalLine("stream")
      .number(streams_.size())
      .text(address.node)
      .text(address.key)
      .text(address.stream)
      .text(list.head.continues ? list.head.continues->stream : "")
      .number(list.head.continues ? list.head.continues->number : 0)
      .finish();
}

std::string ReceivedStreams::fork_record(std::size_t stream) const {
  return JournalLine("fork").number(stream).finish();
}

std::string ReceivedStreams::until_record(std::size_t stream, std::uint64_t number) {
  return JournalLine("until").number(stream).number(number).finish();
}

std::string ReceivedStreams::early_record(const std::string& digest, const std::string& name) {
  return JournalLine("early").text(named_digest(digest, name)).finish();
}

std::string ReceivedStreams::put_away_record(const std::string& what) const {
  const bool is_known = std::find(put_away_.begin(), put_away_.end(), what) != put_away_.end();
  return is_known ? "" : JournalLine("put_away").text(what).finish();
}

std::string ReceivedStreams::gone_records(const std::string& node, const std::string& stream,
                                          const Ranges& ranges) const {
  const auto is_covered = [](const std::map<std::uint64_t, std::uint64_t>& known, const auto& range) {
    const auto after = known.upper_bound(range.first);
    return after != known.begin() && std::prev(after)->second >= range.second;
  };
  std::string records;
  const std::vector<std::size_t>& known = streams_named(node, stream);
  for (const std::size_t i : known)
    for (const auto& range : ranges)
      if (!is_covered(streams_[i].gone, range))
        records += JournalLine("gone").number(i).number(range.first).number(range.second).finish();
  // Also where one is known: it may be that of somebody with another key, and its own one comes later.
  if (!known.empty() && records.empty()) return records;
  const auto found = receipted_gone_.find({node, stream});
  if (found == receipted_gone_.end() && receipted_gone_.size() >= kMaxStreams) return records;
  for (const auto& range : ranges)
    if (found == receipted_gone_.end() || !is_covered(found->second, range))
      records += JournalLine("receipted_gone")
                     .text(node)
                     .text(stream)
                     .number(range.first)
                     .number(range.second)
                     .finish();
  return records;
}

std::string ReceivedStreams::write_off_records(std::size_t stream, const EntryRanges& entries,
                                               std::uint64_t last_list) {
  std::string records;
  for (const auto& [first, last] : entries)
    records += JournalLine("written_off").number(stream).number(first).number(last).finish();
  if (last_list > 0) records += JournalLine("lists_off").number(stream).number(last_list).finish();
  return records;
}

std::string ReceivedStreams::unseen_off_record(const std::string& node, const std::string& stream,
                                               std::uint64_t last_list) {
  return JournalLine("unseen_off").text(node).text(stream).number(last_list).finish();
}

std::string ReceivedStreams::shift_record(std::int64_t seconds) {
  return JournalLine("shift").number(seconds).finish();
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

// ---- reading ---------------------------------------------------------------------------------------------

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
  if (index >= kMaxIndex || read.address.node.empty()) return;
  if (index >= streams_.size()) streams_.resize(index + 1);
  if (!streams_[index].address.node.empty()) return;
  streams_[index] = std::move(read);
  by_name_[{streams_[index].address.node, streams_[index].address.stream}].push_back(index);
  // What was given up before its first list came.
  streams_[index].lists_written_off =
      lists_off_unseen(streams_[index].address.node, streams_[index].address.stream);
  take_receipted(index);
}

// What is known of its entries since before its first list. It stays known: where two keys of the node have
// signed streams of that name the receipt does not show which of them it is about, and what was delivered
// must not be delivered again. Whoever has the other key harms what that key has signed.
void ReceivedStreams::take_receipted(std::size_t index) {
  const StreamAddress& address = streams_[index].address;
  const auto ranges = receipted_gone_.find({address.node, address.stream});
  if (ranges == receipted_gone_.end()) return;
  for (const auto& [first, last] : ranges->second) add_gone(&streams_[index], first, last);
}

void ReceivedStreams::erase_entries(std::size_t index, std::uint64_t first, std::uint64_t last) {
  const auto& entries = streams_[index].entries;
  for (auto each = entries.lower_bound(first); each != entries.end() && each->first <= last;
       each = entries.lower_bound(first))
    erase_entry({index, each->first});
}

void ReceivedStreams::take_list(JournalWords& words, bool is_ours) {
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
    entry.again = take_earlier(&entry.digest);
    if (is_ours) entry.name = words.text();
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
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const EntryRef ref{static_cast<std::size_t>(index), run.first_entry + i};
    if (!is_ours) {
      add_digest(ref, entries[i].digest, &of->foreign, &foreign_);
      continue;
    }
    if (!of->knows(ref.number) && take_early(entries[i]))
      add_gone(of, ref.number, ref.number);
    else if (take_put_away(entries[i]))
      entries[i].reason = kPutAway;
    add_entry(ref, entries[i]);
    if (is_gone(ref))
      use_up_others(ref, entries[i]);
    else
      use_up_if_delivered(ref);
  }
  if (is_ours || entries.empty()) return;
  add_range(&of->others, run.first_entry, run.next_entry - 1);
  erase_entries(index, run.first_entry, run.next_entry - 1);
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
    entry.again = take_earlier(&entry.digest);
    entry.name = words.text();
    entry.reason = words.text();
    // Of a damaged record: entries are numbered from 1.
    if (number > 0 && number < kNobody)
      add_entry({static_cast<std::size_t>(index), number}, std::move(entry));
  }
}

bool ReceivedStreams::take_record(std::string_view kind, JournalWords& words) {
  if (kind == "stream") {
    take_stream(words);
    return true;
  }
  if (kind == "list" || kind == "other") {
    take_list(words, kind == "list");
    return true;
  }
  if (kind == "entry") {
    take_entries(words);
    return true;
  }
  if (kind == "early") {
    while (!words.empty()) early_.push_back(words.text());
    while (early_.size() > kSpent) early_.pop_front();
    return true;
  }
  if (kind == "put_away") {
    put_away_.push_back(words.text());
    if (put_away_.size() > kSpent) put_away_.pop_front();
    return true;
  }
  if (kind == "receipted_gone") {
    std::pair<std::string, std::string> key;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    key.first = words.text();
    key.second = words.text();
    words.number(&first);
    words.number(&last);
    const bool has_room = receipted_gone_.contains(key) || receipted_gone_.size() < kMaxStreams;
    if (first > 0 && last >= first && last < kNobody && has_room)
      add_range(&receipted_gone_[key], first, last);
    return true;
  }
  if (kind == "unseen_off") {
    std::pair<std::string, std::string> key;
    std::uint64_t last = 0;
    key.first = words.text();
    key.second = words.text();
    words.number(&last);
    const bool has_room = unseen_off_.contains(key) || unseen_off_.size() < kMaxStreams;
    if (!key.first.empty() && last > 0 && has_room) unseen_off_[key] = std::max(unseen_off_[key], last);
    return true;
  }
  if (kind == "delivered_again") {
    ListedContainer of;
    std::get<0>(of) = words.text();
    std::get<1>(of) = words.text();
    words.number(&std::get<2>(of));
    std::get<3>(of) = words.text();
    std::get<4>(of) = words.text();
    note_delivered_again(of);
    return true;
  }
  if (kind == "shift") {
    std::int64_t seconds = 0;
    words.number(&seconds);
    for (ReceivedStream& each : streams_) {
      shift(&each.heard, seconds);
      for (auto& [number, entry] : each.entries) shift(&entry.since, seconds);
    }
    return true;
  }
  constexpr std::string_view kKinds[] = {"fork",   "until",       "refuse",    "receipt", "receipted",
                                         "heard",  "run",         "known",     "gone",    "spent",
                                         "others", "written_off", "lists_off", "foreign"};
  if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) return false;
  std::uint64_t index = kNobody;
  words.number(&index);
  ReceivedStream* of = stream(index);
  if (of == nullptr) return true;
  if (kind == "fork") {
    of->is_forked = true;
    use_up_delivered(of->address);
  } else if (kind == "until") {
    words.number(&of->counts_through);
    use_up_delivered(of->address);
  } else if (kind == "lists_off") {
    words.number(&of->lists_written_off);
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
      const EntryRef ref{static_cast<std::size_t>(index), number};
      if (kind == "gone" || kind == "others" || kind == "written_off") {
        std::uint64_t last = 0;
        words.number(&last);
        const bool is_range = number > 0 && last >= number && last < kNobody;
        if (is_range && kind == "written_off") {
          add_range(&of->written_off, number, last);
        } else if (is_range) {
          if (kind == "gone") use_up_entries(ref.stream, number, last);
          // What was delivered, or is for others, is not open, whatever an earlier record says.
          add_range(kind == "gone" ? &of->gone : &of->others, number, last);
          erase_entries(ref.stream, number, last);
        }
      } else if (kind == "known") {
        of->known[number] = words.text();
      } else if (kind == "spent") {
        add_spent(ref, words.text());
      } else {
        add_digest(ref, words.text(), &of->foreign, &foreign_);
      }
    }
  }
  return true;
}

// ---- all of it -------------------------------------------------------------------------------------------

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
  // Which of them count comes before all entries: it decides what is joined.
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
    if (of.is_forked) lines.push_back(fork_record(i));
    if (of.counts_through != UINT64_MAX) lines.push_back(until_record(i, of.counts_through));
  }
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const ReceivedStream& of = streams_[i];
    if (of.address.node.empty()) continue;
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
              .text(digest_word(entry.digest, entry.again))
              .text(entry.name)
              .text(entry.reason);
        },
        &lines);
    add_lines("spent", i, of.spent, pair, &lines);
    add_lines("others", i, of.others, pair, &lines);
    add_lines("foreign", i, of.foreign, pair, &lines);
    add_lines("written_off", i, of.written_off, pair, &lines);
    if (of.lists_written_off > 0)
      lines.push_back(JournalLine("lists_off").number(i).number(of.lists_written_off).finish());
    const OwnReceipts& own = of.receipts;
    if (own.number > 0)
      lines.push_back(
          receipted_record(i, own.stream, own.number, own.digest, own.made, own.key, own.contents));
    if (!own.pending.empty()) lines.push_back(receipt_record(i, own.stream, own.number + 1, own.pending));
  }
  for (const auto& [node, stream, number, container, name] : delivered_again_)
    lines.push_back(JournalLine("delivered_again")
                        .text(node)
                        .text(stream)
                        .number(number)
                        .text(container)
                        .text(name)
                        .finish());
  for (const auto& [key, last] : unseen_off_) lines.push_back(unseen_off_record(key.first, key.second, last));
  auto digest = early_.begin();
  while (digest != early_.end()) {
    JournalLine line("early");
    for (std::size_t n = 0; n < kWordsInLine && digest != early_.end(); ++n) line.text(*digest++);
    lines.push_back(line.finish());
  }
  for (const std::string& each : put_away_) lines.push_back(JournalLine("put_away").text(each).finish());
  for (const auto& [key, ranges] : receipted_gone_)
    for (const auto& [first, last] : ranges)
      lines.push_back(
          JournalLine("receipted_gone").text(key.first).text(key.second).number(first).number(last).finish());
  return lines;
}

}  // namespace paxect::link
