#include "records/sent_stream.h"

#include <algorithm>
#include <iterator>

namespace paxect::link {
namespace {

constexpr std::size_t kDigestsInLine = 256;

std::string numbers_record(std::string_view kind, const std::vector<SentStream::EntryNumber>& numbers) {
  JournalLine line(kind);
  for (const auto& [stream, number] : numbers) line.text(stream).number(number);
  return line.finish();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

JournalLine& add_entry(JournalLine& line, const SentEntry& entry) {
  return line.number(entry.id).text(entry.digest).text(entry.name).text(entry.place).text(entry.source);
}

SentEntry read_entry(JournalWords& words) {
  SentEntry entry;
  words.number(&entry.id);
  for (std::string* text : {&entry.digest, &entry.name, &entry.place, &entry.source}) *text = words.text();
  return entry;
}

SentList read_list(JournalWords& words) {
  SentList list;
  words.number(&list.number);
  words.number(&list.first);
  list.previous = words.text();
  words.number(&list.made);
  words.number(&list.within);
  list.to = split(words.text());
  words.number(&list.log.lines);
  list.log.chain = words.text();
  list.digest = words.text();
  while (!words.empty()) list.entries.push_back(read_entry(words));
  list.is_durable = true;
  return list;
}

}  // namespace

void SentStream::begin(std::string new_name, std::string new_key, std::string new_node,
                       std::optional<Continued> new_continues) {
  std::deque<SentEntry> entries;
  for (const SentList& list : lists_) {
    if (list.is_named) continue;
    texts_.erase({name, list.first});
    for (std::size_t i = 0; i < list.entries.size(); ++i) {
      kept_.erase({name, list.first + i});
      entries.push_back(list.entries[i]);
    }
  }
  unlisted_.insert(unlisted_.begin(), entries.begin(), entries.end());
  lists_.clear();
  if (!needs_digests(name)) digests_.erase(name);
  name = std::move(new_name);
  key = std::move(new_key);
  node = std::move(new_node);
  continues = std::move(new_continues);
  is_doubtful = false;
  next = next_entry = 1;
  previous.clear();
  times_.clear();
}

EndedStream SentStream::named() const {
  const auto unnamed =
      std::find_if(lists_.begin(), lists_.end(), [](const SentList& list) { return !list.is_named; });
  if (unnamed == lists_.end()) return {next - 1, next_entry - 1, made};
  return {unnamed->number - 1, unnamed->first - 1, made};
}

void SentStream::note_ended(const std::string& stream, const EndedStream& ended) {
  ended_[stream] = ended;
  if (ended_.size() <= kMaxEnded) return;
  settle(std::min_element(ended_.begin(), ended_.end(), [](const auto& one, const auto& other) {
           return one.second.made < other.second.made;
         })->first);
}

void SentStream::settle(const std::string& stream) {
  const auto settled = ended_.extract(stream);  // `stream` may be the key in it
  if (stream != name && !needs_digests(stream)) digests_.erase(stream);
}

// A receipt about it may come that has to be compared.
bool SentStream::needs_digests(const std::string& stream) const {
  return keeps_of(stream) || ended_.contains(stream);
}

// Whether a source stays of an entry of this stream before `before`.
bool SentStream::keeps_of(const std::string& stream, std::uint64_t before) const {
  const auto found = kept_.lower_bound({stream, 0});
  return found != kept_.end() && found->first.first == stream && found->first.second < before;
}

void SentStream::note_digest(const std::string& stream, std::uint64_t number, std::uint64_t first,
                             const std::string& digest) {
  Digests& known = digests_[stream];
  if (known.lists.empty() || number != known.number + known.lists.size()) known = {.number = number};
  known.lists.emplace_back(first, digest);
  // One is needed for as long as a source stays of an entry before the next list.
  while (known.lists.size() > kMaxDigests &&
         (known.lists.size() > kMaxDigestsEver || !keeps_of(stream, known.lists[1].first))) {
    known.lists.pop_front();
    ++known.number;
  }
}

std::string SentStream::digest_of(const std::string& stream, std::uint64_t number) const {
  const auto found = digests_.find(stream);
  if (found == digests_.end() || number < found->second.number) return "";
  const std::uint64_t at = number - found->second.number;
  return at < found->second.lists.size() ? found->second.lists[at].second : "";
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> SentStream::entries_of(const std::string& stream,
                                                                              std::uint64_t number) const {
  const auto found = digests_.find(stream);
  if (found == digests_.end() || number < found->second.number) return std::nullopt;
  const auto& lists = found->second.lists;
  const std::uint64_t at = number - found->second.number;
  if (at >= lists.size()) return std::nullopt;
  if (at + 1 < lists.size()) return std::pair(lists[at].first, lists[at + 1].first);
  const auto ended = ended_.find(stream);
  if (stream != name && ended == ended_.end()) return std::nullopt;
  return std::pair(lists[at].first, stream == name ? next_entry : ended->second.entries + 1);
}

void SentStream::note_time(std::uint64_t first, std::int64_t time) {
  times_.emplace(first, time);
  if (times_.size() <= kMaxTimes) return;
  // Every second one: what is asked for is how old the oldest are.
  bool keeps = false;
  std::erase_if(times_, [&](const auto&) { return !(keeps = !keeps); });
}

std::int64_t SentStream::made_of(std::uint64_t entry) const {
  const auto after = times_.upper_bound(entry);
  return after == times_.begin() ? 0 : std::prev(after)->second;
}

void SentStream::confirm(std::uint64_t through) {
  // The list that has the next entry stays.
  const auto after = times_.upper_bound(through + 1);
  if (after != times_.begin()) times_.erase(times_.begin(), std::prev(after));
}

void SentStream::note_source(const SentEntry& entry) {
  if (!entry.source.empty()) sources_.emplace(std::pair(entry.place, entry.source), entry.digest);
}

void SentStream::forget_source(const SentEntry& entry) {
  auto [begin, end] = sources_.equal_range({entry.place, entry.source});
  const auto found =
      std::find_if(begin, end, [&](const auto& source) { return source.second == entry.digest; });
  if (found != end) sources_.erase(found);
}

bool SentStream::knows(const SentEntry& entry) const {
  const auto [begin, end] = sources_.equal_range({entry.place, entry.source});
  return std::any_of(begin, end, [&](const auto& source) { return source.second == entry.digest; });
}

void SentStream::add(const SentEntry& entry) {
  if (!ids_.insert(entry.id).second) return;
  unlisted_.push_back(entry);
  note_source(entry);
}

void SentStream::decide(const SentList& list) {
  if (list.number < next) return;  // the record was written twice
  for (std::size_t i = 0; i < list.entries.size(); ++i) {
    const SentEntry& entry = list.entries[i];
    const auto found = std::find_if(unlisted_.begin(), unlisted_.end(),
                                    [&](const SentEntry& each) { return each.id == entry.id; });
    if (found != unlisted_.end())
      unlisted_.erase(found);
    else if (ids_.insert(entry.id).second && !kept_.contains({name, list.first + i}))
      note_source(entry);
    if (entry.source.empty()) continue;
    kept_[{name, list.first + i}] = {entry, list.made, joined(list.to)};
    if (ListText& text = texts_[{name, list.first}]; text.text.empty())
      text = {list.entries.size(), key, text_of(list)};
  }
  note_digest(name, list.number, list.first, list.digest);
  if (!list.entries.empty()) note_time(list.first, list.made);
  next = list.number + 1;
  next_entry = list.first + list.entries.size();
  previous = list.digest;
  made = list.made;
  lists_.push_back(list);
}

void SentStream::note_durable(std::uint64_t number) {
  for (SentList& list : lists_)
    if (list.number == number) list.is_durable = true;
}

void SentStream::note_named(std::uint64_t number) {
  for (SentList& list : lists_)
    if (list.number == number) list.is_named = true;
}

void SentStream::forget_lists(std::uint64_t number) {
  while (!lists_.empty() && lists_.front().number <= number) lists_.pop_front();
}

void SentStream::forget_ids() {
  ids_.clear();
  for (const SentEntry& entry : unlisted_) ids_.insert(entry.id);
  for (const SentList& list : lists_)
    for (const SentEntry& entry : list.entries) ids_.insert(entry.id);
}

void SentStream::release(const EntryNumber& number) {
  const auto found = kept_.find(number);
  if (found == kept_.end()) return;
  forget_source(found->second.entry);
  forget_kept(found);
}

void SentStream::forget_kept(std::map<EntryNumber, KeptSource>::iterator source) {
  const EntryNumber number = source->first;
  const auto later = kept_.erase(source);
  if (number.first != name && !needs_digests(number.first)) digests_.erase(number.first);
  const auto after = texts_.upper_bound(number);
  if (after == texts_.begin()) return;
  const auto list = std::prev(after);
  const auto& [stream, first] = list->first;
  const std::uint64_t end = first + list->second.count;
  if (stream != number.first || number.second >= end) return;
  const bool keeps_later = later != kept_.end() && later->first.first == stream && later->first.second < end;
  const bool keeps_earlier = later != kept_.begin() && std::prev(later)->first.first == stream &&
                             std::prev(later)->first.second >= first;
  if (!keeps_later && !keeps_earlier) texts_.erase(list);
}

const ListText* SentStream::list_with(const EntryNumber& entry) const {
  const auto after = texts_.upper_bound(entry);
  if (after == texts_.begin()) return nullptr;
  const auto& [list, text] = *std::prev(after);
  return list.first == entry.first && entry.second < list.second + text.count ? &text : nullptr;
}

void SentStream::relist(const EntryNumber& number) {
  const auto found = kept_.find(number);
  if (found == kept_.end()) return;
  unlisted_.push_back(found->second.entry);
  ids_.insert(found->second.entry.id);
  forget_kept(found);
}

void SentStream::keep(const EntryNumber& number, const KeptSource& source) {
  if (kept_.contains(number)) return;
  note_source(source.entry);
  kept_[number] = source;
}

void SentStream::forget_unlisted(const std::set<std::pair<std::string, std::string>>& digests_and_names) {
  std::erase_if(unlisted_, [&](const SentEntry& entry) {
    if (!digests_and_names.contains({entry.digest, entry.name})) return false;
    forget_source(entry);
    return true;
  });
}

std::string SentStream::text_of(const SentList& list) const {
  List text;
  text.head = {.from = node,
               .to = list.to,
               .stream = name,
               .continues = continues,
               .number = list.number,
               .previous = list.previous,
               .made = list.made,
               .log = list.log};
  text.first = list.first;
  text.within = list.within;
  for (const SentEntry& entry : list.entries) text.entries.push_back({entry.digest, entry.name});
  return list_text(text);
}

// ---- records -------------------------------------------------------------------------------------------

std::string stream_record(const SentStream& stream) {
  return JournalLine("sender")
      .text(stream.name)
      .text(stream.key)
      .text(stream.node)
      .text(stream.continues ? stream.continues->stream : "")
      .number(stream.continues ? stream.continues->number : 0)
      .flag(stream.is_doubtful)
      .number(stream.next)
      .number(stream.next_entry)
      .text(stream.previous)
      .number(stream.made)
      .finish();
}

std::string ended_record(const std::string& stream, const EndedStream& ended) {
  return JournalLine("ended")
      .text(stream)
      .number(ended.lists)
      .number(ended.entries)
      .number(ended.made)
      .finish();
}

std::string settled_record(const std::string& stream) { return JournalLine("settled").text(stream).finish(); }

std::string sent_record(const SentEntry& entry) {
  JournalLine line("sent");
  return add_entry(line, entry).finish();
}

std::string list_record(const SentList& list) {
  JournalLine line("decided");
  line.number(list.number)
      .number(list.first)
      .text(list.previous)
      .number(list.made)
      .number(list.within)
      .text(joined(list.to))
      .number(list.log.lines)
      .text(list.log.chain)
      .text(list.digest);
  for (const SentEntry& entry : list.entries) add_entry(line, entry);
  return line.finish();
}

std::string listed_record(std::uint64_t number) { return JournalLine("listed").number(number).finish(); }

std::string kept_record(const SentStream::EntryNumber& number, const KeptSource& source) {
  JournalLine line("kept");
  line.text(number.first).number(number.second).number(source.made).text(source.to);
  return add_entry(line, source.entry).finish();
}

std::string relisted_record(const std::vector<SentStream::EntryNumber>& numbers) {
  return numbers_record("relisted", numbers);
}

std::string released_record(const std::vector<SentStream::EntryNumber>& numbers) {
  return numbers_record("released", numbers);
}

std::vector<std::string> SentStream::records() const {
  std::vector<std::string> lines;
  if (!name.empty()) {
    // As it was before the lists that follow.
    SentStream before;
    before.name = name;
    before.key = key;
    before.node = node;
    before.continues = continues;
    before.is_doubtful = is_doubtful;
    before.made = made;
    before.next = lists_.empty() ? next : lists_.front().number;
    before.next_entry = lists_.empty() ? next_entry : lists_.front().first;
    before.previous = lists_.empty() ? previous : lists_.front().previous;
    lines.push_back(stream_record(before));
    JournalLine line("made");
    for (const auto& [first, time] : times_)
      if (first < before.next_entry) line.number(first).number(time);
    if (!times_.empty() && times_.begin()->first < before.next_entry) lines.push_back(line.finish());
  }
  for (const auto& [stream, ended] : ended_) lines.push_back(ended_record(stream, ended));
  for (const auto& [number, source] : kept_) lines.push_back(kept_record(number, source));
  for (const auto& [list, text] : texts_) {
    const bool is_decided_below =
        list.first == name && !lists_.empty() && list.second >= lists_.front().first;
    if (is_decided_below) continue;
    JournalLine line("text");
    line.text(list.first).number(list.second).number(text.count).text(text.key).text(text.text);
    lines.push_back(line.finish());
  }
  for (const auto& [stream, known] : digests_) {
    const std::uint64_t end = stream == name && !lists_.empty() ? lists_.front().number : UINT64_MAX;
    for (std::size_t i = 0; i < known.lists.size() && known.number + i < end; i += kDigestsInLine) {
      JournalLine line("digests");
      line.text(stream).number(known.number + i);
      for (std::size_t j = i; j < std::min(known.lists.size(), i + kDigestsInLine); ++j)
        if (known.number + j < end) line.number(known.lists[j].first).text(known.lists[j].second);
      lines.push_back(line.finish());
    }
  }
  for (SentList list : lists_) {
    for (std::size_t i = 0; i < list.entries.size(); ++i)
      if (!kept_.contains({name, list.first + i})) list.entries[i].place = list.entries[i].source = "";
    lines.push_back(list_record(list));
  }
  for (const SentEntry& entry : unlisted_) lines.push_back(sent_record(entry));
  return lines;
}

bool SentStream::take(std::string_view kind, JournalWords& words) {
  if (kind == "sender") {
    SentStream read;
    for (std::string* text : {&read.name, &read.key, &read.node}) *text = words.text();
    Continued before{.stream = words.text()};
    words.number(&before.number);
    if (!before.stream.empty()) read.continues = before;
    read.is_doubtful = words.flag();
    words.number(&read.next);
    words.number(&read.next_entry);
    read.previous = words.text();
    words.number(&read.made);
    begin(read.name, read.key, read.node, read.continues);
    is_doubtful = read.is_doubtful;
    next = read.next;
    next_entry = read.next_entry;
    previous = read.previous;
    made = read.made;
  } else if (kind == "ended") {
    const std::string stream = words.text();
    EndedStream ended;
    words.number(&ended.lists);
    words.number(&ended.entries);
    words.number(&ended.made);
    note_ended(stream, ended);
  } else if (kind == "settled") {
    settle(words.text());
  } else if (kind == "sent") {
    add(read_entry(words));
  } else if (kind == "decided") {
    decide(read_list(words));
  } else if (kind == "listed") {
    std::uint64_t number = 0;
    words.number(&number);
    forget_lists(number);
  } else if (kind == "kept") {
    std::string stream = words.text();
    std::uint64_t number = 0;
    KeptSource source;
    words.number(&number);
    words.number(&source.made);
    source.to = words.text();
    source.entry = read_entry(words);
    keep({std::move(stream), number}, source);
  } else if (kind == "text") {
    EntryNumber list;
    ListText text;
    list.first = words.text();
    words.number(&list.second);
    words.number(&text.count);
    text.key = words.text();
    text.text = words.text();
    texts_[list] = std::move(text);
  } else if (kind == "digests") {
    const std::string stream = words.text();
    std::uint64_t number = 0;
    words.number(&number);
    for (; !words.empty(); ++number) {
      std::uint64_t first = 0;
      words.number(&first);
      note_digest(stream, number, first, words.text());
    }
  } else if (kind == "made") {
    while (!words.empty()) {
      std::uint64_t first = 0;
      std::int64_t time = 0;
      words.number(&first);
      words.number(&time);
      note_time(first, time);
    }
  } else if (kind == "released" || kind == "relisted") {
    while (!words.empty()) {
      std::string stream = words.text();
      std::uint64_t number = 0;
      words.number(&number);
      if (kind == "released")
        release({std::move(stream), number});
      else
        relist({std::move(stream), number});
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace paxect::link
