// The records of SentStream: their text, and the changes that they make.
#include <algorithm>

#include "records/digest_word.h"
#include "records/sent_stream.h"

namespace paxect::link {
namespace {

constexpr std::size_t kDigestsInLine = 256;

std::string numbers_record(std::string_view kind, const std::vector<SentStream::EntryNumber>& numbers) {
  JournalLine line(kind);
  for (const auto& [stream, number] : numbers) line.text(stream).number(number);
  return line.finish();
}

std::string ranges_record(std::string_view kind, const std::string& stream, const EntryRanges& ranges) {
  JournalLine line(kind);
  line.text(stream);
  for (const auto& [first, last] : ranges) line.number(first).number(last);
  return line.finish();
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
  return line.number(entry.id)
      .text(digest_word(entry.digest, entry.again))
      .text(entry.name)
      .text(entry.place)
      .text(entry.source);
}

SentEntry read_entry(JournalWords& words) {
  SentEntry entry;
  words.number(&entry.id);
  for (std::string* text : {&entry.digest, &entry.name, &entry.place, &entry.source}) *text = words.text();
  entry.again = take_earlier(&entry.digest);
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

namespace {

std::string list_line(std::string_view kind, const SentList& list) {
  JournalLine line(kind);
  line.number(list.number)
      .number(list.first)
      .text(list.previous)
      .number(list.made)
      .number(list.within)
      .text(receivers_text(list.to))
      .number(list.log.lines)
      .text(list.log.chain)
      .text(list.digest);
  for (const SentEntry& entry : list.entries) add_entry(line, entry);
  return line.finish();
}

}  // namespace

std::string list_record(const SentList& list) { return list_line("decided", list); }

std::string adopted_record(const SentList& list) { return list_line("adopted", list); }

std::string lost_record(const LostEntries::value_type& entry) {
  const auto& [key, lost] = entry;
  return JournalLine("lost")
      .text(lost.number.first)
      .number(lost.number.second)
      .number(lost.made)
      .number(lost.noted_ns)
      .text(lost.to)
      .text(key.first)
      .text(key.second)
      .finish();
}

std::string shown_record(const ShownEntry& shown) {
  return JournalLine("shown")
      .number(shown.id)
      .text(shown.number.first)
      .number(shown.number.second)
      .number(shown.made)
      .text(shown.to)
      .finish();
}

std::string digest_record(const std::string& stream, std::uint64_t number, std::uint64_t first,
                          const std::string& digest) {
  return JournalLine("digests").text(stream).number(number).number(first).text(digest).finish();
}

std::string found_record(const LostEntries::key_type& digest_and_name) {
  return JournalLine("found").text(digest_and_name.first).text(digest_and_name.second).finish();
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

std::string forgone_record(const std::string& stream, const EntryRanges& ranges) {
  return ranges_record("forgone", stream, ranges);
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
  for (const auto& [stream, ranges] : replaced_) lines.push_back(ranges_record("replaced", stream, ranges));
  for (const auto& [stream, ranges] : forgone_) lines.push_back(forgone_record(stream, ranges));
  for (const auto& entry : lost_) lines.push_back(lost_record(entry));
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
    for (auto list = known.begin(); list != known.end() && list->first < end;) {
      JournalLine line("digests");
      line.text(stream).number(list->first);
      std::uint64_t number = list->first;
      for (std::size_t n = 0; n < kDigestsInLine && number < end; ++n, ++number, ++list) {
        if (list == known.end() || list->first != number) break;
        line.number(list->second.first).text(list->second.second);
      }
      lines.push_back(line.finish());
    }
  }
  for (SentList list : lists_) {
    for (std::size_t i = 0; i < list.entries.size(); ++i)
      if (!kept_.contains({name, list.first + i})) list.entries[i].place = list.entries[i].source = "";
    lines.push_back(list_record(list));
  }
  for (const SentEntry& entry : unlisted_.all()) lines.push_back(sent_record(entry));
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
  } else if (kind == "replaced" || kind == "forgone") {
    const std::string stream = words.text();
    while (!words.empty()) {
      std::uint64_t first = 0;
      std::uint64_t last = 0;
      words.number(&first);
      words.number(&last);
      note_over(kind == "replaced" ? &replaced_ : &forgone_, stream, first, last);
    }
  } else if (kind == "settled") {
    settle(words.text());
  } else if (kind == "sent") {
    add(read_entry(words));
  } else if (kind == "decided") {
    decide(read_list(words));
  } else if (kind == "adopted") {
    adopt(read_list(words));
  } else if (kind == "lost") {
    LostEntry lost;
    lost.number.first = words.text();
    words.number(&lost.number.second);
    words.number(&lost.made);
    words.number(&lost.noted_ns);
    lost.to = words.text();
    const std::string digest = words.text();
    note_lost({{{digest, words.text()}, lost}});
  } else if (kind == "shown") {
    ShownEntry shown;
    words.number(&shown.id);
    shown.number.first = words.text();
    words.number(&shown.number.second);
    words.number(&shown.made);
    shown.to = words.text();
    note_shown(shown);
  } else if (kind == "found") {
    std::string digest = words.text();
    forget_lost({std::move(digest), words.text()});
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
